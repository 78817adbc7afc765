// Installs what was packed into an empty project, by name and out of a registry that has nothing else, and runs the README's
// quickstarts against the emulator that was packed: `node tools/check-packages.mjs DIST [OTHERS]`. The Node that runs this is
// the one that is tried; `packaging/platforms/try` runs it on other systems. RUNTIME, a list in JSON, is another program
// that runs the quickstarts, with its arguments. THERE, in JSON too, is the Node of another system that runs here: npm installs
// for that system here, and all else is run by that Node (`{"node": ["wine", "node.exe"], "os": "win32", "cpu": "x64"}`).

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

import { serve, tarballs } from './registry.mjs'

const folders = process.argv.slice(2).map((path) => resolve(path))
const there = process.env.THERE && JSON.parse(process.env.THERE)
const NAMES = ['secondme-avatar', 'secondme-avatar-emulator']
const EXPECTED = "I'm the avatar of Ada Lovelace"
/** Runs the programs that are named against an emulator, and prints what each has said. */
const RUN = `
  import { spawn } from 'node:child_process'
  import { once } from 'node:events'
  import { openSync, readFileSync } from 'node:fs'
  import { startEmulator } from 'secondme-avatar/testing'
  const emulator = await startEmulator({ brain: 'demo' })
  const env = { ...process.env, SECONDME_API_KEY: emulator.apiKey, SECONDME_BASE_URL: emulator.baseUrl }
  const said = {}
  const [runtime, ...args] = JSON.parse(process.env.RUNTIME ?? JSON.stringify([process.execPath]))
  for (const name of process.argv.slice(2)) {
    const out = openSync('program.txt', 'w')
    const program = spawn(runtime, [...args, name], { env, stdio: ['ignore', out, 'inherit'] })
    const [code] = await once(program, 'close')
    said[name] = readFileSync('program.txt', 'utf8')
    if (code !== 0) throw new Error(name + ' has ended with ' + code + ': ' + said[name])
  }
  await emulator.stop()
  console.log(JSON.stringify(said))`
const quickstarts = [
  ...readFileSync(new URL('../README.md', import.meta.url), 'utf8').matchAll(/^```js (quickstart\.\S+)\n(.*?)^```$/gms),
].map(([, name, code]) => ({ name, code }))
if (quickstarts.length !== 2) throw new Error(`the README has ${quickstarts.length} quickstarts`)

const project = mkdtempSync(join(tmpdir(), 'secondme-avatar-packages-'))
const env = { ...process.env }
// What counts is what was installed.
delete env.SECONDME_AVATAR_EMULATOR
delete env.NODE_PATH
// npm hands its settings on to what it runs; this project is not that one.
for (const name of Object.keys(env)) if (name.toLowerCase().startsWith('npm_')) delete env[name]

const registry = await serve(folders)
try {
  checkPlatforms()
  writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true }')
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error', '--ignore-scripts']
  const from = ['--registry', registry.address, '--cache', join(project, '.cache')]
  const system = there === undefined ? [] : [`--os=${there.os}`, `--cpu=${there.cpu}`]
  await npm('npm', 'install', ...quiet, ...system, ...from, ...NAMES)
  const installed = readdirSync(join(project, 'node_modules/@secondme-avatar')).sort()
  if (installed.length !== 2) throw new Error(`npm has installed ${installed}: not one addon and one emulator`)

  for (const { name, code } of quickstarts) writeFileSync(join(project, name), code)
  writeFileSync(join(project, 'run.mjs'), RUN)
  const said = JSON.parse(await run(['run.mjs', ...quickstarts.map(({ name }) => name)]))
  for (const [name, out] of Object.entries(said)) {
    if (!out.includes(EXPECTED)) throw new Error(`${name} has said: ${out}`)
    console.log(`${name}: works`)
  }

  const told = await (there === undefined
    ? npm('npx', '--no-install', 'secondme-avatar-emulator', '--version')
    : run(['node_modules/secondme-avatar-emulator/bin/secondme-avatar-emulator.js', '--version']))
  console.log(`secondme-avatar-emulator --version: ${told.trim()}`)
  const { node } = process.versions
  const by = await run(['--print', "process.versions.node + ' on ' + process.platform + ' ' + process.arch"])
  console.log(`installed by npm of Node ${node}: ${installed.join(', ')}; run by Node ${by.trim()}`)
} finally {
  registry.close()
  rmSync(project, { recursive: true, force: true })
}

/** npm as it came with this Node. */
function npm(program, ...args) {
  const beside = dirname(process.execPath)
  const places = ['node_modules/npm', 'lib/node_modules/npm', '../lib/node_modules/npm', '../share/nodejs/npm']
  const script = places.map((place) => join(beside, place, `bin/${program}-cli.js`)).find((path) => existsSync(path))
  if (script === undefined) throw new Error(`there is no ${program} beside ${process.execPath}`)
  return run([script, ...args], [process.execPath])
}

/** What a program says goes into files: under Wine node cannot write into a pipe. */
async function run(args, [node, ...before] = there?.node ?? [process.execPath]) {
  const [said, complained] = ['out.txt', 'errors.txt'].map((name) => join(project, name))
  const [out, errors] = [said, complained].map((path) => openSync(path, 'w'))
  const program = spawn(node, [...before, ...args], { cwd: project, env, stdio: ['ignore', out, errors] })
  const [code] = await once(program, 'close')
  closeSync(out)
  closeSync(errors)
  process.stderr.write(readFileSync(complained))
  const text = readFileSync(said, 'utf8')
  if (code !== 0) throw new Error(`${args.join(' ')} has ended with ${code}: ${text}`)
  return text
}

/** What a package depends on lies beside it: npm would take the rest from the owner of that name. */
function checkPlatforms() {
  for (const { name: tarball, manifest } of tarballs(folders.slice(0, 1))) {
    if (!tarball.startsWith('secondme-avatar-')) continue
    const { dependencies = {}, optionalDependencies = {} } = manifest
    for (const [name, version] of Object.entries({ ...dependencies, ...optionalDependencies })) {
      if (registry.packages[name]?.manifest.version !== version)
        throw new Error(`${tarball} depends on ${name} ${version}, which was not built`)
    }
  }
}
