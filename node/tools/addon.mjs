// Puts the addon that cargo has built beside the package, under the name by which that looks for it:
// `node tools/addon.mjs target/debug`

import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { here, library } from './builds.mjs'

if (here === undefined) throw new Error(`no build is meant for ${process.platform} ${process.arch}`)
const to = fileURLToPath(new URL(`../secondme-avatar.${here.name}.node`, import.meta.url))
// A program that has the old one loaded keeps it: a new file takes its place.
rmSync(to, { force: true })
copyFileSync(join(process.argv[2], library(here.os)), to)
