import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { inspect } from 'node:util'

import { AvatarClient, ClosedError, Conversation, MisuseError, newMessageId, Visitor } from 'secondme-avatar'

import { next, stage, until } from './support.mjs'

test('a visitor talks with the avatar', async (t) => {
  const { client } = await stage(t, { opening: 'Welcome!', avatarName: 'Ada' })
  const chat = await client.open({ platform: 'feishu', userId: 'ou_abc', name: '张三' })
  assert.ok(chat instanceof Conversation)
  assert.equal(chat.opening, 'Welcome!')
  assert.equal(chat.avatarName, 'Ada')
  assert.equal(chat.visitorId, 'feishu_d10f0353-58f2-539f-9ae5-dcf371311654') // always, everywhere
  assert.equal(chat.state, 'live')
  const reply = await chat.ask('Hello')
  assert.equal(reply.text, 'You said: Hello')
  assert.equal(reply.author, 'avatar')
  assert.equal(reply.ended, 'mark')
  assert.deepEqual(reply.parts, [{ type: 'text', text: 'You said: Hello' }])
})

test('the avatar’s owner sees the name of a visitor and the channel', async (t) => {
  const { client, emulator } = await stage(t)
  await client.open(Visitor.forUser('feishu', 'ou_abc', { name: '张三', channel: 'feishu' }))
  const { visitors } = await emulator.state()
  assert.equal(visitors[0].name, '张三(feishu)')
})

test('a reply comes piece by piece', async (t) => {
  const { open } = await stage(t)
  const chat = await open('ada')
  const pieces = chat.stream('one two three four five six')
  let text = ''
  for await (const piece of pieces) {
    assert.equal(typeof piece, 'string')
    text += piece
  }
  assert.equal(text, 'You said: one two three four five six')
  assert.equal(pieces.author, 'avatar')
  const reply = await pieces.reply()
  assert.equal(reply.text, text)
})

test('a stream whose pieces are not read still has the whole reply', async (t) => {
  const { open } = await stage(t)
  const chat = await open('ada')
  assert.equal((await chat.stream('Hello').reply()).text, 'You said: Hello')
})

test('a stream that is stopped lets the next question go out', async (t) => {
  const { emulator, open } = await stage(t, { pieceDelayMs: 60_000, client: { closeDeadlineMs: 50 } })
  const chat = await open('ada')
  const pieces = chat.stream('one two three four five six')
  const { value } = await pieces.next()
  pieces.stop()
  assert.deepEqual(await pieces.next(), { done: true, value: undefined })
  await assert.rejects(
    pieces.reply(),
    (error) => error instanceof ClosedError && /left before the reply was complete/.test(error.message),
  )
  chat.ask('the next').catch(() => {})
  await emulator.waitUntil(({ sessions }) => sessions[0].messages.some(({ text }) => text === 'the next'))
  assert.ok(value.length > 0)
})

test('what is said without waiting is said in that order', async (t) => {
  const { open, emulator } = await stage(t)
  const chat = await open('ada')
  const texts = Array.from({ length: 20 }, (_, number) => `message ${number}`)
  const sent = await Promise.all(texts.map((text) => chat.send(text)))
  assert.equal(new Set(sent.map(({ messageId }) => messageId)).size, texts.length)
  const { sessions } = await emulator.state()
  const said = sessions[0].messages.filter(({ author }) => author === 'visitor').map(({ text }) => text)
  assert.deepEqual(said, texts)
})

test('two questions at a time are answered in order, never crossed', async (t) => {
  const { open } = await stage(t)
  const chat = await open('ada')
  const replies = await Promise.all([chat.ask('first'), chat.ask('second'), chat.ask('third')])
  assert.deepEqual(
    replies.map(({ text }) => text),
    ['You said: first', 'You said: second', 'You said: third'],
  )
})

test('the same visitor gets the same conversation', async (t) => {
  const { client, open } = await stage(t)
  const [first, second] = await Promise.all([open('ada'), open('ada')])
  assert.equal(first, second)
  assert.equal(await client.open(first.visitorId), first)
  const session = first.sessionId
  await first.close()
  const again = await open('ada')
  assert.notEqual(again, first)
  assert.equal(again.sessionId, session)
})

test('a visitor has several sessions on one socket', async (t) => {
  const { open, emulator } = await stage(t)
  const chat = await open('ada')
  const beside = await chat.newSession()
  assert.notEqual(beside.sessionId, chat.sessionId)
  assert.deepEqual([chat.key, beside.key], [0, 1])
  assert.equal((await beside.ask('Here too?')).text, 'You said: Here too?')
  assert.equal((await emulator.state()).sockets.length, 1)
})

test('history hands back what was said, page by page', async (t) => {
  const { open } = await stage(t)
  const chat = await open('ada')
  for (const text of ['one', 'two', 'three']) await chat.ask(text)
  const last = await chat.history({ count: 2 })
  assert.deepEqual(
    last.map(({ author, text }) => `${author}: ${text}`),
    ['visitor: three', 'avatar: You said: three'],
  )
  const before = await chat.history({ count: 2, before: last[0].seqId })
  assert.deepEqual(
    before.map(({ text }) => text),
    ['two', 'You said: two'],
  )
  for (const { timestamp } of last) assert.ok(timestamp instanceof Date && timestamp.getTime() > 0)
})

test('the owner takes over and hands back', async (t) => {
  const { open, emulator } = await stage(t)
  const chat = await open('ada')
  const events = chat.events()
  await emulator.owner.reply(chat, 'Hi, this is the real me')
  const reply = await next(events, 'ownerReply')
  assert.equal(reply.text, 'Hi, this is the real me')
  assert.equal(reply.author, 'owner')
  await emulator.owner.handBack(chat)
  assert.equal((await chat.ask('And now?')).author, 'avatar')
})

test('an app that rests comes back', async (t) => {
  const { open, emulator } = await stage(t)
  const chat = await open('ada')
  await chat.pause()
  assert.equal(chat.state, 'paused')
  await emulator.waitUntil(({ sockets }) => sockets.length === 0)
  await chat.resume()
  await until(() => chat.state === 'live')
  await chat.networkChanged()
  assert.equal((await chat.ask('Back?')).text, 'You said: Back?')
})

test('a session that is ended is not gone on with', async (t) => {
  const { open } = await stage(t)
  const chat = await open('ada')
  const session = chat.sessionId
  await chat.end()
  assert.equal(chat.state, 'closed')
  assert.notEqual((await open('ada')).sessionId, session)
})

test('a client counts what it does, and says whose calls took how long', async (t) => {
  const calls = []
  const { client, open } = await stage(t, { client: { onCall: (call) => calls.push(call) } })
  const chat = await open('ada')
  await chat.ask('Hello')
  const stats = client.stats()
  assert.equal(stats.visitors, 1)
  assert.equal(stats.sent, 1)
  assert.equal(stats.replies, 1)
  assert.equal(stats.authentications, 1)
  await until(() => calls.length === 8)
  assert.deepEqual(new Set(calls.map(({ visitorId }) => visitorId)), new Set([chat.visitorId]))
  assert.ok(calls.some(({ step }) => step === 'sendMessage'))
  assert.ok(calls.every(({ tookMs }) => tookMs > 0))
  assert.ok(calls.every(({ started }) => started <= new Date() && started > new Date(Date.now() - 60_000)))
  assert.ok(calls.some(({ serverTime }) => serverTime instanceof Date))
})

test('an hour passes in a moment', async (t) => {
  const { client, open, emulator } = await stage(t)
  const chat = await open('ada')
  for (let pings = 1; pings <= 8; pings += 1) {
    client.advanceClock(15_000)
    await emulator.waitUntil(({ sockets }) => sockets[0]?.pings >= pings)
    await emulator.advance(15_000)
  }
  assert.equal(chat.state, 'live')
})

test('visitors are made of a platform and a user, of an id, or by chance', () => {
  const visitor = Visitor.forUser('web', 'u-1', { name: 'Ada' })
  assert.equal(Visitor.forUser('web', 'u-1').id, visitor.id)
  assert.equal(String(visitor), visitor.id)
  assert.equal(Visitor.parse(visitor.id).id, visitor.id)
  assert.match(Visitor.random('web').id, /^web_[0-9a-f-]{36}$/)
  assert.notEqual(Visitor.random('web').id, Visitor.random('web').id)
})

test('the same person is the same visitor in every language', () => {
  const file = new URL('../../spec/visitor-ids.json', import.meta.url)
  for (const { platform, userId, secret, id } of JSON.parse(readFileSync(file, 'utf8'))) {
    const visitor =
      secret === null ? Visitor.forUser(platform, userId) : Visitor.forUserWithSecret(platform, userId, secret)
    assert.equal(visitor.id, id)
  }
  for (const wrong of ['hunter2', '']) {
    assert.throws(
      () => Visitor.forUserWithSecret('web', 'u-1', wrong),
      (error) =>
        error.kind === 'invalidVisitorId' && /16 or more/.test(error.message) && !/hunter2/.test(error.message),
    )
  }
})

test('what people say and who they are is not printed with a value, unless it is asked for', async (t) => {
  const { client, emulator } = await stage(t, { opening: 'my secret opening' })
  const visitor = Visitor.forUser('web', 'u-1', { name: 'my secret name', tag: 'my secret tag' })
  const events = client.events()
  const chat = await client.open(visitor)
  const reply = await chat.ask('my secret')
  const [said] = await chat.history()
  await emulator.fault({ at: 'message/send', do: 'refuse', times: 1000 })
  const error = await chat.ask('my secret', { deadlineMs: 1 }).catch((failed) => failed)
  await client.close()
  const all = []
  for await (const event of events) all.push(event)
  assert.ok(all.length > 3)
  for (const value of [visitor, reply, said, error, error.unsent, ...all, all]) {
    assert.doesNotMatch(inspect(value, { depth: 9 }), /my secret/)
  }
  assert.match(inspect(reply), /text: <\d+ characters>/)
  assert.match(inspect(reply, { showHidden: true }), /You said: my secret/)
  assert.match(inspect(all, { showHidden: true, depth: 9 }), /ReplyEvent \{[^}]*text: 'You said: my secret'/)
  assert.match(inspect(visitor), /^Visitor \{[^}]*web_/)
})

test('what is said of a visitor and not known is a misuse that names it', async (t) => {
  const { client } = await stage(t)
  for (const wrong of [
    () => client.open({ platform: 'web', userId: 'u-1', nickname: 'Ada' }),
    () => Visitor.forUser('web', 'u-1', { nickname: 'Ada' }),
    () => Visitor.random('web', { nickname: 'Ada' }),
    () => Visitor.parse('web_6ba7b810-9dad-11d1-80b4-00c04fd430c8', { nickname: 'Ada' }),
  ]) {
    await assert.rejects(
      async () => wrong(),
      (error) => error instanceof MisuseError && /`nickname`; there are .*name, channel, tag/.test(error.message),
    )
  }
})

test('a client is named by the environment', async (t) => {
  const { emulator } = await stage(t)
  process.env.SECONDME_API_KEY = emulator.apiKey
  process.env.SECONDME_BASE_URL = emulator.baseUrl
  t.after(() => {
    delete process.env.SECONDME_API_KEY
    delete process.env.SECONDME_BASE_URL
  })
  const client = new AvatarClient()
  await client.open({ platform: 'test', userId: 'ada' })
  await client.close()
  const [request] = await emulator.journal()
  assert.match(request.headers['user-agent'], /^secondme-avatar\/\d+\.\d+\.\d+ node\/\d+\.\d+\.\d+$/)
})

test('a message goes out under the id that was chosen', async (t) => {
  const { client, open } = await stage(t)
  const chat = await open('ada')
  const [asked, streamed, sent] = [newMessageId(), newMessageId(), newMessageId()]
  assert.match(asked, /^\d+_____\d{13}$/)
  assert.equal((await chat.ask('one', { messageId: asked })).inReplyTo, asked)
  for await (const piece of chat.stream('two', { messageId: streamed })) assert.ok(piece.length > 0)
  assert.equal((await chat.send('three', { messageId: sent })).messageId, sent)
  const said = (await chat.history()).filter(({ author }) => author === 'visitor')
  assert.deepEqual(
    said.map(({ id }) => id),
    [asked, streamed, sent],
  )
  for (const messageId of [sent, 'mine', '', 7]) {
    await assert.rejects(chat.send('four', { messageId }), MisuseError)
  }
  assert.equal((await chat.history()).filter(({ author }) => author === 'visitor').length, 3)
  await client.close()
})
