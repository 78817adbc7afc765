import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryState } from '@chat-adapter/state-memory'
import { createTelegramAdapter } from '@chat-adapter/telegram'
import { Chat } from 'chat'
import { start } from '../telegram.mjs'
import { collected, ended } from './support.mjs'

const TEXT = 'hello 好好 book, 100 yuan. (really!)'
const logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger }

/** A bot of Chat SDK's that polls, and what it hears. */
async function polling(t) {
  const fake = ended(t, await start({ quiet: true }))
  const { token, apiUrl } = fake.bot
  const telegram = createTelegramAdapter({ botToken: token, apiUrl, mode: 'polling', logger })
  const bot = new Chat({
    userName: 'avatar_bot',
    adapters: { telegram },
    state: createMemoryState(),
    concurrency: 'concurrent',
    logger,
  })
  const heard = collected()
  const hear = (thread, message) => heard.add({ thread, message })
  bot.onDirectMessage(hear)
  bot.onNewMention(hear)
  await bot.initialize()
  t.after(() => bot.shutdown())
  const answers = async () => (await fake.control('chats')).chats[0].messages.filter((message) => message.bot)
  return { fake, heard, answers }
}

test("Chat SDK's adapter hears what people say, and answers", async (t) => {
  const { fake, heard, answers } = await polling(t)
  await fake.control('say', { user: '小明', text: TEXT })
  const { thread, message } = await heard.next()
  assert.deepEqual([message.text, message.author.fullName], [TEXT, '小明'])
  const sent = await thread.post(TEXT)
  assert.equal((await answers())[0].text, TEXT)
  await sent.edit(`${TEXT} More.`)
  const [edited] = await answers()
  assert.deepEqual([edited.text, edited.edits.map(({ text }) => text)], [`${TEXT} More.`, [TEXT]])
})

test('a group brings what mentions the bot, and nothing else', async (t) => {
  const { fake, heard } = await polling(t)
  const unheard = await fake.control('say', { user: 'Bob', group: 'Team', text: 'lunch?', mention: false })
  assert.equal(unheard.event, null)
  await fake.control('say', { user: 'Bob', group: 'Team', text: 'and you?' })
  assert.match((await heard.next()).message.text, /and you\?/)
})

/** A call, as the Bot API takes it. */
async function caller(t) {
  const fake = ended(t, await start({ quiet: true }))
  const call = async (name, body = {}) => {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${fake.url}/bot${fake.bot.token}/${name}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    })
    return answer.json()
  }
  return { fake, call }
}

test('an update comes until its offset is given', async (t) => {
  const { fake, call } = await caller(t)
  const { event } = await fake.control('say', { user: 'Ada', text: 'hello' })
  const ids = async (offset) => (await call('getUpdates', { offset })).result.map(({ update_id }) => update_id)
  assert.deepEqual([await ids(0), await ids(0)], [[event], [event]])
  await fake.control('fault', { dropAcks: 1 })
  assert.deepEqual([await ids(event + 1), await ids(event + 1)], [[event], []])
})

test('texts beyond 4,096 characters, edits that change nothing and floods are refused', async (t) => {
  const { fake, call } = await caller(t)
  const { chat } = await fake.control('say', { user: 'Ada', text: 'hello' })
  assert.match((await call('sendMessage', { chat_id: chat, text: 'a'.repeat(4097) })).description, /too long/)
  const { result } = await call('sendMessage', { chat_id: chat, text: 'a' })
  const edit = { chat_id: chat, message_id: result.message_id, text: 'a' }
  assert.match((await call('editMessageText', edit)).description, /not modified/)
  await fake.control('fault', { status: 429, retryAfter: 3 })
  assert.equal((await call('editMessageText', edit)).parameters.retry_after, 3)
})
