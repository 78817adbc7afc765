import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import bolt from '@slack/bolt'
import { start } from '../slack.mjs'
import { collected, ended } from './support.mjs'

const MINUTE = 60_000
const quiet = { debug() {}, info() {}, warn() {}, error() {}, setLevel() {}, getLevel: () => 'error', setName() {} }

async function app(fake, more = {}) {
  const { token, signingSecret, apiUrl, appToken } = fake.bot
  return new bolt.App({
    token,
    signingSecret,
    appToken,
    logger: quiet,
    clientOptions: { slackApiUrl: apiUrl, retryConfig: { retries: 0 } },
    ...more,
  })
}

/** A bot of Bolt's own, that says what it hears. */
async function listening(t, more) {
  const fake = ended(t, await start({ quiet: true }))
  const bot = await app(fake, more)
  const heard = collected()
  bot.event('message', async ({ event, body }) => heard.add({ ...event, event_id: body.event_id }))
  bot.event('app_mention', async ({ event, body }) => heard.add({ ...event, event_id: body.event_id }))
  return { fake, bot, heard }
}

test('Bolt hears signed events, each once unless it comes again', async (t) => {
  const { fake, bot, heard } = await listening(t)
  const server = await bot.start({ port: 0, host: '127.0.0.1' })
  t.after(() => bot.stop())
  await fake.control('webhook', { url: `http://127.0.0.1:${server.address().port}/slack/events` })
  const said = await fake.control('say', { user: 'Ada', text: 'a < b & c' })
  assert.equal((await heard.next()).text, 'a &lt; b &amp; c')
  await fake.control('say', { user: 'Bob', text: 'hello', group: 'Team' })
  const mention = await heard.next()
  assert.deepEqual([mention.type, mention.text], ['app_mention', `<@${fake.bot.userId}> hello`])
  await fake.control('fault', { duplicate: 1 })
  await fake.control('say', { user: 'Ada', text: 'twice', event: 'Ev1' })
  assert.deepEqual([(await heard.next()).event_id, (await heard.next()).event_id], ['Ev1', 'Ev1'])
  await fake.control('fault', { redeliver: said.event })
  assert.equal((await heard.next()).event_id, said.event)
})

test('an event whose acknowledgement is lost comes again after 3 s', async (t) => {
  const { fake, bot, heard } = await listening(t, { socketMode: true })
  await bot.start()
  t.after(() => bot.stop())
  await fake.control('fault', { dropAcks: 1 })
  const { event } = await fake.control('say', { user: 'Ada', text: 'hello' })
  assert.equal((await heard.next()).event_id, event)
  await fake.control('clock', { advanceMs: 3000 })
  assert.equal((await heard.next()).event_id, event)
})

test('Socket Mode goes on after its socket was cut, and brings what waited', async (t) => {
  const { fake, bot, heard } = await listening(t, { socketMode: true })
  await bot.start()
  t.after(() => bot.stop())
  await fake.control('fault', { cutSockets: true })
  await fake.control('say', { user: 'Ada', text: 'are you there?' })
  assert.equal((await heard.next()).text, 'are you there?')
})

/** A direct message that the bot can answer, and the bot's client. */
async function asked(t) {
  const fake = ended(t, await start({ quiet: true }))
  const { client } = await app(fake)
  const { chat, message } = await fake.control('say', { user: 'Ada', text: 'hello' })
  const answers = async () => (await fake.control('chats')).chats[0].messages.filter(({ bot }) => bot)
  return { fake, client, at: { channel: chat, thread_ts: message }, answers }
}

const refused = (code) => (error) => error.data?.error === code

test("the SDK's stream shows its text byte by byte", async (t) => {
  const { client, at, answers } = await asked(t)
  const stream = client.chatStream({ ...at, buffer_size: 1 })
  const pieces = ['hel', 'lo ', '好好', ' book, 10', '0 yuan &amp; <b>']
  for (const piece of pieces) await stream.append({ markdown_text: piece })
  assert.equal((await answers())[0].state, 'growing')
  await stream.stop()
  const [shown] = await answers()
  assert.deepEqual([shown.text, shown.state], [pieces.join(''), 'done'])
})

test('a stream takes nothing more 5 minutes after its last piece, and can be edited then', async (t) => {
  const { fake, client, at, answers } = await asked(t)
  const { ts } = await client.chat.startStream({ ...at, markdown_text: 'one' })
  const piece = { channel: at.channel, ts, markdown_text: ' two' }
  await assert.rejects(client.chat.update({ channel: at.channel, ts, text: 'x' }), refused('streaming_state_conflict'))
  await fake.control('clock', { advanceMs: 5 * MINUTE - 1000 })
  await client.chat.appendStream(piece)
  await fake.control('clock', { advanceMs: 5 * MINUTE })
  await assert.rejects(client.chat.appendStream(piece), refused('message_not_in_streaming_state'))
  await client.chat.update({ channel: at.channel, ts, text: 'one two &lt;three&gt;' })
  assert.equal((await answers())[0].text, 'one two <three>')
})

test('texts beyond the limits are refused', async (t) => {
  const { client, at } = await asked(t)
  const { ts } = await client.chat.startStream(at)
  const long = { channel: at.channel, ts, markdown_text: 'a'.repeat(12_001) }
  await assert.rejects(client.chat.appendStream(long), refused('msg_too_long'))
  await client.chat.appendStream({ ...long, markdown_text: 'a'.repeat(12_000) })
  const posted = await client.chat.postMessage({ ...at, text: 'short' })
  const edit = { channel: at.channel, ts: posted.ts, text: 'a'.repeat(4001) }
  await assert.rejects(client.chat.update(edit), refused('msg_too_long'))
})

test('calls are refused, cut and counted as asked', async (t) => {
  const { fake, client, at, answers } = await asked(t)
  await fake.control('fault', { status: 429, retryAfter: 7, name: 'chat.postMessage' })
  const limited = await fetch(`${fake.bot.apiUrl}chat.postMessage`, {
    method: 'POST',
    headers: { authorization: `Bearer ${fake.bot.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...at, text: 'x' }),
  })
  assert.deepEqual([limited.status, limited.headers.get('retry-after')], [429, '7'])
  await fake.control('fault', { cut: 'before', name: 'chat.postMessage' })
  await assert.rejects(client.chat.postMessage({ ...at, text: 'before' }))
  await fake.control('fault', { cut: 'after', name: 'chat.postMessage' })
  await assert.rejects(client.chat.postMessage({ ...at, text: 'after' }))
  assert.deepEqual(
    (await answers()).map(({ text }) => text),
    ['after'],
  )
  const { messages } = await client.conversations.replies({ channel: at.channel, ts: at.thread_ts })
  assert.deepEqual(
    messages.map(({ text }) => text),
    ['hello', 'after'],
  )
  const { calls, most } = await fake.control('calls')
  assert.deepEqual(
    calls.filter(({ name }) => name === 'chat.postMessage').map(({ status }) => status),
    [429, 0, 200],
  )
  assert.equal(most.byName['chat.postMessage'], 3)
})

test('a wrong token and an unknown method are refused', async (t) => {
  const fake = ended(t, await start({ quiet: true }))
  const client = (await app(fake)).client
  await assert.rejects(client.chat.postMessage({ channel: 'D1', text: 'x' }), refused('channel_not_found'))
  await assert.rejects(
    client.chat.postMessage({ token: 'xoxb-other', channel: 'D1', text: 'x' }),
    refused('invalid_auth'),
  )
  await assert.rejects(client.apiCall('chat.sing', {}), refused('unknown_method'))
})

test('the signature is the one that Slack documents', async (t) => {
  const fake = ended(t, await start({ quiet: true }))
  const { body, headers } = fake.post({ payload: { a: 1 }, attempts: 0 })
  const base = `v0:${headers['x-slack-request-timestamp']}:${body}`
  const expected = createHmac('sha256', fake.bot.signingSecret).update(base).digest('hex')
  assert.equal(headers['x-slack-signature'], `v0=${expected}`)
})
