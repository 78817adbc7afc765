// Notes that a program keeps with a visitor: in the store, and in memory without one.

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'

import { AvatarClient, ClosedError, MisuseError, Visitor } from 'secondme-avatar'

import { finished, programs, project } from './project.mjs'
import { stage } from './support.mjs'

const ADA = Visitor.forUser('test', 'ada', { name: 'Ada Lovelace', tag: 'a tag' })
const BOB = Visitor.forUser('test', 'bob')
const WORD = 'a word of hers'

function folderOf(test) {
  const folder = mkdtempSync(join(tmpdir(), 'secondme-avatar-'))
  test.after(() => rmSync(folder, { recursive: true }))
  return folder
}

const made = ({ apiKey, baseUrl }, options) => new AvatarClient({ apiKey, baseUrl, ...options })

test('notes outlive the client, are exported, and are forgotten', async (t) => {
  const folder = folderOf(t)
  const { emulator } = await stage(t)
  const holds = (word) => readdirSync(folder).some((name) => readFileSync(join(folder, name)).includes(word))
  const store = join(folder, 'avatar.db')
  const first = made(emulator, { store })
  await first.setNote(ADA, 'address', WORD)
  assert.equal(await first.addNote(BOB, 'message/1', 'taken', { lifetimeMs: 60_000 }), true)
  assert.equal(await first.addNote({ platform: 'test', userId: 'bob' }, 'message/1', 'again'), false)
  await first.close()
  const client = made(emulator, { store })
  assert.equal(await client.note(ADA, 'address'), WORD)
  assert.equal(await client.note(BOB, 'address'), undefined)
  const notes = await client.notes('')
  assert.deepEqual(
    notes.map(({ visitor, key, text }) => [visitor.id, visitor.name, visitor.tag, key, text]),
    [
      [ADA.id, 'Ada Lovelace', 'a tag', 'address', WORD],
      [BOB.id, undefined, undefined, 'message/1', 'taken'],
    ],
  )
  assert.ok(notes[0].visitor instanceof Visitor)
  assert.ok(!/word|Lovelace/.test(inspect(notes)))
  client.advanceClock(60_000)
  assert.deepEqual(await client.notes('message/'), [])
  assert.equal(JSON.parse(await client.export(ADA)).notes[0].text, WORD)
  assert.ok(holds(WORD))
  await client.forget(ADA)
  assert.ok(!holds(WORD))
  assert.equal(await client.deleteNote(ADA, 'address'), false)
  await client.close()
})

test('of many that add a note at once, on two clients of a file, one succeeds', async (t) => {
  const store = join(folderOf(t), 'avatar.db')
  const { emulator } = await stage(t)
  const clients = [0, 1].map(() => made(emulator, { store }))
  const adds = Array.from({ length: 40 }, (_, at) => clients[at % 2].addNote(ADA, 'k', `${at}`))
  assert.equal((await Promise.all(adds)).filter(Boolean).length, 1)
  await Promise.all(clients.map((client) => client.close()))
})

test('what is no note is refused, and says why', async (t) => {
  const { client } = await stage(t)
  const refused = [
    ['', 'text', {}, /key is empty/],
    ['ö'.repeat(101), 'text', {}, /key is 202 bytes long/],
    ['k', 'x'.repeat(16_385), {}, /text is 16385 bytes long/],
    ['k', 'text', { lifetimeMs: 0 }, /lifetime is zero/],
    ['k', 'text', { lifetimeMs: -1 }, /`lifetimeMs` takes milliseconds/],
    ['k', 'text', { lifetime: 1 }, /there is no option `lifetime`/],
    ['k', '\ud800', {}, /half of a surrogate pair/],
    [1, 'text', {}, /`key` has to be a string/],
  ]
  for (const [key, text, options, message] of refused) {
    const failure = (error) => error instanceof MisuseError && message.test(error.message)
    await assert.rejects(client.setNote(ADA, key, text, options), failure)
  }
  assert.deepEqual(await client.notes(''), [])
  await client.setNote(ADA, 'k', '')
  assert.equal(await client.note(ADA, 'k'), '')
  assert.equal(await client.deleteNote(ADA, 'k'), true)
  await client.close()
  await assert.rejects(client.setNote(ADA, 'k', 'text'), ClosedError)
})

test('the program of the README answers a message once, also when it is started again', async (t) => {
  const { emulator } = await stage(t)
  const cwd = project(t, { 'own-calls.mjs': programs()['own-calls.mjs'] })
  const env = { SECONDME_API_KEY: emulator.apiKey, SECONDME_BASE_URL: emulator.baseUrl }
  for (const says of ['You said: Where is it?\ntrue\n', '']) {
    const { code, out, err } = await finished(process.execPath, ['own-calls.mjs'], { cwd, env })
    assert.deepEqual([code, err, out], [0, '', says])
  }
})
