import assert from 'node:assert/strict'
import { test } from 'node:test'

import { startEmulator } from 'secondme-avatar/testing'

import { start, until } from './support.mjs'

const emulator = await startEmulator()
test.after(() => emulator.stop())

function begin(which) {
  return start('programs/life.mjs', which, emulator.baseUrl, emulator.apiKey)
}

async function end(program) {
  await program.closed
  return { code: program.exitCode, signal: program.signalCode, out: program.out.trim(), err: program.err }
}

for (const [which, said] of [
  ['closes its client', ''],
  ['closes its conversation only', ''],
  ['never opens anything', ''],
  ['gives its opening up', 'AbortError'],
  ['has a conversation and unrefs its client', ''],
]) {
  test(`a program that ${which} ends by itself`, async () => {
    const { code, out, err } = await end(begin(which))
    assert.deepEqual([code, out, err], [0, [said, 'the end'].join('\n').trim(), ''])
  })
}

test('a program that cannot open ends by itself', async () => {
  const [fault] = await emulator.fault({ at: 'auth', do: { fail: 'open.api.key.disabled' }, times: 1 })
  assert.equal(typeof fault, 'number')
  const { code, out, err } = await end(begin('cannot open'))
  assert.deepEqual([code, out, err], [0, 'authentication\nthe end', ''])
})

test('a program with a live conversation stays, and hears what comes', async () => {
  const program = begin('is live')
  await until(() => program.out.includes('\n'))
  const session = program.out.trim()
  for (const text of ['one', 'two', 'three']) {
    await emulator.owner.reply(session, text)
    await until(() => program.out.includes(text) || program.exitCode !== null)
  }
  const { code, out, err } = await end(program)
  assert.deepEqual([code, out, err], [0, `${session}\none\ntwo\nthree\nthe end`, ''])
})

test('a program that holds no reference to its live conversation stays', async () => {
  const program = begin('is live and holds nothing')
  await until(() => program.out.includes('\n'))
  const { sockets } = await emulator.state()
  const mine = sockets.at(-1).wsId
  // It still answers what the service sends, and comes back when its socket is taken away.
  await emulator.closeSockets({ wsId: mine, abrupt: true })
  await emulator.waitUntil(({ sockets }) => sockets.length > 0 && sockets.at(-1).wsId !== mine)
  assert.equal(program.exitCode, null)
  program.kill('SIGKILL')
  await end(program)
})

test('a program that waits for an event in a top-level await stays until it comes', async () => {
  for (const which of ['waits for an event', 'unrefs, then refs, then closes']) {
    const program = begin(which)
    await emulator.waitUntil(({ sockets, sessions }) => {
      const session = sessions.find(({ bound, closed }) => bound && !closed)
      return sockets.length > 0 && session !== undefined && program.exitCode === null
    })
    let replies = 0
    while (program.exitCode === null) {
      replies += 1
      const { sessions } = await emulator.state()
      await emulator.owner.reply(sessions.at(-1).sessionId, `reply ${replies}`).catch(() => {})
      await new Promise((resolve) => setImmediate(resolve))
    }
    const { code, err } = await end(program)
    assert.deepEqual([code, err], [0, ''])
  }
})

test('process.exit and exceptions amid everything end the program with their code', async () => {
  for (let run = 0; run < 5; run += 1) {
    const exits = await end(begin('calls process.exit amid everything'))
    assert.deepEqual([exits.code, exits.signal], [3, null], exits.err)
    const throws = await end(begin('throws amid everything'))
    assert.deepEqual([throws.code, throws.signal], [1, null], throws.err)
    assert.match(throws.err, /Error: of the program/)
  }
})
