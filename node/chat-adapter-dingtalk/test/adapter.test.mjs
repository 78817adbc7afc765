import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDingTalkAdapter } from '../lib/index.js'
import { bot, configOf, deferred, isDone, loggerOf, pause, pieces, platform, shown, TEXT } from './support.mjs'

const CARD = { cardTemplateId: 'avatar-card.schema' }

test('a streamed answer grows on a card, and is byte by byte what was said', async (t) => {
  const fake = await platform(t)
  await bot(t, fake, (thread) => thread.post(pieces(TEXT.repeat(20), 7, () => pause(60))), CARD)
  await fake.control('say', { user: 'Ada', text: 'hello' })
  const [answer] = await shown(fake, isDone(1))
  assert.equal(answer.text, TEXT.repeat(20))
  assert.ok(answer.edits.length > 0, 'it was shown while it came')
  const { calls } = await fake.control('calls')
  assert.ok(calls.filter(({ name }) => name === 'card.streaming').length <= 8)
})

test('the card that every app has', async (t) => {
  const fake = await platform(t)
  await bot(t, fake, (thread) => thread.post(pieces(TEXT)), {
    cardTemplateId: '382e4302-551d-4880-bf29-a30acfab2e71.schema',
  })
  await fake.control('say', { user: 'Ada', text: 'hello' })
  assert.equal((await shown(fake, isDone(1)))[0].text, TEXT)
})

test('without a template the answer comes as a whole, in parts of 2,000 characters', async (t) => {
  const fake = await platform(t)
  const text = `${TEXT} 😀\n`.repeat(200)
  const { adapter: dingtalk } = await bot(t, fake, (thread) => thread.post(pieces(text, 50)))
  await fake.control('say', { user: 'Ada', text: 'hello' })
  const whole = (all) => all.map((answer) => answer.text).join('')
  const answers = await shown(fake, (all) => whole(all).length === text.length)
  assert.equal(whole(answers), text)
  assert.ok(answers.every((answer) => answer.text.length <= 2000))
  await assert.rejects(dingtalk.editMessage('dingtalk:s:YQ', 'x', 'y'), { name: 'NotImplementedError' })
  assert.equal(dingtalk.canEdit, false)
})

test('a whole answer, an edit, and an edit after a restart', async (t) => {
  const fake = await platform(t)
  const posted = deferred()
  await bot(t, fake, async (thread) => posted.resolve(await thread.post(TEXT)), CARD)
  await fake.control('say', { user: 'Ada', text: 'hello' })
  const sent = await posted.promise
  await sent.edit({ markdown: `${TEXT}!` })
  const next = createDingTalkAdapter({ ...configOf(fake), ...CARD })
  await next.editMessage(sent.threadId, sent.id, { markdown: `**${TEXT}**` })
  const [answer] = await shown(fake, isDone(1))
  assert.deepEqual([answer.text, ...answer.edits.map(({ text }) => text)], [`**${TEXT}**`, TEXT, `${TEXT}!`])
})

test('what a process may have posted before it was killed is one card, which shows the text', async (t) => {
  const fake = await platform(t)
  const { adapter } = await bot(t, fake, () => {}, CARD)
  const { user } = await fake.control('say', { user: 'Ada', text: 'hello' })
  const thread = await adapter.openDM(user)
  const begun = await adapter.postMessage(thread, { markdown: 'hello 好' }, { key: 'k' })
  const next = createDingTalkAdapter({ ...configOf(fake), ...CARD })
  const posted = await next.postMessage(thread, { markdown: TEXT }, { key: 'k', isRepeated: true })
  assert.equal(posted.id, begun.id)
  await next.stream(thread, pieces(`${TEXT}!`), { messageId: posted.id })
  await next.postMessage(thread, { markdown: 'another' }, { key: 'l' })
  const answers = await shown(fake, isDone(2))
  assert.deepEqual(
    answers.map(({ text }) => text),
    [`${TEXT}!`, 'another'],
  )
})

test('a mention in a group is answered there, with and without cards', async (t) => {
  for (const config of [CARD, {}]) {
    const fake = await platform(t)
    await bot(t, fake, (thread, message) => thread.post(`${message.author.fullName}: ${message.text}`), config)
    const { chat } = await fake.control('say', { user: '小明', group: 'Team', text: 'and you?' })
    await shown(fake, isDone(1))
    const { chats } = await fake.control('chats')
    assert.deepEqual([chats[0].id, chats[0].messages[1].text], [chat, '小明: and you?'])
  }
})

test('a person is written to when the webhook is no longer good', async (t) => {
  const fake = await platform(t)
  const heard = deferred()
  await bot(t, fake, async (thread) => heard.resolve(thread))
  await fake.control('say', { user: 'Ada', text: 'hello' })
  const thread = await heard.promise
  await fake.control('fault', { expireWebhooks: true })
  await thread.post(TEXT)
  assert.equal((await shown(fake, isDone(1)))[0].text, TEXT)
  const { calls } = await fake.control('calls')
  assert.deepEqual(calls.map(({ name }) => name).slice(-2), ['token', 'robot.send'])
})

test('what people say goes to no other host, whatever an event says', async (t) => {
  const fake = await platform(t)
  const dingtalk = createDingTalkAdapter({ ...configOf(fake), mode: 'webhook' })
  const other = await platform(t)
  await other.control('say', { user: 'Ada', text: 'hello' })
  const heard = deferred()
  await dingtalk.initialize({ getUserName: () => 'bot', processMessage: async (_, thread) => heard.resolve(thread) })
  await fake.control('say', { user: 'Ada', text: 'hello' })
  const [session] = other.sessions.keys()
  const sessionWebhook = `${other.url}/robot/sendBySession?session=${session}`
  const staff = (await fake.control('chats')).chats[0].staff
  const event = {
    msgId: 'm',
    msgtype: 'text',
    text: { content: 'x' },
    conversationType: '1',
    conversationId: 'c',
    senderId: 's',
  }
  const until = { sessionWebhook, sessionWebhookExpiredTime: Date.now() + 60_000, senderStaffId: staff }
  await dingtalk.handleWebhook(signed(fake, { ...event, ...until }))
  await dingtalk.postMessage(await heard.promise, TEXT)
  assert.equal((await shown(fake, isDone(1)))[0].text, TEXT)
  assert.deepEqual(await shown(other, () => true), [])
  const refused = await dingtalk.handleWebhook(new Request('http://bot/', { method: 'POST', body: '{}' }))
  assert.equal(refused.status, 401)
})

function signed(fake, event) {
  const { body, headers } = fake.post({ payload: event })
  return new Request('http://bot/', { method: 'POST', body, headers })
}

test('what a handler failed at comes again; what it did does not', async (t) => {
  const fake = await platform(t)
  const failed = deferred()
  const texts = []
  const answer = async (thread, message) => {
    texts.push(message.text)
    if (texts.length === 1) throw new Error('the store is away')
    await thread.post(`yes, ${message.text}`)
  }
  await bot(t, fake, answer, { logger: loggerOf(failed.resolve) })
  await fake.control('say', { user: 'Ada', text: 'hello' })
  await failed.promise
  await fake.control('clock', { advanceMs: 5000 })
  await shown(fake, isDone(1))
  await fake.control('fault', { redeliver: 'all' })
  // It comes over the same connection, behind what comes again.
  await fake.control('say', { user: 'Ada', text: 'and now?' })
  const answers = await shown(fake, isDone(2))
  assert.deepEqual(texts, ['hello', 'hello', 'and now?'])
  assert.deepEqual(
    answers.map(({ text }) => text),
    ['yes, hello', 'yes, and now?'],
  )
})

test('a wrong configuration and a wrong secret are said', async (t) => {
  assert.throws(() => createDingTalkAdapter({ clientSecret: 's' }), /DINGTALK_CLIENT_ID/)
  assert.throws(() => createDingTalkAdapter({ clientId: 'c' }), /DINGTALK_CLIENT_SECRET/)
  const fake = await platform(t)
  await assert.rejects(
    bot(t, fake, () => {}, { clientSecret: 'wrong' }),
    /opens no connection: status 401/,
  )
})
