// Puts the addon that cargo has built where npm would have put it, as the package of this platform:
// `node tools/addon.mjs target/debug`

import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { here, library } from './builds.mjs'

if (here === undefined) throw new Error(`no build is meant for ${process.platform} ${process.arch}`)
const name = `@secondme-avatar/node-${here.name}`
const main = `secondme-avatar.${here.name}.node`
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const folder = fileURLToPath(new URL(`../node_modules/${name}/`, import.meta.url))
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version, main }))
// A program that has the old one loaded keeps it: a new file takes its place.
rmSync(join(folder, main), { force: true })
copyFileSync(join(process.argv[2], library(here.os)), join(folder, main))
