// The bots of examples/bots as they stand: the platforms' real SDKs, fakes of the platforms, the emulator.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'

import { attach, slackClientOptions } from 'secondme-avatar/chat-sdk'

import { answers, Stage } from '../../examples/bots/stage.mjs'
import { createMemoryState } from '../../examples/bots/node_modules/@chat-adapter/state-memory/dist/index.js'
import { createSlackAdapter } from '../../examples/bots/node_modules/@chat-adapter/slack/dist/index.js'
import { Chat } from '../../examples/bots/node_modules/chat/dist/index.js'

async function staged(test, platform, emulator = { brain: 'echo' }) {
  const stage = await Stage.set(platform, { emulator })
  test.after(() => stage.end())
  const chat = async (name) => (await stage.chats()).find((one) => one.name === name)
  const shown = async (name) => answers((await chat(name)) ?? { messages: [] })
  const come = (name, count) => stage.until(async () => (await shown(name)).length >= count)
  // A message that is updated looks like a whole one, so the last words are waited for.
  const shows = async (name, ...texts) => {
    const is = async () => isDeepStrictEqual(await shown(name), texts)
    await stage.until(is).catch(async () => assert.deepEqual(await shown(name), texts))
  }
  return { ...stage, shows, stage, chat, shown, come, say: (...of) => stage.say(...of) }
}

for (const platform of ['slack', 'telegram', 'feishu', 'dingtalk']) {
  test(`${platform}: people are answered, in groups where they mention the bot, and the owner is heard`, async (t) => {
    const { stage, chat, shown, shows, come, say } = await staged(t, platform)
    stage.startBot()
    await say('Ada', 'hello 好好 book, 100 yuan')
    await shows('Ada', 'You said: hello 好好 book, 100 yuan')
    await say('Grace', 'not for the bot', { group: 'Team', mention: false })
    await say('Grace', 'for the bot', { group: 'Team' })
    await shows('Team', 'You said: for the bot')
    await say('Ada', '', { attachments: [{ name: 'a.png', type: 'image' }] })
    await say('Ada', 'And this?', { attachments: [{ name: 'b.png', type: 'image' }] })
    await stage.until(async () => (await shown('Ada'))[2] === 'You said: And this?')
    const sessions = (await stage.emulator.state()).sessions
    const ada = sessions.find(({ messages }) => messages.some(({ text }) => text.includes('yuan')))
    await stage.emulator.owner.reply(ada.sessionId, 'It is me')
    await come('Ada', 4)
    const [first, refusal, answer, owner] = (await shown('Ada')).map((text) => text.replaceAll('\\', ''))
    assert.deepEqual([first, answer], ['You said: hello 好好 book, 100 yuan', 'You said: And this?'])
    assert.match(refusal, /only read text/)
    assert.equal(owner, '👤 Ada Lovelace, in person:\nIt is me')
    assert.deepEqual(await shown('Team'), ['You said: for the bot'])
    assert.equal((await chat('Ada')).messages.length, 7)
  })

  test(`${platform}: what is delivered twice is answered once, also by the next process`, async (t) => {
    const { stage, shows, come, say } = await staged(t, platform)
    stage.startBot()
    await stage.fake.control('fault', platform === 'telegram' ? { dropAcks: 2 } : { duplicate: 2 })
    await say('Ada', 'one')
    await say('Ada', 'two')
    await come('Ada', 2)
    await stage.stopBot('SIGTERM')
    stage.startBot()
    await stage.fake.control('fault', platform === 'telegram' ? { dropAcks: 2 } : { redeliver: 'all' })
    await say('Ada', 'three')
    await shows('Ada', 'You said: one', 'You said: two', 'You said: three')
  })

  test(`${platform}: a long answer goes on in further messages, and none of it is lost`, async (t) => {
    const text = Array.from({ length: 4000 }, (_, at) => `word${at}`).join(' ')
    const brain = { script: { rules: [{ when: 'any', then: [{ say: text }] }] } }
    const { stage, shown, say } = await staged(t, platform, { brain })
    stage.startBot()
    await say('Ada', 'Tell me everything')
    // Telegram shows no space at a message's ends.
    const all = async () => (await shown('Ada')).join('').replaceAll(' ', '')
    await stage.until(async () => (await all()).length >= text.replaceAll(' ', '').length)
    assert.ok((await all()) === text.replaceAll(' ', ''))
  })
}

for (const platform of ['slack', 'telegram']) {
  test(`${platform}: a call that is refused or cut is made again, and shown once`, async (t) => {
    const { stage, shows, come, say } = await staged(t, platform)
    stage.startBot()
    await say('Ada', 'one')
    await come('Ada', 1)
    const post = platform === 'slack' ? 'chat.postMessage' : 'sendMessage'
    await stage.fake.control('fault', { status: 429, times: 2, name: post, retryAfter: 1 })
    await say('Ada', 'two')
    await come('Ada', 2)
    await stage.fake.control('fault', { cut: platform === 'slack' ? 'after' : 'before', times: 1, name: post })
    await say('Ada', 'three')
    await shows('Ada', 'You said: one', 'You said: two', 'You said: three')
  })
}

test('dingtalk: after a kill in the middle of an answer, the same card shows all of it', async (t) => {
  const { stage, chat, shows, say } = await staged(t, 'dingtalk', { brain: 'echo', pieceDelayMs: 500 })
  stage.startBot()
  await say('Ada', 'one two three four five six')
  await stage.until(async () => (await chat('Ada'))?.messages.some(({ state }) => state === 'growing'))
  await stage.stopBot()
  stage.startBot()
  await shows('Ada', 'You said: one two three four five six')
  assert.equal((await chat('Ada')).messages.filter(({ bot }) => bot).length, 1)
})

test('slack: an answer in a thread streams, and one whose stream has expired is finished', async (t) => {
  const { stage, chat, shows, come, say } = await staged(t, 'slack', { brain: 'echo', pieceDelayMs: 300 })
  stage.startBot()
  const { message } = await say('Ada', 'first')
  await come('Ada', 1)
  await say('Ada', 'second', { thread: message })
  await stage.until(async () => (await chat('Ada')).messages.some(({ state }) => state === 'growing'))
  await stage.fake.control('fault', { expireStreams: true })
  await come('Ada', 2)
  await say('Ada', 'third', { thread: message })
  await shows('Ada', 'You said: first', 'You said: second', 'You said: third')
  const names = (await stage.fake.control('calls')).calls.map(({ name }) => name)
  assert.ok(names.includes('chat.startStream') && names.includes('chat.update') && names.includes('chat.stopStream'))
})

test('slack: over webhooks, which are verified, and delivered again where the bot could not keep the message', async (t) => {
  const { stage, shows, say } = await staged(t, 'slack')
  const { token, signingSecret, apiUrl } = stage.fake.bot
  const client = stage.emulator.client()
  const slack = createSlackAdapter({ botToken: token, signingSecret, apiUrl, webClientOptions: slackClientOptions })
  const state = createMemoryState()
  const bot = new Chat({ userName: 'ada', adapters: { slack }, state, concurrency: 'concurrent', logger: 'silent' })
  const avatar = attach(bot, client, { onError: () => {} })
  t.after(async () => {
    await avatar.close({ deadlineMs: 0 })
    await client.close()
  })
  await avatar.start()
  const server = createServer(avatar.listener('slack')).listen(0, '127.0.0.1')
  t.after(() => server.close().closeAllConnections())
  await once(server, 'listening')
  const url = `http://127.0.0.1:${server.address().port}/slack/events`
  await stage.fake.control('webhook', { url })
  // The disk is full for a moment.
  const add = client.addNote
  let refused = 0
  client.addNote = async () => {
    refused += 1
    client.addNote = add
    throw new Error('the disk is full')
  }
  await say('Ada', 'Hello')
  await stage.until(() => refused === 1)
  await stage.fake.control('clock', { advanceMs: 3000 })
  await shows('Ada', 'You said: Hello')
  const forged = await fetch(url, {
    method: 'POST',
    body: '{"type":"event_callback"}',
    headers: { 'x-slack-signature': 'v0=1' },
  })
  assert.equal(forged.status, 401)
})
