// A bridge between the emulator and a platform of the test's own.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { MisuseError, Visitor } from 'secondme-avatar'
import { Bridge, Undeliverable } from 'secondme-avatar/bridge'
import { startEmulator } from 'secondme-avatar/testing'

import { newMessageId } from '../lib/message-id.js'
import { Platform } from './bridge/platform.mjs'
import { folder, programs, project } from './project.mjs'
import { stage, until } from './support.mjs'

const LIMITS = { maxChars: 2000, updateIntervalMs: 1000 }

/** A bridge, and what goes with it, for as long as a test lasts. */
async function bridged(test, { limits = {}, options = {}, ...emulated } = {}) {
  const { emulator, client } = await stage(test, emulated)
  return { emulator, client, ...bridge(test, client, { limits, options }) }
}

function bridge(
  test,
  client,
  { limits = {}, options = {}, shown = new Platform(Date, { ...LIMITS, ...limits }) } = {},
) {
  const errors = []
  const bridge = new Bridge(client, {
    platform: 'irc',
    outlet: shown,
    onError: (error, context) => errors.push({ error, ...context }),
    ...options,
  })
  test.after(() => bridge.close({ deadlineMs: 0 }))
  let number = 0
  const said = (user, text, more = {}) => {
    number += 1
    return { id: `m${number}`, user: { id: user, name: user }, address: `chat of ${user}`, text, ...more }
  }
  const say = (...of) => bridge.receive(said(...of))
  return { bridge, shown, errors, said, say }
}

test('each visitor is answered in order, and visitors at once', async (t) => {
  const { bridge, shown, say } = await bridged(t)
  const texts = ['one', 'two', 'three', 'four', 'five']
  await Promise.all(texts.flatMap((text) => ['ada', 'grace'].map((user) => say(user, `${text} of ${user}`))))
  await bridge.idle()
  for (const user of ['ada', 'grace']) {
    assert.deepEqual(
      shown.texts(`chat of ${user}`),
      texts.map((text) => `You said: ${text} of ${user}`),
    )
  }
})

test('a message that is delivered once more is answered once', async (t) => {
  const { bridge, shown, said } = await bridged(t)
  const message = said('ada', 'Hello')
  await Promise.all([bridge.receive(message), bridge.receive(message)])
  await bridge.idle()
  assert.equal(await bridge.receive(message), false)
  await bridge.idle()
  assert.deepEqual(shown.texts('chat of ada'), ['You said: Hello'])
  assert.equal(await bridge.receive(said('ada', '')), true)
})

test('a long message in Chinese is answered, and nothing of its text stays behind', async (t) => {
  const { bridge, shown, say, client, errors } = await bridged(t)
  const texts = ['好'.repeat(6000), '\u0001'.repeat(2900)]
  for (const text of texts) await say('ada', text)
  await bridge.idle()
  assert.deepEqual(errors, [])
  assert.equal(
    shown.texts('chat of ada').join('').replaceAll('\n', ''),
    texts.map((text) => `You said: ${text}`).join(''),
  )
  assert.deepEqual(await client.notes('bridge/irc/text/'), [])
})

test('an old message that is delivered once more does not move the owner’s words to its chat', async (t) => {
  const { bridge, shown, said, emulator, client } = await bridged(t)
  const old = said('bob', 'Hello', { address: 'an old chat' })
  await bridge.receive(old)
  await bridge.receive(said('bob', 'Hello again'))
  await bridge.receive(old)
  await bridge.idle()
  await emulator.owner.reply(await client.open({ platform: 'irc', userId: 'bob' }), 'It is me')
  await until(() => shown.texts('chat of bob').length === 2)
  assert.deepEqual(shown.texts('an old chat'), ['You said: Hello'])
})

test('an answer is shown while it grows, byte for byte', async (t) => {
  const text = 'hello 好好 book, 100 yuan, 😀 '.repeat(20).trim()
  const { bridge, shown, say } = await bridged(t, {
    pieceDelayMs: 10,
    limits: { updateIntervalMs: 0, maxChars: 100 },
  })
  await say('ada', text)
  await bridge.idle()
  assert.equal(shown.texts('chat of ada').join(''), `You said: ${text}`)
  assert.ok(shown.calls.some((call) => call.startsWith('update')))
  assert.ok(shown.isFinished('chat of ada'))
})

test('what the owner says unasked comes to the last address, once, with the owner’s name above it', async (t) => {
  const { bridge, shown, say, emulator, client } = await bridged(t, { options: { ownerName: 'Ada' } })
  await say('bob', 'Hello', { address: 'an old chat' })
  await say('bob', 'Hello again')
  await bridge.idle()
  const chat = await client.open({ platform: 'irc', userId: 'bob' })
  await emulator.owner.reply(chat, 'It is me')
  await until(() => shown.texts('chat of bob').length === 2)
  assert.deepEqual(shown.texts('chat of bob'), ['You said: Hello again', '👤 Ada, in person:\nIt is me'])
  assert.deepEqual(shown.texts('an old chat'), ['You said: Hello'])
  assert.equal(shown.authors.at(-1), 'owner')
})

test('while the owner has the conversation, questions go out, and the visitor is told so once', async (t) => {
  const { bridge, shown, say, emulator, client } = await bridged(t, {
    options: { language: 'zh', ownerName: '小艾', ask: { firstPieceDeadlineMs: 300 } },
  })
  await say('bob', 'Hello')
  await bridge.idle()
  const chat = await client.open({ platform: 'irc', userId: 'bob' })
  await emulator.owner.takeOver(chat)
  await emulator.owner.reply(chat, '是我')
  await until(() => shown.texts('chat of bob').length === 2)
  await say('bob', 'Are you there?')
  await say('bob', 'Hello?')
  await bridge.idle()
  await emulator.owner.reply(chat, '在')
  await until(() => shown.texts('chat of bob').length === 4)
  assert.deepEqual(shown.texts('chat of bob').slice(1), [
    '👤 小艾本人：\n是我',
    '小艾已经看到你的消息，会亲自在这里回复你。',
    '👤 小艾本人：\n在',
  ])
  const [session] = (await emulator.state()).sessions
  const heard = session.messages.filter(({ author }) => author === 'visitor').map(({ text }) => text)
  assert.deepEqual(heard, ['Hello', 'Are you there?', 'Hello?'])
})

test('what is no text is refused politely, once, and the text beside it is answered', async (t) => {
  const { bridge, shown, say } = await bridged(t)
  await say('ada', '', { hasOtherParts: true })
  await say('ada', 'What is on this picture?', { hasOtherParts: true })
  await say('ada', '', { hasOtherParts: true })
  await say('ada', '')
  await bridge.idle()
  const [refusal, answer, ...more] = shown.texts('chat of ada')
  assert.match(refusal, /only read text/)
  assert.deepEqual([answer, ...more], ['You said: What is on this picture?'])
})

test('a failure is told in a kind sentence, and the next question is answered', async (t) => {
  const { bridge, shown, say, emulator, errors } = await bridged(t)
  await emulator.fault({ at: 'message/send', do: { fail: 'some.code' }, times: 1 })
  await say('ada', 'Hello')
  await bridge.idle()
  await say('ada', 'And now?')
  await bridge.idle()
  const [sentence, answer] = shown.texts('chat of ada')
  assert.match(sentence, /trying again will not help/)
  assert.equal(answer, 'You said: And now?')
  assert.equal(errors[0].during, 'answer')
  assert.equal(errors[0].messageId, 'm1')
})

test('a service that is away for a moment is not noticed', async (t) => {
  const { bridge, shown, say, emulator } = await bridged(t, { client: { openDeadlineMs: 500 } })
  await emulator.fault({ at: 'call', do: { status: 503 }, times: 3 })
  await say('ada', 'Hello')
  await bridge.idle()
  assert.deepEqual(shown.texts('chat of ada'), ['You said: Hello'])
})

test('a chat that is gone is told to the program, and holds up nothing', async (t) => {
  const { bridge, shown, say, errors } = await bridged(t)
  shown.fail('post', new Undeliverable('the bot was removed'))
  shown.fail('open', new Undeliverable('the bot was removed'))
  await say('ada', 'Hello')
  await bridge.idle()
  assert.ok(errors.some(({ error }) => error instanceof Undeliverable))
  shown.succeed()
  await say('ada', 'Hello again')
  await bridge.idle()
  assert.deepEqual(shown.texts('chat of ada'), ['You said: Hello again'])
})

for (const sessions of ['person', 'thread']) {
  test(`two people never are the same visitor, with sessions of a ${sessions}`, async (t) => {
    const { bridge, said, emulator } = await bridged(t, { options: { sessions } })
    const known = JSON.parse(readFileSync(new URL('../../spec/bridge-visitors.json', import.meta.url), 'utf8'))
    const cases = known.filter((one) => one.sessions === sessions)
    for (const { user, thread, is } of cases) {
      const received = bridge.receive({ ...said('ada', 'Hello', { thread }), user })
      await (is === null ? assert.rejects(received, /thread/) : received)
    }
    await bridge.idle()
    const ids = (await emulator.state()).visitors.map(({ visitorId }) => visitorId)
    const wanted = cases.filter(({ is }) => is !== null).map(({ is }) => Visitor.forUser('irc', is).id)
    assert.deepEqual(ids.sort(), [...new Set(wanted)].sort())
  })
}

test('a program says itself which visitor a person is', async (t) => {
  const visitorOf = ({ id }, { thread }) => Visitor.forUser('irc', `${thread}/${id}`)
  const { bridge, say, emulator } = await bridged(t, { options: { visitorOf } })
  await say('ada', 'Hello', { thread: 'lobby' })
  await bridge.idle()
  const ids = (await emulator.state()).visitors.map(({ visitorId }) => visitorId)
  assert.deepEqual(ids, [Visitor.forUser('irc', 'lobby/ada').id])
})

test('the owner is called by the avatar’s name where the program gives none', async (t) => {
  const { bridge, shown, say, emulator, client } = await bridged(t)
  await say('bob', 'Hello')
  await bridge.idle()
  const chat = await client.open({ platform: 'irc', userId: 'bob' })
  await emulator.owner.reply(chat, 'It is me')
  await until(() => shown.texts('chat of bob').length === 2)
  assert.equal(shown.texts('chat of bob')[1], `👤 ${chat.avatarName}, in person:\nIt is me`)
})

test('what is wrong is said before anything is sent', async (t) => {
  const { client, bridge, said, shown } = await bridged(t)
  for (const [options, expected] of [
    [undefined, /platform, outlet/],
    [{ platform: 'Slack!', outlet: shown }, /lower-case/],
    [{ platform: 'irc' }, /`post/],
    [{ platform: 'irc', outlet: { post() {}, limits: { updateIntervalMs: 1 } } }, /maxChars/],
    [{ platform: 'irc', outlet: shown, owner: 'Ada' }, /no option `owner`/],
    [{ platform: 'irc', outlet: shown, language: 'fr' }, /`en` or `zh`/],
  ]) {
    assert.throws(
      () => new Bridge(client, options),
      (error) => error instanceof MisuseError && expected.test(error.message),
    )
  }
  for (const [more, expected] of [
    [{ id: '' }, /`id`/],
    [{ user: {} }, /user.id/],
    [{ address: 'x'.repeat(5000) }, /4096/],
    [{ text: undefined }, /`text`/],
  ]) {
    await assert.rejects(bridge.receive({ ...said('ada', 'Hello'), ...more }), (error) => {
      return error instanceof MisuseError && expected.test(error.message)
    })
  }
  await bridge.close()
  await assert.rejects(bridge.receive(said('ada', 'Hello')), /closed/)
})

test('the next process answers what the last one accepted, and what it has answered only once', async (t) => {
  const emulator = await startEmulator({ replyDelayMs: 300 })
  t.after(() => emulator.stop())
  const store = join(folder(t), 'avatar.db')
  const shown = new Platform(Date, LIMITS)
  const first = emulator.client({ store })
  const before = bridge(t, first, { shown })
  const messages = ['one', 'two', 'x'.repeat(10_000)].map((text) => before.said('ada', text))
  for (const message of messages) await before.bridge.receive(message)
  await until(() => shown.texts('chat of ada').length === 1)
  await before.bridge.close({ deadlineMs: 0 })
  await first.close()

  const second = emulator.client({ store })
  t.after(() => second.close())
  const after = bridge(t, second, { shown })
  await after.bridge.start()
  for (const message of messages) await after.bridge.receive(message)
  await after.bridge.idle()
  const texts = shown.texts('chat of ada')
  assert.deepEqual(texts.slice(0, 2), ['You said: one', 'You said: two'])
  assert.equal(texts.slice(2).join(''), `You said: ${'x'.repeat(10_000)}`)
  const asked = (await emulator.state()).sessions.flatMap(({ messages }) => messages)
  assert.equal(asked.filter(({ author }) => author === 'visitor').length, 3)
})

/** What a process leaves that is killed while a question is under way. */
async function leave(client, userId, { text = 'Hello', address = `chat of ${userId}`, ...more } = {}) {
  const chat = await client.open({ platform: 'irc', userId })
  const note = {
    v: 1,
    by: 'node',
    state: 'accepted',
    at: Date.now(),
    messageId: newMessageId(),
    address,
    text,
    ...more,
  }
  await client.setNote({ platform: 'irc', userId }, `bridge/irc/message/of ${userId}`, JSON.stringify(note))
  return { chat, note }
}

test('after a kill, no answer is written over that of another visitor in the same chat', async (t) => {
  const { bridge, shown, client } = await bridged(t)
  shown.show('a group', 'You said', false)
  const shownTo = { ada: [{ handle: '1', from: 0 }], bob: [] }
  for (const user of ['bob', 'ada']) {
    const { chat, note } = await leave(client, user, { address: 'a group', shown: shownTo[user] })
    await chat.ask('Hello', { messageId: note.messageId })
  }
  await bridge.start()
  await bridge.idle()
  assert.deepEqual(shown.texts('a group'), ['You said: Hello', 'You said: Hello'])
})

test('after a kill, a question is found far back in the history, and not asked once more', async (t) => {
  const { bridge, shown, client, emulator } = await bridged(t)
  const { chat, note } = await leave(client, 'ada')
  await chat.ask('Hello', { messageId: note.messageId })
  for (let count = 0; count < 60; count++) await chat.ask(`And ${count}?`)
  await bridge.start()
  await bridge.idle()
  assert.deepEqual(shown.texts('chat of ada'), ['You said: Hello'])
  const [{ messages }] = (await emulator.state()).sessions
  assert.equal(messages.filter(({ text }) => text === 'Hello').length, 1)
})

test('after a kill, no answer is waited for while the owner has the conversation', async (t) => {
  const { bridge, shown, client, emulator } = await bridged(t)
  const { chat, note } = await leave(client, 'bob', { text: 'Are you there?' })
  await emulator.owner.takeOver(chat)
  await emulator.owner.reply(chat, 'It is me')
  await until(() => chat.takenOver)
  await chat.send('Are you there?', { messageId: note.messageId })
  await bridge.start()
  await until(() => shown.texts('chat of bob').length === 1)
  assert.match(shown.texts('chat of bob')[0], /will answer here in person/)
})

test('a question of which it is not known whether it was taken keeps its id', async (t) => {
  const { bridge, shown, say, client, emulator } = await bridged(t, { options: { ask: { deadlineMs: 500 } } })
  const ids = []
  const open = client.open.bind(client)
  client.open = async (...of) => {
    const chat = await open(...of)
    const stream = chat.stream.bind(chat)
    chat.stream = (text, options) => {
      ids.push(options.messageId)
      return stream(text, options)
    }
    return chat
  }
  await emulator.fault({ at: 'message/send', do: 'hang-before', times: 1 })
  await say('ada', 'Hello')
  await bridge.idle()
  assert.deepEqual(shown.texts('chat of ada'), ['You said: Hello'])
  assert.deepEqual([ids.length > 1, new Set(ids).size], [true, 1])
})

test('what a bridge of another language has left is not passed over', async (t) => {
  const { bridge, client, said } = await bridged(t)
  await leave(client, 'ada', { by: 'python' })
  await assert.rejects(bridge.start(), (error) => error instanceof MisuseError && /python.*`store`/.test(error.message))
  await assert.rejects(bridge.receive(said('ada', 'Hello')), MisuseError)
})

test('the owner is heard by the next process before a person writes', async (t) => {
  const emulator = await startEmulator()
  t.after(() => emulator.stop())
  const store = join(folder(t), 'avatar.db')
  const first = emulator.client({ store })
  const before = bridge(t, first)
  await before.say('bob', 'Hello')
  await before.bridge.close()
  await first.close()
  const [{ sessionId }] = (await emulator.state()).sessions
  const second = emulator.client({ store })
  t.after(() => second.close())
  const after = bridge(t, second)
  await after.bridge.start()
  await emulator.owner.reply(sessionId, 'I was away')
  await until(() => after.shown.texts('chat of bob').length === 1)
  assert.deepEqual(after.shown.texts('chat of bob'), ['👤 The owner, in person:\nI was away'])
})

test('the program of the README carries the lines of a terminal', async (t) => {
  const emulator = await startEmulator()
  t.after(() => emulator.stop())
  const cwd = project(t, { 'bridge.mjs': programs()['bridge.mjs'] })
  const running = spawn(process.execPath, ['bridge.mjs'], {
    cwd,
    env: { ...process.env, SECONDME_API_KEY: emulator.apiKey, SECONDME_BASE_URL: emulator.baseUrl },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let out = ''
  running.stdout.on('data', (text) => {
    out += text
  })
  running.stdin.end('Hello\nAnd now?\n')
  assert.deepEqual(await once(running, 'close'), [0, null])
  assert.equal(out, 'Grace: You said: Hello\nGrace: You said: And now?\n')
})
