import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { MisuseError, UnsupportedError, Visitor } from 'secondme-avatar'

import { next, stage, start, until } from './support.mjs'

function file(test) {
  const folder = mkdtempSync(join(tmpdir(), 'secondme-avatar-'))
  test.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'avatar.db')
}

test('the next client on a store goes on with the same session', async (t) => {
  const store = file(t)
  const { client, open, emulator } = await stage(t, { client: { store } })
  const { sessionId } = await open('ada')
  await client.close()
  const again = emulator.client({ store })
  const chat = await again.open({ platform: 'test', userId: 'ada' })
  assert.equal(chat.sessionId, sessionId)
  assert.equal((await emulator.state()).calls.auth, 1)
  await again.close()
})

test('a message that a killed process has kept is sent once by the next', async (t) => {
  const store = file(t)
  const { emulator } = await stage(t)
  const refused = await emulator.fault({ at: 'message/send', do: 'refuse', times: 1_000_000 })
  assert.equal(refused.length, 1)
  const program = start('programs/durable.mjs', store, emulator.baseUrl, emulator.apiKey)
  await until(() => program.out.includes('\n') || program.exitCode !== null)
  const [messageId, sessionId] = program.out.trim().split(' ')
  program.kill('SIGKILL')
  await program.closed
  await emulator.clearFaults()

  // The service may or may not have it: sent again, it is one message all the same, for it has the same id.
  const client = emulator.client({ store, delivery: 'atLeastOnce' })
  const events = client.events()
  const [visitor, ...others] = await client.recover()
  assert.deepEqual(others, [])
  const delivered = await next(events, 'delivered')
  assert.deepEqual(
    [delivered.messageId, delivered.text, delivered.sessionId, delivered.visitorId],
    [messageId, 'The invoice is paid', sessionId, visitor],
  )
  await client.close()
  const { sessions } = await emulator.state()
  const said = sessions[0].messages.filter(({ author }) => author === 'visitor')
  assert.deepEqual(
    said.map(({ text }) => text),
    ['The invoice is paid'],
  )
})

test('the next client knows the visitors of the store, and opens all of them', async (t) => {
  const store = file(t)
  const { client, emulator } = await stage(t, { client: { store } })
  const details = { name: 'Ada', channel: 'slack', tag: 'T1/C7' }
  const { visitorId } = await client.open(Visitor.forUser('slack', 'U1', details))
  const { sessionId } = await client.open({ platform: 'slack', userId: 'U2' })
  await client.close()

  const again = emulator.client({ store })
  const known = await again.known()
  assert.equal(known.length, 2)
  const ada = known.find(({ id }) => id === visitorId)
  assert.ok(ada instanceof Visitor)
  assert.deepEqual({ ...ada }, { id: visitorId, ...details })
  assert.deepEqual(await again.recover(), [])
  await assert.rejects(again.recover({ every: true }), MisuseError)
  const heard = again.waitFor('ownerReply', { signal: AbortSignal.timeout(10_000) })
  assert.deepEqual((await again.recover({ all: true })).sort(), known.map(({ id }) => id).sort())
  await emulator.waitUntil(({ sockets }) => sockets.length === 2)
  await emulator.owner.reply(sessionId, 'Did you get home?')
  assert.equal((await heard).sessionId, sessionId)
  assert.equal(again.stats().storedVisitors, 2)
  assert.equal(again.stats().storedMessages, 0)
  await again.close()
})

test('a store is copied while it is in use', async (t) => {
  const store = file(t)
  const { client, open, emulator } = await stage(t, { client: { store } })
  const { sessionId } = await open('ada')
  const copy = `${store}.copy`
  await client.backup(copy)
  await client.close()
  const again = emulator.client({ store: copy })
  assert.equal((await again.open({ platform: 'test', userId: 'ada' })).sessionId, sessionId)
  await again.close()
  const bare = emulator.client()
  await assert.rejects(bare.backup(copy), UnsupportedError)
  assert.deepEqual(await bare.known(), [])
  await bare.close()
})

test('a message that is given up comes back as an event', async (t) => {
  const { client, open, emulator } = await stage(t, { client: { store: file(t), durableDeadlineMs: 60_000 } })
  const chat = await open('ada')
  const events = chat.events()
  // It waits for a socket, and so has certainly not been sent.
  await emulator.fault({ at: 'ws/create', do: { status: 503 }, times: 1_000_000 })
  await emulator.closeSockets({ abrupt: true })
  await next(events, 'disconnected')
  const messageId = await chat.send('Too late', { durable: true })
  client.advanceClock(60_000)
  const { message, error } = await next(events, 'unsent')
  assert.deepEqual([message.messageId, message.text, message.certain], [messageId, 'Too late', true])
  assert.ok(error instanceof Error)
  assert.equal(typeof error.kind, 'string')
  await emulator.clearFaults()
})
