import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import { test } from 'node:test'
import Sdk from '@figuro/chatwoot-sdk'
import { start } from '../chatwoot.mjs'
import { collected, ended } from './support.mjs'

const ChatwootClient = Sdk.default

function client(fake, token) {
  return new ChatwootClient({ config: { basePath: fake.url, with_credentials: true, credentials: 'include', token } })
}

/** A server that keeps the webhooks that it gets, and answers as it is told. */
async function receiver(t) {
  const came = collected()
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray())
    came.add({ path: request.url, headers: request.headers, body, payload: JSON.parse(body) })
    response.writeHead(said.status).end()
  })
  const said = { status: 200, next: () => came.next() }
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready))
  t.after(() => server.closeAllConnections() ?? server.close())
  said.url = `http://127.0.0.1:${server.address().port}`
  return said
}

async function until(condition) {
  while (!(await condition())) await new Promise((next) => setImmediate(next))
}

async function scene(t) {
  const fake = ended(t, await start({ quiet: true }))
  const [account, other] = fake.bot.accounts
  return { fake, account, other, bot: client(fake, account.botToken), agent: client(fake, account.agents[0].token) }
}

test('the SDK speaks as visitor, bot and agent, and each reads what the others said', async (t) => {
  const { fake, account, bot, agent } = await scene(t)
  const { identifier } = account.inboxes[1]
  const visitor = client(fake).client
  const contact = await visitor.contacts.create({ inboxIdentifier: identifier, data: { name: 'Ann' } })
  const contactIdentifier = contact.source_id
  const opened = await visitor.conversations.create({ inboxIdentifier: identifier, contactIdentifier })
  const at = { inboxIdentifier: identifier, contactIdentifier, conversationId: opened.id }
  await visitor.messages.create({ ...at, data: { content: 'Hello' } })

  const conversation = { accountId: account.id, conversationId: opened.id }
  const said = await bot.messages.create({ ...conversation, data: { content: 'Good day', private: false } })
  assert.equal(said.sender.name, 'Avatar')
  assert.equal(said.private, false)
  assert.equal(said.message_type, 1)
  await bot.messages.create({ ...conversation, data: { content: 'For the team', private: true } })
  const toggled = await bot.conversations.toggleStatus({ ...conversation, data: { status: 'open' } })
  assert.equal(toggled.payload.current_status, 'open')
  await agent.conversationAssignment.assign({ ...conversation, data: { assignee_id: account.agents[0].id } })
  await agent.messages.create({ ...conversation, data: { content: 'Carol here' } })

  const found = await agent.conversations.get(conversation)
  assert.equal(found.status, 'open')
  assert.equal(found.meta.assignee.name, 'Carol')
  const { payload } = await agent.messages.list(conversation)
  const own = payload.filter((message) => message.message_type !== 2)
  assert.deepEqual(
    own.map(({ content }) => content),
    ['Hello', 'Good day', 'For the team', 'Carol here'],
  )
  const heard = await visitor.messages.list(at)
  assert.deepEqual(
    heard.filter(({ message_type }) => message_type < 2).map(({ content }) => content),
    ['Hello', 'Good day', 'Carol here'],
  )
  const files = [{ content: Buffer.from('x'), encoding: 'base64', filename: 'x.png' }]
  const sent = await agent.messages.create({ ...conversation, data: { content: 'See', attachments: files } })
  assert.equal(sent.attachments.length, 1)
})

test('a bot may not do what Chatwoot lets only people do', async (t) => {
  const { fake, account, bot, agent, other } = await scene(t)
  const { conversation } = await fake.control('say', { user: 'Ann', text: 'Hello' })
  const at = { accountId: account.id, conversationId: conversation }
  await assert.rejects(bot.messages.list(at), { status: 401 })
  await assert.rejects(client(fake, 'wrong').messages.create({ ...at, data: { content: 'x' } }), { status: 401 })
  await assert.rejects(bot.messages.create({ ...at, accountId: other.id, data: { content: 'x' } }), { status: 404 })
  await assert.rejects(bot.messages.create({ ...at, conversationId: 99, data: { content: 'x' } }), { status: 404 })
  const incoming = { content: 'x', message_type: 'incoming' }
  await assert.rejects(agent.messages.create({ ...at, data: incoming }), { status: 422 })
  await assert.rejects(bot.messages.create({ ...at, data: { content: 'x'.repeat(150_001) } }), { status: 422 })
  await assert.rejects(bot.conversations.toggleStatus({ ...at, data: { status: 'away' } }), { status: 422 })
  for (const [version, status] of [
    [{ typing: true }, 200],
    [{ typing: false }, 401],
  ]) {
    await fake.control('version', version)
    const typing = await fetch(`${fake.url}/api/v1/accounts/1/conversations/${conversation}/toggle_typing_status`, {
      method: 'POST',
      headers: { api_access_token: account.botToken, 'content-type': 'application/json' },
      body: JSON.stringify({ typing_status: 'on' }),
    })
    assert.equal(typing.status, status)
  }
})

test('webhooks are signed over their raw body, and say what Chatwoot says', async (t) => {
  const { fake, account } = await scene(t)
  const hooks = await receiver(t)
  await fake.control('webhook', { url: `${hooks.url}/bot`, kind: 'bot' })
  await fake.control('say', { user: 'Ann', text: 'Hello', attachments: [{ name: 'x.png', type: 'image' }] })
  const { headers, body, payload } = await hooks.next()
  const time = headers['x-chatwoot-timestamp']
  const sign = createHmac('sha256', account.botSecret).update(`${time}.`).update(body).digest('hex')
  assert.equal(headers['x-chatwoot-signature'], `sha256=${sign}`)
  assert.match(headers['x-chatwoot-delivery'], /^[0-9a-f-]{36}$/)
  assert.equal(payload.event, 'message_created')
  assert.equal(payload.message_type, 'incoming')
  assert.equal(payload.conversation.status, 'pending')
  assert.equal(payload.conversation.messages[0].message_type, 0)
  assert.equal(payload.attachments[0].file_type, 'image')
  assert.equal(payload.sender.type, undefined)
})

for (const [answer, times] of [
  [500, 3],
  [429, 3],
  [503, 1],
  [404, 1],
]) {
  test(`a bot that answers ${answer} hears a message ${times} times, and then people have the conversation`, async (t) => {
    const { fake } = await scene(t)
    const hooks = await receiver(t)
    hooks.status = answer
    await fake.control('webhook', { url: hooks.url, kind: 'bot' })
    await fake.control('say', { user: 'Ann', text: 'Hello' })
    const status = async () => (await fake.control('chats')).chats[0].status
    const answered = async () => {
      const { answers } = await fake.control('webhooks')
      return answers.filter(({ event, status }) => event === 'message_created' && status === answer).length
    }
    for (let attempt = 1; attempt <= times; attempt += 1) {
      await until(async () => (await answered()) === attempt)
      if (attempt < times) assert.equal(await status(), 'pending')
      await fake.control('clock', { advanceMs: 3000 })
    }
    await until(async () => (await status()) === 'open')
    assert.equal(await answered(), times)
  })
}

test('what agents do is told to the account, and to the bot as this version does it', async (t) => {
  const { fake } = await scene(t)
  const hooks = await receiver(t)
  const { conversation } = await fake.control('say', { user: 'Ann', text: 'Hello' })
  await fake.control('webhook', { url: `${hooks.url}/bot`, kind: 'bot' })
  await fake.control('webhook', { url: `${hooks.url}/account`, kind: 'account' })
  await fake.control('version', { botUpdates: false })
  await fake.control('fault', { drop: 'conversation_status_changed' })
  await fake.control('act', { agent: 'Carol', conversation, does: 'take' })
  const seen = []
  for (let number = 0; number < 3; number += 1) {
    const { path, payload } = await hooks.next()
    seen.push(`${path} ${payload.event}`)
    assert.equal(payload.status, 'open')
    assert.equal(payload.meta.assignee.name, 'Carol')
  }
  assert.deepEqual(seen.sort(), [
    '/account conversation_updated',
    '/account conversation_updated',
    '/bot conversation_opened',
  ])
})

test('held webhooks come in the other order, forged ones with another signature, and all again', async (t) => {
  const { fake, account } = await scene(t)
  const hooks = await receiver(t)
  await fake.control('webhook', { url: hooks.url, kind: 'bot' })
  await fake.control('fault', { hold: true, forge: 1 })
  for (const text of ['one', 'two', 'three']) await fake.control('say', { user: 'Ann', text })
  await fake.control('fault', { release: 'reversed' })
  const heard = [await hooks.next(), await hooks.next(), await hooks.next()]
  assert.deepEqual(heard.map(({ payload }) => payload.content).sort(), ['one', 'three', 'two'])
  const isSigned = ({ headers, body }) => {
    const sign = createHmac('sha256', account.botSecret).update(`${headers['x-chatwoot-timestamp']}.`).update(body)
    return headers['x-chatwoot-signature'] === `sha256=${sign.digest('hex')}`
  }
  assert.equal(heard.filter(isSigned).length, 2)
  await fake.control('fault', { redeliver: 'message_created' })
  const again = [await hooks.next(), await hooks.next(), await hooks.next()]
  assert.deepEqual(again.map(({ payload }) => payload.id).sort(), heard.map(({ payload }) => payload.id).sort())
})

test('a message with a source goes nowhere but on websites and in the API', async (t) => {
  const { fake, account, bot } = await scene(t)
  for (const { id, name } of account.inboxes.filter((inbox) => inbox.name !== 'Office')) {
    const { conversation } = await fake.control('say', { user: name, text: 'Hello', inbox: id })
    const at = { accountId: account.id, conversationId: conversation }
    await bot.messages.create({ ...at, data: { content: 'x', source_id: 'key' } })
    await bot.messages.create({ ...at, data: { content: 'x' } })
    const { chats } = await fake.control('chats')
    const states = chats.find((chat) => chat.name === name).messages.map(({ state }) => state)
    assert.deepEqual(states, ['done', name === 'Phone' ? 'not sent' : 'done', 'done'])
  }
})

test('faults and limits answer as Chatwoot does', async (t) => {
  const { fake, account, bot } = await scene(t)
  const { conversation } = await fake.control('say', { user: 'Ann', text: 'Hello' })
  const at = { accountId: account.id, conversationId: conversation }
  await fake.control('fault', { name: 'messages.create', status: 429, retryAfter: 2 })
  await assert.rejects(bot.messages.create({ ...at, data: { content: 'x' } }), { status: 429 })
  await fake.control('fault', { name: 'messages.create', cut: 'after' })
  await assert.rejects(bot.messages.create({ ...at, data: { content: 'was taken' } }))
  const { chats } = await fake.control('chats')
  assert.deepEqual(
    chats[0].messages.map(({ text }) => text),
    ['Hello', 'was taken'],
  )
  const { calls } = await fake.control('calls')
  assert.deepEqual(
    calls.map(({ name, status }) => [name, status]),
    [
      ['messages.create', 429],
      ['messages.create', 200],
    ],
  )
})
