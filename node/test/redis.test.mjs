// A store in Redis: Debian's `redis-server`, started here.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { AvatarClient, MisuseError, StoreError, Visitor } from 'secondme-avatar'

import { redis, skip } from './redis-server.mjs'
import { stage } from './support.mjs'

test('clients share sessions and notes in a Redis', { skip }, async (t) => {
  const store = await redis(t)
  const { client, open, emulator } = await stage(t, { client: { store } })
  const ada = Visitor.forUser('test', 'ada')
  const { sessionId } = await open('ada')
  assert.equal(await client.addNote(ada, 'seen', '1'), true)
  await client.close()
  const again = emulator.client({ store })
  assert.equal((await again.open(ada)).sessionId, sessionId)
  assert.equal(await again.addNote(ada, 'seen', '2'), false)
  assert.equal((await emulator.state()).calls.auth, 1)
  await again.close()
})

test('a subscription to all processes hears what another one tells, and a usual one does not', { skip }, async (t) => {
  const store = await redis(t)
  const { open, emulator } = await stage(t, { client: { store } })
  const chat = await open('ada')
  const other = emulator.client({ store })
  const own = other.events()
  let heard
  const listening = (async () => {
    for await (const event of other.events({ allProcesses: true, raw: false })) {
      if (event.type !== 'reply') continue
      heard = event.visitorId
      return
    }
  })()
  while (heard === undefined) await chat.ask('Hello')
  await listening
  assert.equal(heard, chat.visitorId)
  await other.close()
  for await (const event of own) assert.fail(`it has heard ${event.type}`)
  assert.throws(() => other.events({ allProcesses: 'yes' }), MisuseError)
})

test('a Redis that cannot be used is an error of the constructor, without the password', () => {
  for (const [store, says] of [
    ['redis://:hunter2@127.0.0.1:1', /cannot be opened/],
    ['redis://:hunter2@127.0.0.1:port', /a host and a port/],
    ['postgres://:hunter2@host/db', /does not know/],
  ]) {
    assert.throws(
      () => new AvatarClient({ apiKey: 'sk-0123456789abcdef', store }),
      (error) => error instanceof StoreError && says.test(error.message) && !error.message.includes('hunter2'),
    )
  }
})
