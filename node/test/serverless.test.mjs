// A function that lives for one request: each invocation is a process of its own here, and may be frozen.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'

import { startEmulator } from 'secondme-avatar/testing'

import { redis, skip } from './redis-server.mjs'
import { until } from './support.mjs'

const example = new URL('../../examples/node/serverless.mjs', import.meta.url)

/** Begins an invocation; `result` is what it returns. */
function invoke(t, emulator, store, request) {
  const program = `
    import { handler } from ${JSON.stringify(example.href)}
    process.stdout.write(JSON.stringify(await handler(${JSON.stringify(request)})))`
  const env = {
    ...process.env,
    SECONDME_API_KEY: emulator.apiKey,
    SECONDME_BASE_URL: emulator.baseUrl,
    AVATAR_STORE: store,
  }
  delete env.NODE_TEST_CONTEXT
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  let out = ''
  child.stdout.on('data', (text) => (out += text))
  const result = once(child, 'close').then(([code]) => {
    assert.equal(code, 0)
    return JSON.parse(out)
  })
  return { child, result }
}

test('the next invocation goes on with the session, without a new authentication', { skip }, async (t) => {
  const store = await redis(t)
  const emulator = await startEmulator()
  t.after(() => emulator.stop())
  const first = await invoke(t, emulator, store, { user: 'ada', text: 'one' }).result
  assert.deepEqual(first, { meanwhile: [], answer: 'You said: one' })
  const [session] = (await emulator.state()).sessions
  await emulator.owner.reply(session.sessionId, 'It is me')
  await emulator.owner.handBack(session.sessionId)
  const before = (await emulator.state()).calls
  const second = await invoke(t, emulator, store, { user: 'ada', text: 'two' }).result
  assert.deepEqual(second, { meanwhile: ['It is me'], answer: 'You said: two' })
  const { calls, sessions } = await emulator.state()
  assert.equal(sessions.length, 1)
  assert.equal(calls.auth, before.auth)
})

test('an invocation that is frozen while its answer comes has it when it thaws', { skip }, async (t) => {
  const store = await redis(t)
  const emulator = await startEmulator({ replyDelayMs: 200 })
  t.after(() => emulator.stop())
  const { child, result } = invoke(t, emulator, store, { user: 'ada', text: 'one' })
  await until(async () => (await emulator.state()).calls['message/send'] === 1)
  child.kill('SIGSTOP')
  // The service gives the socket up meanwhile, and the answer is spoken.
  await emulator.closeSockets({ abrupt: true })
  await until(async () => (await emulator.state()).sessions[0].messages.some(({ text }) => text === 'You said: one'))
  child.kill('SIGCONT')
  assert.deepEqual(await result, { meanwhile: [], answer: 'You said: one' })
})
