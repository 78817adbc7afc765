import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

import * as main from 'secondme-avatar'
import * as ai from 'secondme-avatar/ai'
import * as bridge from 'secondme-avatar/bridge'
import * as chatSdk from 'secondme-avatar/chat-sdk'
import * as testing from 'secondme-avatar/testing'

import { builds } from '../tools/builds.mjs'
import { project } from './project.mjs'

const require = createRequire(import.meta.url)

test('ES modules and CommonJS get the same classes', () => {
  for (const [module, name] of [
    [main, 'secondme-avatar'],
    [ai, 'secondme-avatar/ai'],
    [bridge, 'secondme-avatar/bridge'],
    [chatSdk, 'secondme-avatar/chat-sdk'],
    [testing, 'secondme-avatar/testing'],
  ]) {
    const required = require(name)
    assert.deepEqual(Object.keys(required).sort(), Object.keys(module).sort())
    for (const [exported, value] of Object.entries(module)) assert.equal(required[exported], value, exported)
  }
})

test('the types are found by every way to look for modules', (t) => {
  const { spawnSync } = require('node:child_process')
  const program = `
    import { AvatarClient, VERSION } from 'secondme-avatar'
    import { avatar } from 'secondme-avatar/ai'
    import { Bridge, type Outlet } from 'secondme-avatar/bridge'
    import { attach } from 'secondme-avatar/chat-sdk'
    import { type Emulator, startEmulator } from 'secondme-avatar/testing'
    export async function text(): Promise<string> {
      const emulator: Emulator = await startEmulator()
      const client: AvatarClient = emulator.client()
      const version: 'v3' = avatar({ client }).specificationVersion
      const outlet: Outlet = { limits: { maxChars: 1, updateIntervalMs: 1 }, post: async () => undefined }
      const bridge: Bridge = new Bridge(client, { platform: 'test', outlet })
      await bridge.receive({ id: 'm', user: { id: 'u' }, address: 'a', text: 't' })
      // @ts-expect-error: this is no bot
      attach({}, client)
      const { text } = await (await client.open({ platform: 'test', userId: VERSION })).ask('Hello')
      // @ts-expect-error: a text is no number
      const number: number = text
      return version + number
    }`
  const cwd = project(t, { 'program.ts': program, 'program.cts': program, 'program.mts': program })
  const types = join(dirname(require.resolve('@types/node/package.json')), '..')
  // The newest compiler looks for modules no more as the old ones did.
  const compilers = {
    old: require.resolve('typescript5/lib/tsc.js'),
    new: join(dirname(require.resolve('typescript/package.json')), 'bin/tsc'),
  }
  for (const [compiler, resolution, module, files] of [
    ['old', 'node10', 'commonjs', ['program.ts']],
    ['new', 'node16', 'node16', ['program.cts', 'program.mts']],
    ['new', 'bundler', 'esnext', ['program.ts']],
  ]) {
    const options = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--target',
      'es2022',
      '--lib',
      'es2022,esnext.disposable',
    ]
    const how = ['--moduleResolution', resolution, '--module', module, '--typeRoots', types, '--types', 'node']
    const { status, stdout } = spawnSync(process.execPath, [compilers[compiler], ...options, ...how, ...files], {
      cwd,
      encoding: 'utf8',
    })
    assert.deepEqual([status, stdout], [0, ''], resolution)
  }
})

test('the package says its version', () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  assert.equal(main.VERSION, version)
})

test('a machine without a build is told so, and what to do', () => {
  const program = `
    Object.defineProperty(process, 'platform', { value: 'freebsd' })
    const { Visitor } = require('secondme-avatar')
    try { Visitor.random('web') } catch ({ message }) { console.log(message) }
    Object.defineProperty(process, 'platform', { value: 'win32' })
    try { Visitor.random('web') } catch ({ message, cause }) { console.log(message, cause.code) }`
  const { spawnSync } = require('node:child_process')
  const cwd = new URL('.', import.meta.url)
  const { stdout, stderr, status } = spawnSync(process.execPath, ['-e', program], { cwd, encoding: 'utf8' })
  assert.deepEqual([status, stderr], [0, ''])
  const [strange, absent] = stdout.trim().split('\n')
  assert.match(strange, /no native build for freebsd \w+; there are builds for linux x64.*make dist-node/)
  assert.match(absent, /cannot load.*@secondme-avatar\/node-win32-\w+-msvc.*--omit=optional.* MODULE_NOT_FOUND$/)
})

test('an addon that cannot be loaded: the error says why, and what helps', () => {
  const { adviceFor } = require('../lib/load-error.js')
  const nowhere = { isBundled: false, isSingleExecutable: false, isDeno: false }
  const failure = (message, code) => Object.assign(new Error(message), { code })
  const dlopen = (message) => failure(message, 'ERR_DLOPEN_FAILED')
  const absent = failure("Cannot find module '@secondme-avatar/node-x'", 'MODULE_NOT_FOUND')
  for (const [why, where, advice] of [
    [absent, nowhere, /install again without `--omit=optional`/],
    [absent, { ...nowhere, isBundled: true }, /bundled without its addon \(p\).*docs\/bundlers\.md/],
    [new ReferenceError('require is not defined'), { ...nowhere, isBundled: true }, /bundled/],
    [absent, { ...nowhere, isBundled: true, isSingleExecutable: true }, /single executable.*beside the executable/],
    [
      failure('No such built-in module', 'ERR_UNKNOWN_BUILTIN_MODULE'),
      { ...nowhere, isSingleExecutable: true },
      /beside/,
    ],
    [failure('Cannot load native addon', 'ERR_DLOPEN_DISABLED'), nowhere, /`--allow-addons`/],
    [failure('Requires ffi access'), { ...nowhere, isDeno: true }, /--allow-ffi/],
    [dlopen("/lib/libc.so.6: version `GLIBC_2.34' not found (required by x.node)"), nowhere, /older than glibc 2\.34/],
    [dlopen('libc.musl-x86_64.so.1: cannot open shared object file'), nowhere, /another C library/],
    [dlopen('Error loading shared library ld-linux-x86-64.so.2: No such file'), nowhere, /another C library/],
    [dlopen('x.node: invalid ELF header'), nowhere, /another platform/],
    [dlopen('dlopen(x.node): incompatible architecture (have x86_64, need arm64)'), nowhere, /another platform/],
    [dlopen('x.node: failed to map segment from shared object'), nowhere, /noexec/],
    [failure('the addon is of another version'), nowhere, /both are of one version/],
    [dlopen('who knows'), nowhere, /Install again; if that does not help/],
  ]) {
    assert.match(adviceFor(why, ['p'], where), advice, why.message)
  }
})

test('Node that may not load addons says so', () => {
  const program = `
    const { Visitor } = require('secondme-avatar')
    try { Visitor.random('web') } catch ({ message, cause }) { console.log(message, cause.code) }`
  const cwd = new URL('.', import.meta.url)
  const permission = ['--permission', '--experimental-permission'].find((flag) =>
    process.allowedNodeEnvironmentFlags.has(flag),
  )
  for (const flags of [['--no-addons'], [permission, '--allow-fs-read=*']]) {
    const { spawnSync } = require('node:child_process')
    const { stdout } = spawnSync(process.execPath, [...flags, '-e', program], { cwd, encoding: 'utf8' })
    assert.match(
      stdout,
      /cannot load its native part on .*: Cannot load native addon.*--allow-addons.* ERR_DLOPEN_DISABLED\n$/,
      String(flags),
    )
  }
})

test('the packages look for every build that is packed, and for no other', () => {
  const names = builds.map(({ name }) => name).sort()
  for (const source of ['../ts/native.ts', '../emulator/index.js']) {
    const text = readFileSync(new URL(source, import.meta.url), 'utf8')
    const named = new Set(text.match(/'(linux|darwin|win32)-[a-z0-9-]+'/g).map((name) => name.slice(1, -1)))
    assert.deepEqual([...named].sort(), names, source)
  }
  // Each in a `require` that a bundler sees.
  const native = readFileSync(new URL('../ts/native.ts', import.meta.url), 'utf8')
  const required = [...native.matchAll(/require\('@secondme-avatar\/node-([^']+)'\)/g)].map(([, name]) => name)
  assert.deepEqual(required.sort(), names)
})
