// The same programs under what else runs JavaScript on the server. `runtimes/package-lock.json` pins it.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { startEmulator } from 'secondme-avatar/testing'

import { here } from '../tools/builds.mjs'
import { finished, project, quickstarts } from './project.mjs'
import { until } from './support.mjs'

const modules = fileURLToPath(new URL('./runtimes/node_modules/', import.meta.url))
const ALLOWED = ['--allow-ffi', '--allow-read', '--allow-env', '--allow-sys']

const runtimes = {
  Bun: { program: `${modules}@oven/bun-linux-x64/bin/bun`, args: [] },
  Deno: {
    program: `${modules}@deno/linux-x64-glibc/deno`,
    args: ['run', '--no-prompt', '--node-modules-dir=manual', ...ALLOWED],
  },
}

for (const [name, { program, args }] of Object.entries(runtimes)) {
  // npm has not installed what does not run here; where it is meant to run, it is missed.
  const skip = !existsSync(program) && !(here?.name === 'linux-x64-gnu' && process.env.CI) && 'not for this platform'

  test(`${name} runs the quickstarts of the README`, { skip }, async (t) => {
    const emulator = await startEmulator({ brain: 'demo' })
    t.after(() => emulator.stop())
    const cwd = project(t, quickstarts())
    const env = { SECONDME_API_KEY: emulator.apiKey, SECONDME_BASE_URL: emulator.baseUrl, DENO_DIR: cwd }
    for (const file of Object.keys(quickstarts())) {
      const { code, out, err } = await finished(program, [...args, file], { cwd, env })
      assert.deepEqual([code, err], [0, ''], `${file}: ${out}`)
      assert.match(out, /I'm the avatar of Ada Lovelace/)
    }
  })

  test(`${name} keeps a program while it has a conversation, and ends it then`, { skip }, async (t) => {
    const emulator = await startEmulator()
    t.after(() => emulator.stop())
    const life = readFileSync(new URL('./programs/life.mjs', import.meta.url), 'utf8')
    const cwd = project(t, { 'life.mjs': life })
    const run = (which) =>
      finished(program, [...args, 'life.mjs', which, emulator.baseUrl, emulator.apiKey], {
        cwd,
        env: { DENO_DIR: cwd },
      })
    for (const which of [
      'closes its client',
      'closes its conversation only',
      'never opens anything',
      'has a conversation and unrefs its client',
    ]) {
      const { code, out, err } = await run(which)
      assert.deepEqual([code, out.trim(), err], [0, 'the end', ''], which)
    }
    // These have nothing but the conversation to stay for.
    for (const which of ['waits for an event', 'is live']) {
      let ended = false
      const program = run(which).finally(() => {
        ended = true
      })
      const { sessions } = await emulator.waitUntil(({ sessions, sockets }) =>
        sockets.some(({ visitorId }) => sessions.some((session) => session.visitorId === visitorId && session.bound)),
      )
      const { sessionId } = sessions.findLast(({ closed }) => !closed)
      let replies = 0
      await until(async () => {
        if (!ended) await emulator.owner.reply(sessionId, `reply ${(replies += 1)}`).catch(() => {})
        return ended
      })
      const { code, out, err } = await program
      assert.deepEqual([code, err], [0, ''], which)
      assert.match(out, /the end\n$/)
    }
  })
}

test('Deno without --allow-ffi is told what is missing', { skip: !existsSync(runtimes.Deno.program) }, async (t) => {
  const { program, args } = runtimes.Deno
  const cwd = project(t, {
    'program.mjs':
      "import { Visitor } from 'secondme-avatar'\ntry { Visitor.random('web') } catch ({ message }) { console.log(message) }",
  })
  const narrow = args.filter((arg) => arg !== '--allow-ffi')
  const { code, out } = await finished(program, [...narrow, 'program.mjs'], { cwd, env: { DENO_DIR: cwd } })
  assert.equal(code, 0)
  assert.match(out, /cannot load its native part on linux x64: .*ffi.*deno run --allow-ffi/)
})
