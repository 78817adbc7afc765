// What the store holds of people: shown, and deleted.

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { AvatarClient, ClosedError, MisuseError, StoreError, UnsupportedError, Visitor } from 'secondme-avatar'

import { stage, until } from './support.mjs'

const SAID = 'a word that was said'
const ADA = Visitor.forUser('test', 'ada', { name: 'Ada Lovelace', tag: 'a tag' })
const BOB = Visitor.forUser('test', 'bob')
const WORDS = [SAID, 'Ada Lovelace', 'a tag', ADA.id]

function folderOf(test) {
  const folder = mkdtempSync(join(tmpdir(), 'secondme-avatar-'))
  test.after(() => rmSync(folder, { recursive: true }))
  return folder
}

const written = (folder) => Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name))))
const ids = async (client) => (await client.known()).map(({ id }) => id).sort()
const saved = (client, ...visitors) =>
  until(async () => String(await ids(client)) === String(visitors.map(({ id }) => id).sort()))

test('nothing of a visitor is in the files once it is forgotten', async (t) => {
  const folder = folderOf(t)
  const { client, emulator } = await stage(t, { client: { store: join(folder, 'avatar.db'), closeDeadlineMs: 0 } })
  await emulator.fault({ at: 'message/send', do: 'quota', chance: 1 })
  const chat = await client.open(ADA)
  const { sessionId } = chat
  await client.open(BOB)
  await chat.send(SAID, { durable: true })
  await saved(client, ADA, BOB)
  for (const word of WORDS) assert.ok(written(folder).includes(word), 'the search finds it')
  await client.forget(ADA)
  for (const word of WORDS) assert.ok(!written(folder).includes(word), word)
  assert.deepEqual(await ids(client), [BOB.id])
  assert.equal(chat.state, 'closed')
  await assert.rejects(chat.send(SAID, { durable: true }), ClosedError)
  await client.forget(ADA.id) // Once more is no error.
  const again = await client.open(ADA)
  assert.notEqual(again, chat)
  assert.notEqual(again.sessionId, sessionId)
})

test('what is kept is shown without secrets', async (t) => {
  const { client, emulator } = await stage(t, {
    client: { store: join(folderOf(t), 'avatar.db'), closeDeadlineMs: 0 },
  })
  await emulator.fault({ at: 'message/send', do: 'quota', chance: 1 })
  const chat = await client.open(ADA)
  await chat.send(SAID, { durable: true })
  await saved(client, ADA)
  const json = await client.export(ADA)
  const shown = JSON.parse(json)
  assert.deepEqual([shown.visitor_id, shown.holds_data], [ADA.id, true])
  assert.deepEqual(
    shown.messages.map(({ text }) => text),
    [SAID],
  )
  assert.match(JSON.stringify(shown.records), /Ada Lovelace/)
  assert.doesNotMatch(json, /sk-/)
  const nothing = JSON.parse(await client.export(Visitor.random('test')))
  assert.deepEqual([nothing.holds_data, nothing.records, nothing.messages], [false, [], []])
})

test('those who are idle are forgotten, and those in use are not', async (t) => {
  const folder = folderOf(t)
  const { client } = await stage(t, { client: { store: join(folder, 'avatar.db'), retentionMs: 30 * 86_400_000 } })
  const chat = await client.open(ADA)
  await client.open(BOB)
  await saved(client, ADA, BOB)
  await chat.close()
  assert.equal(await client.forgetIdle(3_600_000), 0)
  // The store's thread may still be writing, and what was written just now is not idle.
  await until(async () => (await client.forgetIdle(0)) === 1)
  assert.deepEqual(await ids(client), [BOB.id])
  assert.ok(!written(folder).includes(ADA.id))
  await assert.rejects(client.forgetIdle(-1), { name: 'MisuseError', message: /`longerThanMs`/ })
  await assert.rejects(client.forgetIdle('1'), { name: 'MisuseError' })
})

test('a visitor who is open elsewhere stays', async (t) => {
  const folder = folderOf(t)
  const store = join(folder, 'avatar.db')
  const { client, emulator } = await stage(t, { client: { store } })
  const other = emulator.client({ store })
  t.after(() => other.close())
  await other.open(ADA)
  await saved(client, ADA)
  const error = await client.forget(ADA).catch((error) => error)
  assert.ok(error instanceof StoreError && error.kind === 'store')
  assert.equal(await client.forgetIdle(0), 0)
  assert.ok(written(folder).includes(ADA.id))
})

test('what cannot be done says so', async (t) => {
  const { client } = await stage(t)
  for (const call of [client.export(ADA), client.forgetIdle(3_600_000)]) {
    await assert.rejects(call, UnsupportedError)
  }
  const chat = await client.open(ADA)
  const session = chat.sessionId
  await client.forget(ADA)
  assert.equal(chat.state, 'closed')
  assert.notEqual((await client.open(ADA)).sessionId, session)
  await assert.rejects(client.forget('no id'), { name: 'InvalidVisitorIdError' })
  for (const call of [client.forget(ADA, { deadline: 1 }), client.export(ADA, null), client.forgetIdle(1, 5)]) {
    await assert.rejects(call, MisuseError)
  }
  const store = join(folderOf(t), 'avatar.db')
  assert.throws(() => new AvatarClient({ apiKey: 'sk-test', store, retentionMs: 1000 }), /MisuseError: .*retentionMs/)
  assert.throws(
    () => new AvatarClient({ apiKey: 'sk-test', retentionMs: 3_600_000 }),
    /MisuseError: .*without a .store/,
  )
})
