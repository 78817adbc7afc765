import assert from 'node:assert/strict'
import { test } from 'node:test'
import axios from 'axios'
import { DWClient, TOPIC_ROBOT } from 'dingtalk-stream'
import { start } from '../dingtalk.mjs'
import { collected, ended } from './support.mjs'

const TEXT = 'hello 好好 book, 100 yuan'
const HOUR = 3_600_000

// The SDK says what it does on the console.
console.info = () => {}
console.warn = () => {}

/** The SDK's addresses are fixed: its calls are sent to the fake. */
function redirected(t, fake) {
  const to = axios.interceptors.request.use((config) => {
    config.url = config.url.replace(/^https:\/\/(api|oapi)\.dingtalk\.com/, fake.url)
    return config
  })
  t.after(() => axios.interceptors.request.eject(to))
}

async function listening(t) {
  const fake = ended(t, await start({ quiet: true }))
  redirected(t, fake)
  const { clientId, clientSecret } = fake.bot
  const client = new DWClient({ clientId, clientSecret, ua: 'test', autoReconnect: true })
  const heard = collected()
  client.registerCallbackListener(TOPIC_ROBOT, ({ headers, data }) => {
    client.socketCallBackResponse(headers.messageId, '')
    heard.add(JSON.parse(data))
  })
  await client.connect()
  t.after(() => client.disconnect())
  return { fake, client, heard }
}

async function asked(t) {
  const fake = ended(t, await start({ quiet: true }))
  const said = await fake.control('say', { user: 'Ada', text: 'hello' })
  const call = async (method, path, body) => {
    const headers = { 'x-acs-dingtalk-access-token': fake.bot.token, 'content-type': 'application/json' }
    const answer = await fetch(`${fake.url}${path}`, { method, headers, body: JSON.stringify(body) })
    return { status: answer.status, ...(await answer.json()) }
  }
  const answers = async () => (await fake.control('chats')).chats[0].messages.filter(({ bot }) => bot)
  return { fake, call, said, answers }
}

/** Makes a card, and shows it to Ada. Returns a call that changes its text. */
async function shown({ fake, call, said }) {
  const outTrackId = 'card'
  const { cardTemplateId } = fake.bot
  await call('POST', '/v1.0/card/instances', {
    outTrackId,
    cardTemplateId,
    cardData: { cardParamMap: { flowStatus: '1' } },
  })
  const openSpaceId = `dtv1.card//IM_ROBOT.${said.user}`
  const delivered = await call('POST', '/v1.0/card/instances/deliver', { outTrackId, openSpaceId })
  assert.equal(delivered.success, true)
  const piece = { outTrackId, key: 'content', isFull: true, isFinalize: false, isError: false }
  return (content, more = {}) =>
    call('PUT', '/v1.0/card/streaming', { ...piece, guid: crypto.randomUUID(), content, ...more })
}

test('the SDK hears direct messages and mentions, and gets its token', async (t) => {
  const { fake, client, heard } = await listening(t)
  await fake.control('say', { user: '小明', text: TEXT })
  const first = await heard.next()
  assert.deepEqual([first.text.content, first.senderNick, first.conversationType], [TEXT, '小明', '1'])
  await fake.control('say', { user: 'Bob', group: 'Team', text: 'no one hears this', mention: false })
  await fake.control('say', { user: 'Bob', group: 'Team', text: 'and you?' })
  const second = await heard.next()
  assert.deepEqual([second.text.content, second.conversationType], [' and you?', '2'])
  assert.equal(await client.getAccessToken(), fake.bot.token)
})

test('an event whose acknowledgement is lost comes again, and what waited comes after a cut', async (t) => {
  const { fake, heard } = await listening(t)
  await fake.control('fault', { dropAcks: 1 })
  const { event } = await fake.control('say', { user: 'Ada', text: 'hello' })
  assert.equal((await heard.next()).msgId, event)
  await fake.control('clock', { advanceMs: 5000 })
  assert.equal((await heard.next()).msgId, event)
  await fake.control('fault', { closeSockets: true })
  await fake.control('say', { user: 'Ada', text: 'are you there?' })
  assert.equal((await heard.next()).text.content, 'are you there?')
})

test('a session webhook shows text and markdown until it expires', async (t) => {
  const { fake, heard } = await listening(t)
  await fake.control('say', { user: 'Ada', text: 'hello' })
  const { sessionWebhook } = await heard.next()
  const send = async (body) => (await fetch(sessionWebhook, { method: 'POST', body: JSON.stringify(body) })).json()
  await send({ msgtype: 'text', text: { content: TEXT } })
  await send({ msgtype: 'markdown', markdown: { title: 'Ada', text: `**${TEXT}**` } })
  const { chats } = await fake.control('chats')
  assert.deepEqual(
    chats[0].messages.map(({ text }) => text),
    ['hello', TEXT, `**${TEXT}**`],
  )
  await fake.control('clock', { advanceMs: 2 * HOUR })
  assert.equal((await send({ msgtype: 'text', text: { content: 'late' } })).errcode, 300001)
})

test('an AI card shows each text until it is finished', async (t) => {
  const stage = await asked(t)
  const write = await shown(stage)
  await write(TEXT.slice(0, 8))
  await write(TEXT.slice(8), { isFull: false })
  const [growing] = await stage.answers()
  assert.deepEqual([growing.text, growing.state, growing.key], [TEXT, 'growing', 'card'])
  await write(`${TEXT}!`, { isFinalize: true })
  const [done] = await stage.answers()
  assert.deepEqual([done.text, done.state, done.edits.length], [`${TEXT}!`, 'done', 3])
  assert.equal((await write('more')).status, 400)
})

test('the card that every app has is finished by its status', async (t) => {
  const { call, said, answers } = await asked(t)
  const card = { outTrackId: 'c', cardTemplateId: '382e4302-551d-4880-bf29-a30acfab2e71.schema' }
  const data = (flowStatus, msgContent) => ({ cardData: { cardParamMap: { flowStatus, msgContent } } })
  const openSpaceId = `dtv1.card//IM_ROBOT.${said.user}`
  await call('POST', '/v1.0/card/instances/createAndDeliver', { ...card, ...data('1', ''), openSpaceId })
  await call('PUT', '/v1.0/card/instances', { ...card, ...data('2', 'hel') })
  assert.equal((await answers())[0].state, 'growing')
  await call('PUT', '/v1.0/card/instances', { ...card, ...data('3', TEXT) })
  const [done] = await answers()
  assert.deepEqual([done.text, done.state], [TEXT, 'done'])
})

test('a call beyond 20 in a second is refused with 403', async (t) => {
  const stage = await asked(t)
  const write = await shown(stage)
  const statuses = await Promise.all(Array.from({ length: 20 }, async (_, number) => (await write(`${number}`)).status))
  assert.deepEqual(statuses.filter((status) => status === 403).length, 2)
  assert.equal((await stage.fake.control('calls')).most.perSecond, 22)
  await stage.fake.control('clock', { advanceMs: 1000 })
  assert.equal((await write('more')).status, 200)
})

test('the robot sends unasked, to a person and to a group', async (t) => {
  const { fake, call, said, answers } = await asked(t)
  const { chat } = await fake.control('say', { user: 'Bob', group: 'Team', text: 'hello' })
  const message = {
    robotCode: fake.bot.robotCode,
    msgKey: 'sampleMarkdown',
    msgParam: JSON.stringify({ title: 'Ada', text: TEXT }),
  }
  await call('POST', '/v1.0/robot/oToMessages/batchSend', { ...message, userIds: [said.user] })
  await call('POST', '/v1.0/robot/groupMessages/send', { ...message, openConversationId: chat })
  assert.equal((await answers())[0].text, TEXT)
  assert.equal((await fake.control('chats')).chats[1].messages[1].text, TEXT)
  const unknown = await call('POST', '/v1.0/robot/oToMessages/batchSend', { ...message, userIds: ['staff'] })
  assert.deepEqual([unknown.status, unknown.code], [400, 'staffId.notExisted'])
})
