import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import lark from '@larksuiteoapi/node-sdk'
import { start } from '../feishu.mjs'
import { collected, ended } from './support.mjs'

const MINUTE = 60_000
const TEXT = 'hello 好好 book, 100 yuan'
const logger = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

/** The SDK's channel over the long connection, and what it hears. */
async function connected(t) {
  const fake = ended(t, await start({ quiet: true }))
  const { appId, appSecret, domain } = fake.bot
  const channel = lark.createLarkChannel({
    appId,
    appSecret,
    domain,
    logger,
    safety: { batch: { text: { delayMs: 0 } } },
  })
  const heard = collected()
  channel.on('message', (message) => heard.add(message))
  await channel.connect()
  t.after(() => channel.disconnect())
  return { fake, channel, heard }
}

async function asked(t) {
  const fake = ended(t, await start({ quiet: true }))
  const { appId, appSecret, domain } = fake.bot
  const client = new lark.Client({ appId, appSecret, domain, logger })
  const { chat, message } = await fake.control('say', { user: 'Ada', text: 'hello' })
  const answers = async () => (await fake.control('chats')).chats[0].messages.filter(({ bot }) => bot)
  return { fake, client, chat, message, answers }
}

const card = (content) => ({
  schema: '2.0',
  config: { streaming_mode: true },
  header: { title: { tag: 'plain_text', content: 'Ada' }, template: 'blue' },
  body: {
    elements: [
      { tag: 'markdown', element_id: 'answer', content },
      { tag: 'markdown', element_id: 'foot', content: 'AI' },
    ],
  },
})

/** Makes a card, and shows it to Ada. Returns a call that changes its text. */
async function shown({ client, chat }) {
  const data = JSON.stringify(card(''))
  const made = await client.cardkit.v1.card.create({ data: { type: 'card_json', data } })
  const card_id = made.data.card_id
  const content = JSON.stringify({ type: 'card', data: { card_id } })
  await client.im.v1.message.create({
    params: { receive_id_type: 'chat_id' },
    data: { receive_id: chat, msg_type: 'interactive', content },
  })
  const write = (text, sequence) =>
    client.cardkit.v1.cardElement.content({
      path: { card_id, element_id: 'answer' },
      data: { content: text, sequence },
    })
  return { card_id, write }
}

const refused = (code) => (error) => error.response?.data?.code === code

test('the channel hears direct messages and mentions over the long connection', async (t) => {
  const { fake, heard } = await connected(t)
  const said = await fake.control('say', { user: 'Ada', text: TEXT })
  const first = await heard.next()
  assert.deepEqual([first.content, first.senderId, first.chatType], [TEXT, said.user, 'p2p'])
  await fake.control('say', { user: 'Bob', group: 'Team', text: 'and you?' })
  const second = await heard.next()
  assert.deepEqual([second.content, second.chatType, second.mentionedBot], ['and you?', 'group', true])
})

test('the long connection goes on after it was cut, and brings what waited', async (t) => {
  const { fake, heard } = await connected(t)
  await fake.control('fault', { cutSockets: true })
  await fake.control('say', { user: 'Ada', text: 'are you there?' })
  assert.equal((await heard.next()).content, 'are you there?')
})

test("the channel's stream shows its text byte by byte", async (t) => {
  const { fake, channel, heard } = await connected(t)
  await fake.control('say', { user: 'Ada', text: 'hello' })
  const { chatId } = await heard.next()
  await channel.stream(chatId, { markdown: async (controller) => controller.setContent(TEXT) })
  const { chats } = await fake.control('chats')
  const answer = chats[0].messages.at(-1)
  assert.deepEqual([answer.text, answer.state], [TEXT, 'done'])
})

test('a card shows each text, with its header and its foot', async (t) => {
  const stage = await asked(t)
  const { card_id, write } = await shown(stage)
  await write(TEXT.slice(0, 8), 1)
  await write(TEXT, 2)
  const [growing] = await stage.answers()
  assert.deepEqual([growing.text, growing.state, growing.author, growing.footer], [TEXT, 'growing', 'Ada', 'AI'])
  assert.deepEqual(
    growing.edits.map(({ text }) => text),
    ['', TEXT.slice(0, 8)],
  )
  const settings = JSON.stringify({ config: { streaming_mode: false } })
  await stage.client.cardkit.v1.card.settings({ path: { card_id }, data: { settings, sequence: 3 } })
  assert.equal((await stage.answers())[0].state, 'done')
  const late = await write('more', 4)
  assert.equal(late.code, 300309)
})

test('a sequence that does not rise, a card that is too long, and an old stream are refused', async (t) => {
  const stage = await asked(t)
  const { write } = await shown(stage)
  await write('one', 5)
  assert.equal((await write('two', 5)).code, 300317)
  assert.equal((await write('a'.repeat(31_000), 6)).code, 200860)
  await stage.fake.control('clock', { advanceMs: 10 * MINUTE + 1 })
  assert.equal((await write('three', 7)).code, 200850)
})

test('a card takes 10 calls in a second', async (t) => {
  const stage = await asked(t)
  const { write } = await shown(stage)
  for (let sequence = 1; sequence <= 10; sequence += 1) await write(`${sequence}`, sequence)
  await assert.rejects(write('11', 11), refused(99991400))
  await stage.fake.control('clock', { advanceMs: 1000 })
  assert.equal((await write('12', 12)).code, 0)
})

test('a message of the same uuid comes once', async (t) => {
  const { client, chat, message, answers } = await asked(t)
  const data = { receive_id: chat, msg_type: 'text', content: JSON.stringify({ text: TEXT }), uuid: 'one' }
  const send = () => client.im.v1.message.create({ params: { receive_id_type: 'chat_id' }, data })
  assert.equal((await send()).data.message_id, (await send()).data.message_id)
  await client.im.v1.message.reply({ path: { message_id: message }, data })
  const all = await answers()
  assert.deepEqual(
    all.map(({ text }) => text),
    [TEXT],
  )
  await client.im.v1.message.reply({ path: { message_id: message }, data: { ...data, uuid: 'two' } })
  assert.equal((await answers())[1].thread, message)
})

for (const encryptKey of ['', 'a key']) {
  test(`the webhook is understood ${encryptKey ? 'sealed and signed' : 'as it is'}`, async (t) => {
    const fake = ended(t, await start({ quiet: true }))
    const { verificationToken } = fake.bot
    const heard = collected()
    const dispatcher = new lark.EventDispatcher({ verificationToken, encryptKey, logger })
    dispatcher.register({ 'im.message.receive_v1': (event) => heard.add(event) })
    const server = createServer(lark.adaptDefault('/feishu', dispatcher))
    await new Promise((ready) => server.listen(0, '127.0.0.1', ready))
    t.after(() => server.close())
    await fake.control('webhook', { url: `http://127.0.0.1:${server.address().port}/feishu`, encryptKey })
    await fake.control('say', { user: '小明', text: TEXT })
    assert.deepEqual(JSON.parse((await heard.next()).message.content), { text: TEXT })
  })
}
