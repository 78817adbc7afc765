// Each example, as it stands, against the emulator.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { startEmulator } from 'secondme-avatar/testing'

import { until } from './support.mjs'

const folder = fileURLToPath(new URL('../../examples/node/', import.meta.url))

async function example(test, name, options) {
  const emulator = await startEmulator(options)
  const env = { ...process.env, SECONDME_API_KEY: emulator.apiKey, SECONDME_BASE_URL: emulator.baseUrl }
  // One under `node --test` would take itself for a part of these.
  delete env.NODE_TEST_CONTEXT
  const args = name.endsWith('.test.js') ? ['--test', name] : [name]
  const program = spawn(process.execPath, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] })
  test.after(async () => {
    program.kill('SIGKILL')
    await emulator.stop()
  })
  program.out = ''
  program.stdout.on('data', (text) => {
    program.out += text
  })
  program.closed = once(program, 'close')
  program.emulator = emulator
  return program
}

async function printed(...of) {
  const program = await example(...of)
  await program.closed
  assert.equal(program.exitCode, 0, program.out)
  return program.out
}

test('quickstart prints the opening line and the answer', async (t) => {
  const lines = (await printed(t, 'quickstart.js', { brain: 'demo' })).trim().split('\n')
  assert.equal(lines.length, 2)
  assert.match(lines[0], /^Ada's avatar: Hello, I'm Ada's avatar/)
  assert.match(lines[1], /^Ada's avatar: I'm the avatar of Ada Lovelace/)
})

test('streaming prints all pieces of the answer', async (t) => {
  assert.equal(await printed(t, 'streaming.js'), 'You said: Hello, tell me about yourself\n39 characters in all\n')
})

test('errors says what to do, and hands the message back', async (t) => {
  const emulator = await startEmulator()
  t.after(() => emulator.stop())
  const said = async () => {
    const env = { ...process.env, SECONDME_API_KEY: emulator.apiKey, SECONDME_BASE_URL: emulator.baseUrl }
    const program = spawn(process.execPath, ['errors.js'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    program.stdout.on('data', (text) => {
      out += text
    })
    await once(program, 'close')
    assert.equal(program.exitCode, 0, out)
    return out.trim().split('\n')
  }
  assert.deepEqual(await said(), ['sent'])
  await emulator.fault({ at: 'message/send', do: { fail: 'some.code' } })
  const [text, unsent, ...more] = await said()
  assert.match(text, /some\.code/)
  assert.equal(unsent, 'not sent: The invoice is paid')
  assert.deepEqual(more, [])
  await emulator.fault({ at: 'auth', do: { fail: 'open.api.key.not.found' } })
  assert.deepEqual(await said(), ['the key was refused: another one is needed'])
})

test('takeover keeps quiet while the owner speaks', async (t) => {
  const then = [
    { owner: 'takes-over' },
    { owner: { says: 'It is me' } },
    { owner: { says: 'Still me' } },
    { owner: 'hands-back' },
    { say: 'Here I am again' },
  ]
  const program = await example(t, 'takeover.js', { brain: { script: { rules: [{ when: 'any', then }] } } })
  const expected = `bot: the owner is here, I keep quiet
owner: It is me
owner: Still me
bot: the avatar is back
avatar: Here I am again
`
  await until(() => program.out.length >= expected.length || program.exitCode !== null)
  assert.equal(program.out, expected)
  assert.equal(program.exitCode, null)
})

test('many visitors are served by one listener', async (t) => {
  const program = await example(t, 'many-visitors.js')
  await until(() => program.out.split('\n').length === 4 || program.exitCode !== null)
  assert.deepEqual(
    program.out.trim().split('\n').sort(),
    ['ada', 'grace', 'mary'].map((user) => `${user}: You said: Hello`),
  )
  assert.equal(program.exitCode, null)
})

test('the tests of a bot of one’s own pass', async (t) => {
  assert.match(await printed(t, 'bot.test.js'), /pass 3$/m)
})

/** What a program tells people whose messages are these lines. */
async function carried(emulator, cwd, lines) {
  const env = { ...process.env, SECONDME_API_KEY: emulator.apiKey, SECONDME_BASE_URL: emulator.baseUrl }
  const program = spawn(process.execPath, [join(folder, 'custom.js')], { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] })
  program.stdin.end(lines)
  let out = ''
  program.stdout.on('data', (text) => {
    out += text
  })
  await once(program, 'close')
  assert.equal(program.exitCode, 0, out)
  const of = (user) => out.split('\n').filter((line) => line.startsWith(`${user}: `))
  const told = (user) =>
    of(user)
      .map((line) => line.slice(user.length + 2))
      .join('')
  return { told, pieces: of('ada').length }
}

test('a custom integration answers each person, goes on after a restart, and is kind about errors', async (t) => {
  const emulator = await startEmulator({ pieceDelayMs: 300 })
  const own = mkdtempSync(join(tmpdir(), 'avatar-custom-'))
  t.after(async () => {
    await emulator.stop()
    rmSync(own, { recursive: true })
  })
  const first = await carried(emulator, own, 'ada Who are you?\ngrace And I?\n')
  assert.equal(first.told('ada'), 'You said: Who are you?')
  assert.equal(first.told('grace'), 'You said: And I?')
  assert.ok(first.pieces > 1, 'as it is said')

  const { sessions } = await emulator.state()
  const { sessionId } = sessions.find(({ messages }) => messages.some(({ text }) => text === 'And I?'))
  await emulator.owner.reply(sessionId, 'It is me')
  await emulator.owner.handBack(sessionId)
  await emulator.fault({ at: 'message/send', do: { fail: 'some.code' } })
  const second = await carried(emulator, own, 'ada Hello\ngrace /raw\n')
  assert.equal(second.told('ada'), 'Sorry, there is no answer just now.')
  assert.match(second.told('grace'), /It is me/)
  assert.match(second.told('grace'), /"messageId"/)
  assert.equal((await emulator.state()).sessions.length, 2)
})
