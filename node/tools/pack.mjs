// Packs what is handed out.
//
//   node tools/pack.mjs platform NAME BUILT DIST   the addon and the emulator for one platform, out of the folder BUILT
//   node tools/pack.mjs users DIST [OTHERS]        those that users ask for, and those without anything compiled
//
// NAME is a build of `builds.mjs`, or `here`. The packages for users name the platforms whose packages lie in DIST or in
// OTHERS, and no other: what they name and what is not there would be taken from the owner of that name.

import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { builds, here, library } from './builds.mjs'

const [what, ...given] = process.argv.slice(2)
const node = fileURLToPath(new URL('..', import.meta.url))
const root = join(node, '..')
const stage = join(node, 'npm')
/** What says what is linked in, for people and for machines, in each package of compiled code. */
const LINKED_IN = ['THIRD-PARTY-NOTICES.txt', 'sbom.cdx.json']
/** What the addon may weigh. */
const LIMIT = 9_000_000
const FOR_USERS = /^secondme-(avatar|avatar-emulator|avatar-widget|chat-adapter-\w+)-\d.*\.tgz$/
/** Two builds for the same system: a release has one of them, this one if it is there. */
const PREFERRED = { 'win32-x64-gnu': 'win32-x64-msvc' }

const [dist, others] = (what === 'platform' ? given.slice(2) : given).map((path) => resolve(path))
rmSync(stage, { recursive: true, force: true })
mkdirSync(dist, { recursive: true })
if (what === 'platform') platform(given[0], resolve(given[1]))
else if (what === 'users') forUsers()
else throw new Error('node tools/pack.mjs platform NAME BUILT DIST, or node tools/pack.mjs users DIST [OTHERS]')
rmSync(stage, { recursive: true, force: true })

function platform(name, built) {
  const build = name === 'here' ? here : builds.find((build) => build.name === name)
  if (build === undefined) throw new Error(`no build is meant for ${name}: ${process.platform} ${process.arch}`)
  const program = `secondme-avatar-emulator${build.os === 'win32' ? '.exe' : ''}`
  const addon = `secondme-avatar.${build.name}.node`
  const size = binary(build, {
    scope: 'node',
    from: join(built, library(build.os)),
    to: addon,
    main: addon,
    what: 'The native addon of secondme-avatar',
  })
  if (size > LIMIT) throw new Error(`the addon weighs ${size} bytes: more than ${LIMIT}`)
  const from = join(built, program)
  binary(build, { scope: 'emulator', from, to: program, what: 'The program of secondme-avatar-emulator' })
}

function forUsers() {
  for (const old of readdirSync(dist).filter((name) => FOR_USERS.test(name))) rmSync(join(dist, old))
  users({ scope: 'node', folder: node, parts: ['lib', 'README.md'] })
  users({ scope: 'emulator', folder: join(node, 'emulator'), parts: ['index.js', 'index.d.ts', 'bin', 'README.md'] })
  for (const platform of ['feishu', 'dingtalk']) plain(`chat-adapter-${platform}`, ['lib', 'README.md'])
  plain('widget', ['dist', 'custom-elements.json', 'README.md'])
}

/** A package without anything compiled: an adapter of Chat SDK, or the website widget. */
function plain(name, parts) {
  const folder = join(node, name)
  const { devDependencies, scripts, ...rest } = manifest(folder)
  const staged = join(stage, name)
  mkdirSync(staged, { recursive: true })
  for (const part of parts) copy(join(folder, part), join(staged, part))
  write(staged, rest)
  pack(staged)
}

/** The package of one platform, as `napi create-npm-dirs` makes it. */
function binary(build, { scope, from, to, main, what }) {
  const name = `@secondme-avatar/${scope}-${build.name}`
  const folder = join(stage, `${scope}-${build.name}`)
  const { version, license, homepage, repository, bugs, engines } = manifest(node)
  mkdirSync(folder, { recursive: true })
  const limits = { os: [build.os], cpu: [build.cpu], ...(build.libc && { libc: [build.libc] }) }
  write(folder, {
    name,
    version,
    description: `${what}, for ${build.target}`,
    license,
    homepage,
    repository,
    bugs,
    engines,
    ...limits,
    main,
    files: [to, ...LINKED_IN],
  })
  for (const name of LINKED_IN) copyFileSync(join(root, 'packaging/notices', scope, name), join(folder, name))
  writeFileSync(join(folder, 'README.md'), `# ${name}\n\n${what}, for \`${build.target}\`. It is installed with it.\n`)
  strip(build, from, join(folder, to))
  pack(folder)
  return statSync(join(folder, to)).size
}

/** The package that users ask for: it depends on those of all platforms that were built, and npm takes the one that fits. */
function users({ scope, folder, parts }) {
  const { devDependencies, scripts, ...rest } = manifest(folder)
  const staged = join(stage, scope)
  mkdirSync(staged, { recursive: true })
  for (const part of parts) copy(join(folder, part), join(staged, part))
  const isThere = ({ name }) => isBuilt(scope, name, rest.version)
  const there = builds.filter((build) => isThere(build) && !isThere({ name: PREFERRED[build.name] }))
  if (there.length === 0) throw new Error(`${dist} has no package of a platform`)
  const platforms = there.map(({ name }) => [`@secondme-avatar/${scope}-${name}`, rest.version])
  write(staged, { ...rest, optionalDependencies: Object.fromEntries(platforms) })
  pack(staged)
}

/** Whether the package of a platform is there, or was built elsewhere and lies in the folder of the others. */
function isBuilt(scope, name, version) {
  const tarball = `secondme-avatar-${scope}-${name}-${version}.tgz`
  return [dist, others].some((folder) => folder !== undefined && existsSync(join(folder, tarball)))
}

function manifest(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

function write(folder, manifest) {
  // npm takes a LICENSE along by itself, but none with such a name.
  const licenses = ['LICENSE-MIT', 'LICENSE-APACHE']
  const whole = { ...manifest, files: [...new Set([...manifest.files, ...licenses])] }
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(whole, null, 2)}\n`)
  for (const license of licenses) copyFileSync(join(root, license), join(folder, license))
}

function copy(from, to) {
  if (!statSync(from).isDirectory()) return copyFileSync(from, to)
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) copy(join(from, name), join(to, name))
}

/** Without symbols: they are most of it. What zig has linked has none any more, and no tool here knows all processors. */
function strip(build, from, to) {
  const { target, os } = build
  if (target.endsWith('-windows-gnu')) execFileSync('x86_64-w64-mingw32-strip', ['-o', to, from])
  else if (build === here && os !== 'win32')
    execFileSync('strip', [os === 'darwin' ? '-x' : '--strip-all', '-o', to, from])
  else copyFileSync(from, to)
}

function pack(folder) {
  const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', dist]
  const [name] = execFileSync('npm', args, { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' })
    .trim()
    .split('\n')
  console.log(`${join(dist, name)}  ${(statSync(join(dist, name)).size / 1e6).toFixed(2)} MB`)
}
