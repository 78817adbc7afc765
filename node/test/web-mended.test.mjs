// The server part of the website widget where the store fails, or has lost what is old.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'

import { AvatarClient, StoreError, Visitor } from 'secondme-avatar'

import { visitorsMessage } from '../lib/web/messages.js'
import { Present } from '../lib/web/present.js'
import { Transcript } from '../lib/web/transcript.js'
import { folder } from './project.mjs'
import { stage, until } from './support.mjs'
import { partsOf, site, textOf } from './web/browser.mjs'

const DAY_MS = 86_400_000
const WRITES = ['addNote', 'setNote', 'deleteNote']

async function staged(test, { options, client: clientOptions, ...emulated } = {}) {
  const { emulator, client } = await stage(test, { client: clientOptions, ...emulated })
  return { emulator, client, ...(await site(test, client, options)) }
}

/** What all visitors have said to the service. */
async function asked(emulator) {
  const { sessions } = await emulator.state()
  const messages = sessions.flatMap(({ messages }) => messages)
  return messages.filter(({ author }) => author === 'visitor').map(({ text }) => text)
}

/** The writes of notes fail while `when` says so. */
function failing(client, when) {
  for (const name of WRITES) {
    const write = client[name].bind(client)
    client[name] = (visitor, key, ...more) => {
      if (when(key)) return Promise.reject(new StoreError('the disk is full'))
      return write(visitor, key, ...more)
    }
  }
}

test('a message that the store does not take is told to no tab, and is answered once when it comes again', async (t) => {
  const { emulator, client, visit } = await staged(t)
  const ada = await visit()
  const tab = await ada.events()
  await tab.of('owner')
  let fails = 1
  failing(client, (key) => key.startsWith('bridge/web/message/') && fails-- > 0)
  const refused = await ada.say('m1', 'Hello')
  assert.deepEqual([refused.status, (await refused.json()).error.code], [503, 'unavailable'])
  assert.deepEqual((await ada.history()).messages, [])
  assert.equal(textOf(await ada.ask('m2', 'and this')), 'You said: and this')
  assert.equal(textOf(await ada.ask('m1', 'Hello')), 'You said: Hello')
  const told = []
  while (told.length < 4) told.push((await tab.of('message')).id)
  assert.deepEqual(told, ['m2', 'm2.1', 'm1', 'm1.1'])
  assert.deepEqual(await asked(emulator), ['and this', 'Hello'])
})

test('an answer that was left when the store failed is gone on with when it is asked again, and never asked twice', async (t) => {
  const store = join(folder(t), 'avatar.db')
  const { emulator, client, widget, visit, stop } = await staged(t, { client: { store }, pieceDelayMs: 200 })
  const ada = await visit()
  let isBroken = false
  failing(client, () => isBroken)
  const left = await partsOf(await ada.say('m1', 'one two three'), ({ type }) => {
    isBroken ||= type === 'text-delta'
  })
  assert.deepEqual(
    [left.find(({ type }) => type === 'error').errorText, left.at(-1).finishReason],
    ['unavailable', 'error'],
  )
  isBroken = false
  assert.equal(textOf(await ada.ask('m1', 'one two three')), 'You said: one two three')
  assert.equal(textOf(await ada.ask('m1', 'one two three')), 'You said: one two three')
  await widget.close()
  await stop()
  await client.close()

  const next = new AvatarClient({ baseUrl: emulator.baseUrl, apiKey: emulator.apiKey, store })
  t.after(() => next.close())
  const again = await site(t, next)
  await again.widget.start()
  await again.widget.idle()
  assert.equal(textOf(await ada.at(again.base).ask('m1', 'one two three')), 'You said: one two three')
  assert.deepEqual(await asked(emulator), ['one two three'])
})

test('a message of which nothing is known but that it was dealt with ends as an error', async (t) => {
  const { client, visit } = await staged(t)
  const ada = await visit()
  await ada.ask('m1', 'Hello')
  const visitor = (await client.notes('web/web/turn/')).map(({ visitor }) => visitor)[0]
  await client.deleteNote(visitor, 'web/web/turn/m1')
  const parts = await ada.ask('m1', 'Hello')
  assert.equal(parts.at(-3).errorText, 'unavailable')
})

test('a visitor who is forgotten is forgotten in memory too, also in mid-answer, and begins anew', async (t) => {
  const store = join(folder(t), 'avatar.db')
  const { emulator, client, widget, visit, stop, errors } = await staged(t, { client: { store }, pieceDelayMs: 200 })
  const ada = await visit()
  const tab = await ada.events()
  await ada.ask('m1', 'the first secret')
  const [{ visitor }] = await client.notes('web/web/log/')
  const answer = await ada.say('m2', 'the second secret')
  for await (const chunk of answer.chunks) if (chunk.includes('text-delta')) break
  await widget.forget(visitor)
  while ((await tab.next()) !== undefined);
  assert.doesNotMatch(await client.export(visitor), /secret/)
  assert.equal(widget.visitorsInMemory, 0)
  assert.deepEqual(await (await ada.call()).json().then(({ hasHistory }) => hasHistory), false)
  assert.equal(textOf(await ada.ask('m3', 'the third word')), 'You said: the third word')
  const third = ['the third word', 'You said: the third word']
  const texts = async (browser) => (await browser.history()).messages.map(({ text }) => text)
  assert.deepEqual(await texts(ada), third)
  assert.doesNotMatch(await client.export(visitor), /secret/)
  assert.deepEqual(errors, [])
  await widget.close()
  await stop()
  await client.close()

  const next = new AvatarClient({ baseUrl: emulator.baseUrl, apiKey: emulator.apiKey, store })
  t.after(() => next.close())
  const again = await site(t, next)
  assert.deepEqual(await texts(ada.at(again.base)), third)
  assert.equal(textOf(await ada.at(again.base).ask('m4', 'four')), 'You said: four')
  assert.equal((await texts(ada.at(again.base))).length, 4)
})

test('after a restart a tab is told first that the owner has the conversation', async (t) => {
  const store = join(folder(t), 'avatar.db')
  const { emulator, client, widget, visit, stop } = await staged(t, { client: { store } })
  const ada = await visit()
  await ada.ask('m1', 'Hello')
  const [{ sessionId }] = (await emulator.state()).sessions
  await emulator.owner.takeOver(sessionId)
  await emulator.owner.reply(sessionId, 'It is me')
  await until(async () => (await (await ada.call()).json()).isOwnerPresent)
  await widget.close()
  await stop()
  await client.close()

  const next = new AvatarClient({ baseUrl: emulator.baseUrl, apiKey: emulator.apiKey, store })
  t.after(() => next.close())
  // Only who opens the events opens the conversation.
  const again = await site(t, next, { listen: false })
  const tab = await ada.at(again.base).events()
  assert.equal((await tab.of('owner')).isPresent, true)
})

test('a tab that reads too slowly is told to load the history, and nothing twice', () => {
  const present = new Present(Visitor.forUser('web', 'ada'), undefined, 0)
  const { body } = present.answer(undefined, 8, { type: 'owner', isPresent: false, name: '' })
  assert.match(body.take(0), /"owner"/)
  for (let number = 0; number < 201; number++) present.tell(visitorsMessage(`m${number}`, 'x', 0))
  assert.equal(body.take(0), 'data: {"type":"reset"}\n\n')
  assert.equal(body.take(0), undefined)
  present.tell(visitorsMessage('last', 'x', 0))
  assert.match(body.take(0), /^id: \S+-202\ndata: .*"last".*\n\n$/)
})

/** What a transcript needs of a client, in virtual time. */
class Store {
  now = 0
  notes = new Map()

  note = async (_, key) => {
    const note = this.notes.get(key)
    return note !== undefined && note.until > this.now ? note.text : undefined
  }

  setNote = async (_, key, text, { lifetimeMs = Number.POSITIVE_INFINITY } = {}) => {
    this.notes.set(key, { text, until: this.now + lifetimeMs })
  }

  addNote = async (visitor, key, text, options) => {
    if ((await this.note(visitor, key)) !== undefined) return false
    await this.setNote(visitor, key, text, options)
    return true
  }

  async say(...ids) {
    const transcript = this.transcript()
    for (const id of ids) await transcript.add(visitorsMessage(id, id, this.now))
  }

  /** As a server that has just begun has it. */
  transcript() {
    return new Transcript(this, Visitor.forUser('web', 'ada'), 'web', 30 * DAY_MS)
  }
}

function numbered(from, to) {
  return Array.from({ length: to - from }, (_, at) => `m${from + at}`)
}

test('what is younger than 30 days is in the history in its order, whatever has expired before it', async () => {
  const store = new Store()
  await store.say(...numbered(0, 2))
  store.now += 20 * DAY_MS
  await store.say(...numbered(2, 12))
  store.now += 11 * DAY_MS
  assert.equal(await store.transcript().isEmpty(), false)
  await store.say('m12')
  const { messages } = await store.transcript().page(undefined, 50)
  assert.deepEqual(
    messages.map(({ id }) => id),
    numbered(2, 13),
  )
  store.now += 31 * DAY_MS
  assert.equal(await store.transcript().isEmpty(), true)
})

test('a message that is missing among others does not end the history', async () => {
  const store = new Store()
  await store.say(...numbered(0, 100))
  for (const number of [40, 95]) store.notes.delete(`web/web/log/${number}`)
  const ids = []
  for (let before; before !== null; ) {
    const page = await store.transcript().page(before, 5)
    ids.unshift(...page.messages.map(({ id }) => id))
    before = page.before
  }
  assert.deepEqual(
    ids,
    numbered(0, 100).filter((id) => id !== 'm40' && id !== 'm95'),
  )
})

/** What writes the history waits until `release` is called. */
function held(client) {
  let release
  const isReleased = new Promise((resolve) => {
    release = resolve
  })
  for (const name of WRITES) {
    const write = client[name].bind(client)
    client[name] = async (visitor, key, ...more) => {
      if (/^web\/\w+\/(id|log)\//.test(key)) await isReleased
      return write(visitor, key, ...more)
    }
  }
  return release
}

test('no piece of an answer waits for the history, and the answer is done when that has the question', async (t) => {
  const { client, visit, widget } = await staged(t)
  const ada = await visit()
  const release = held(client)
  const answer = await ada.say('m1', 'Hello')
  const pieces = answer.chunks.iterator({ destroyOnReturn: false })
  for await (const chunk of pieces) if (chunk.includes('text-delta')) break
  const outcome = async () => (await client.notes('web/web/turn/')).length
  assert.equal(await outcome(), 0)
  release()
  await answer.text()
  await widget.idle()
  assert.equal(await outcome(), 1)
  const { messages } = await ada.history()
  assert.deepEqual(
    messages.map(({ text }) => text),
    ['Hello', 'You said: Hello'],
  )
})

test('a visitor who is forgotten while the history is being written leaves nothing behind', async (t) => {
  const { emulator, client, visit, widget } = await staged(t, { replyDelayMs: 3_600_000 })
  const ada = await visit()
  const release = held(client)
  let forgotten = 0
  const forget = client.forget.bind(client)
  client.forget = async (...given) => {
    await forget(...given)
    forgotten += 1
    // By then the question is given up: what its history writes afterwards would stay.
    if (forgotten === 2) release()
  }
  await ada.say('m1', 'Hello')
  await emulator.waitUntil(({ sessions }) => sessions.some(({ messages }) => messages.length > 0))
  const [{ visitor }] = await client.notes('bridge/web/')
  await widget.forget(visitor)
  assert.deepEqual(await client.notes(''), [])
})
