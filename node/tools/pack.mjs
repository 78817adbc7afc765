// Packs what is handed out: `node tools/pack.mjs TARGET/dist DIST`. One package for users, one with the addon for this
// platform, the same two of the emulator, and those without anything compiled: the adapters of Chat SDK and the website
// widget. The other platforms' are packed where they are built, by the same call; a third argument is the folder in which
// theirs lie. The packages for users name those platforms and this one alone: what they name and what is not there would
// be taken from the owner of that name.

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

const [built, dist, others] = process.argv.slice(2).map((path) => resolve(path))
const node = fileURLToPath(new URL('..', import.meta.url))
const root = join(node, '..')
const stage = join(node, 'npm')
/** What says what is linked in, for people and for machines, in each package of compiled code. */
const LINKED_IN = ['THIRD-PARTY-NOTICES.txt', 'sbom.cdx.json']
/** What the addon may weigh. */
const LIMIT = 6_000_000

if (here === undefined) throw new Error(`no build is meant for ${process.platform} ${process.arch}`)
rmSync(stage, { recursive: true, force: true })
mkdirSync(dist, { recursive: true })
for (const old of readdirSync(dist).filter((name) => /^secondme-(avatar|chat-adapter)-.*\.tgz$/.test(name)))
  rmSync(join(dist, old))

const program = `secondme-avatar-emulator${here.os === 'win32' ? '.exe' : ''}`
const addon = `secondme-avatar.${here.name}.node`
const size = binary({
  scope: 'node',
  from: library(here.os),
  to: addon,
  main: addon,
  what: 'The native addon of secondme-avatar',
})
if (size > LIMIT) throw new Error(`the addon weighs ${size} bytes: more than ${LIMIT}`)
binary({ scope: 'emulator', from: program, to: program, what: 'The program of secondme-avatar-emulator' })
users({ scope: 'node', folder: node, parts: ['lib', 'README.md'] })
users({ scope: 'emulator', folder: join(node, 'emulator'), parts: ['index.js', 'index.d.ts', 'bin', 'README.md'] })

for (const platform of ['feishu', 'dingtalk']) plain(`chat-adapter-${platform}`, ['lib', 'README.md'])
plain('widget', ['dist', 'custom-elements.json', 'README.md'])

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
function binary({ scope, from, to, main, what }) {
  const name = `@secondme-avatar/${scope}-${here.name}`
  const folder = join(stage, `${scope}-${here.name}`)
  const { version, license, homepage, repository, bugs, engines } = manifest(node)
  mkdirSync(folder, { recursive: true })
  const limits = { os: [here.os], cpu: [here.cpu], ...(here.libc && { libc: [here.libc] }) }
  write(folder, {
    name,
    version,
    description: `${what}, for ${here.target}`,
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
  writeFileSync(join(folder, 'README.md'), `# ${name}\n\n${what}, for \`${here.target}\`. It is installed with it.\n`)
  strip(join(built, from), join(folder, to))
  pack(folder)
  return statSync(join(folder, to)).size
}

/** The package that users ask for: it depends on those of all platforms that were built, and npm takes the one that fits. */
function users({ scope, folder, parts }) {
  const { devDependencies, scripts, ...rest } = manifest(folder)
  const staged = join(stage, scope)
  mkdirSync(staged, { recursive: true })
  for (const part of parts) copy(join(folder, part), join(staged, part))
  const there = builds.filter((build) => build === here || isBuilt(scope, build, rest.version))
  const platforms = there.map(({ name }) => [`@secondme-avatar/${scope}-${name}`, rest.version])
  write(staged, { ...rest, optionalDependencies: Object.fromEntries(platforms) })
  pack(staged)
}

/** Whether the package of a platform was built elsewhere, and lies in the folder of the others. */
function isBuilt(scope, { name }, version) {
  return others !== undefined && existsSync(join(others, `secondme-avatar-${scope}-${name}-${version}.tgz`))
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

/** Without symbols: they are most of it. */
function strip(from, to) {
  if (here.os === 'win32') return copyFileSync(from, to)
  execFileSync('strip', [here.os === 'darwin' ? '-x' : '--strip-all', '-o', to, from])
}

function pack(folder) {
  const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', dist]
  const [name] = execFileSync('npm', args, { cwd: folder, encoding: 'utf8', shell: here.os === 'win32' })
    .trim()
    .split('\n')
  console.log(`${join(dist, name)}  ${(statSync(join(dist, name)).size / 1e6).toFixed(2)} MB`)
}
