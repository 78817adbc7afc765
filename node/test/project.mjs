// A program's folder, as `npm install` leaves it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { here } from '../tools/builds.mjs'

const own = fileURLToPath(new URL('..', import.meta.url))

/** The package of this platform. */
export const addon = `@secondme-avatar/node-${here.name}`

/** An empty folder, for as long as a test lasts. */
export function folder(test) {
  const path = mkdtempSync(join(tmpdir(), 'secondme-avatar-'))
  test.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A folder with these files in it, in whose `node_modules` are the package and its addon. */
export function project(test, files) {
  const path = folder(test)
  const modules = join(path, 'node_modules')
  for (const part of ['package.json', 'lib'])
    cpSync(join(own, part), join(modules, 'secondme-avatar', part), { recursive: true })
  cpSync(join(own, 'node_modules', addon), join(modules, addon), { recursive: true })
  writeFileSync(join(path, 'package.json'), '{ "private": true }')
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
  return path
}

/** The programs of the README, by their names. */
export function programs() {
  const readme = readFileSync(join(own, 'README.md'), 'utf8')
  return Object.fromEntries([...readme.matchAll(/^```js (\S+)\n(.*?)^```$/gms)].map(([, name, code]) => [name, code]))
}

/** Those of them that need nothing but the service. */
export function quickstarts() {
  return Object.fromEntries(Object.entries(programs()).filter(([name]) => name.startsWith('quickstart.')))
}

/** Runs a program to its end. */
export async function finished(program, args, { cwd, env }) {
  const running = spawn(program, args, {
    cwd,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { out: '', err: '' }
  for (const [name, stream] of [
    ['out', running.stdout],
    ['err', running.stderr],
  ]) {
    stream.on('data', (text) => {
      said[name] += text
    })
  }
  await once(running, 'close')
  return { code: running.exitCode, signal: running.signalCode, ...said }
}
