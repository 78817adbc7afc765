// What bundlers and tracers make of the package, run where neither it nor its sources are.

import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

import { nodeFileTrace } from '@vercel/nft'
import { build as esbuild } from 'esbuild'
import { build as vite } from 'vite'
import { startEmulator } from 'secondme-avatar/testing'

import { addon, finished, folder, project, quickstarts } from './project.mjs'

const PROGRAM = quickstarts()['quickstart.mjs']
const emulator = await startEmulator({ brain: 'demo' })
test.after(() => emulator.stop())

/** Runs a bundle in a folder of its own, with no other package in reach than those that are named. */
async function moved(test, from, files, packages = []) {
  const cwd = folder(test)
  for (const file of files) cpSync(join(from, file), join(cwd, file), { recursive: true })
  for (const name of packages)
    cpSync(join(from, 'node_modules', name), join(cwd, 'node_modules', name), { recursive: true })
  const env = { SECONDME_API_KEY: emulator.apiKey, SECONDME_BASE_URL: emulator.baseUrl, NODE_PATH: '' }
  return finished(process.execPath, [files[0]], { cwd, env })
}

function works({ code, out, err }) {
  assert.deepEqual([code, err], [0, ''], out)
  assert.match(out, /I'm the avatar of Ada Lovelace/)
}

const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
const everything = { bundle: true, platform: 'node', logLevel: 'silent' }

for (const [format, file, options] of [
  ['esm', 'bundle.mjs', { banner: { js: REQUIRE } }],
  ['cjs', 'bundle.cjs', {}],
]) {
  test(`esbuild takes the addon along: ${format}`, async (t) => {
    const cwd = project(t, {
      'program.mjs': `${format === 'cjs' ? 'void (async () => {' : ''}
      const { AvatarClient } = await import('secondme-avatar')
      ${PROGRAM.replace(/^import.*$/m, '')}${format === 'cjs' ? '})()' : ''}`,
    })
    const { outputFiles } = await esbuild({
      ...everything,
      ...options,
      absWorkingDir: cwd,
      entryPoints: ['program.mjs'],
      outfile: file,
      format,
      loader: { '.node': 'copy' },
      write: false,
    })
    for (const { path, contents } of outputFiles) writeFileSync(path, contents)
    works(
      await moved(t, cwd, [
        file,
        ...outputFiles.map(({ path }) => path.slice(cwd.length + 1)).filter((name) => name.endsWith('.node')),
      ]),
    )
  })
}

test('esbuild leaves the package out where it is external', async (t) => {
  const cwd = project(t, { 'program.mjs': PROGRAM })
  await esbuild({
    ...everything,
    absWorkingDir: cwd,
    entryPoints: ['program.mjs'],
    outfile: 'bundle.mjs',
    format: 'esm',
    external: ['secondme-avatar'],
  })
  works(await moved(t, cwd, ['bundle.mjs'], ['secondme-avatar', addon]))
})

for (const [how, options, packages] of [
  ['leaves the package out, as it does by itself', {}, ['secondme-avatar', addon]],
  [
    'takes it in, and finds the addon beside the bundle',
    { ssr: { noExternal: true }, rollupOptions: { external: [/^@secondme-avatar\//] } },
    [addon],
  ],
]) {
  test(`vite, and so rollup, ${how}`, async (t) => {
    const cwd = project(t, { 'program.mjs': PROGRAM })
    const { ssr = {}, rollupOptions = {} } = options
    const build = {
      ssr: 'program.mjs',
      outDir: '.',
      emptyOutDir: false,
      rollupOptions: { ...rollupOptions, output: { entryFileNames: 'bundle.mjs' } },
    }
    await vite({ root: cwd, configFile: false, logLevel: 'silent', build, ssr })
    works(await moved(t, cwd, ['bundle.mjs'], packages))
  })
}

test('errors keep their names where those of classes are made short', async (t) => {
  const cwd = project(t, {
    'program.mjs': `
      import { AvatarError, RateLimitedError } from 'secondme-avatar'
      class Own extends AvatarError {}
      for (const { name, kind } of [new RateLimitedError(), new AvatarError(), new Own()]) console.log(name, kind)`,
  })
  await esbuild({
    ...everything,
    absWorkingDir: cwd,
    entryPoints: ['program.mjs'],
    outfile: 'bundle.cjs',
    format: 'cjs',
    minify: true,
    external: ['@secondme-avatar/*'],
  })
  const { out, err } = await moved(t, cwd, ['bundle.cjs'])
  assert.equal(err, '')
  const [rate, base, own] = out.trim().split('\n')
  assert.deepEqual([rate, base], ['RateLimitedError rateLimited', 'AvatarError refused'])
  assert.match(own, /^\w+ refused$/)
})

test('@vercel/nft traces the addon: what it names is all that is needed', async (t) => {
  const cwd = project(t, { 'program.mjs': PROGRAM })
  const { fileList, warnings } = await nodeFileTrace([join(cwd, 'program.mjs')], { base: cwd })
  const files = [...fileList]
  assert.ok(
    files.some((file) => file.startsWith(`node_modules/${addon}/`) && file.endsWith('.node')),
    files.join('\n'),
  )
  // Only packages of other platforms are missed.
  for (const { message } of warnings) assert.match(message, /@secondme-avatar\/node-/)
  const away = folder(t)
  for (const file of files) {
    mkdirSync(dirname(join(away, file)), { recursive: true })
    cpSync(join(cwd, file), join(away, file))
  }
  rmSync(cwd, { recursive: true })
  const env = { SECONDME_API_KEY: emulator.apiKey, SECONDME_BASE_URL: emulator.baseUrl }
  works(await finished(process.execPath, ['program.mjs'], { cwd: away, env }))
})

test('a bundle without its addon says so', async (t) => {
  const cwd = project(t, { 'program.mjs': PROGRAM })
  await esbuild({
    ...everything,
    absWorkingDir: cwd,
    entryPoints: ['program.mjs'],
    outfile: 'bundle.mjs',
    format: 'esm',
    banner: { js: REQUIRE },
    external: ['@secondme-avatar/*'],
  })
  const { code, err } = await moved(t, cwd, ['bundle.mjs'])
  assert.equal(code, 1)
  assert.match(
    err,
    /cannot load its native part on .*: Cannot find module '@secondme-avatar\/node-.*bundled without its addon.*--external:secondme-avatar/,
  )
  // The same bundle works where the addon's package is in reach.
  works(await moved(t, cwd, ['bundle.mjs'], [addon]))
  assert.doesNotMatch(readFileSync(join(cwd, 'bundle.mjs'), 'utf8'), /[^_]__dirname/)
})
