import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { createFeishuAdapter } from '../lib/index.js'
import { bot, configOf, deferred, isDone, platform, shown, TEXT } from './support.mjs'

const APP = { appId: 'cli_0123456789abcdef', appSecret: 's' }

async function hooked(t, config) {
  const fake = await platform(t)
  const { chat } = await bot(t, fake, (thread, message) => thread.post(message.text), { mode: 'webhook', ...config })
  const first = deferred()
  const server = createServer(async (request, response) => {
    const body = []
    for await (const piece of request) body.push(piece)
    const { method, headers } = request
    const answer = await chat.webhooks.feishu(
      new Request('http://bot/', { method, headers, body: Buffer.concat(body) }),
    )
    first.resolve(answer.status)
    response.writeHead(answer.status).end(await answer.text())
  })
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready))
  t.after(() => server.close())
  return { fake, chat, first, url: `http://127.0.0.1:${server.address().port}` }
}

for (const encryptKey of ['', 'a key']) {
  test(`the webhook is answered, ${encryptKey ? 'encrypted' : 'in plain text'}`, async (t) => {
    const { fake, url } = await hooked(t, { verificationToken: 'verification', encryptKey })
    await fake.control('webhook', { url, encryptKey })
    await fake.control('say', { user: '小明', text: TEXT })
    const [answer] = await shown(fake, isDone(1))
    assert.equal(answer.text, TEXT)
  })
}

test('a wrong signature and a wrong token are refused, and a challenge is answered', async (t) => {
  const { fake, chat, first, url } = await hooked(t, { verificationToken: 'another' })
  await fake.control('webhook', { url })
  await fake.control('say', { user: 'Ada', text: 'hello' })
  assert.equal(await first.promise, 401)
  const post = (body) => chat.webhooks.feishu(new Request('http://bot/', { method: 'POST', body }))
  const answer = await post(JSON.stringify({ type: 'url_verification', challenge: 'c', token: 'another' }))
  assert.deepEqual(await answer.json(), { challenge: 'c' })
  assert.equal((await post('{')).status, 400)
  const signed = await hooked(t, { encryptKey: 'a key' })
  const unsigned = await signed.chat.webhooks.feishu(new Request('http://bot/', { method: 'POST', body: '{}' }))
  assert.equal(unsigned.status, 401)
})

test('a wrong configuration is said at once', () => {
  assert.throws(() => createFeishuAdapter({ ...APP, appId: 'cli_a' }), /16 hexadecimal digits/)
  assert.throws(() => createFeishuAdapter({ ...APP, appSecret: '' }), /FEISHU_APP_SECRET/)
  assert.throws(() => createFeishuAdapter({ ...APP, mode: 'webhook' }), /verificationToken or encryptKey/)
})

test('a wrong secret is said when the bot starts', async (t) => {
  const fake = await platform(t)
  await assert.rejects(bot(t, fake, () => {}, { appSecret: 'wrong' }))
})

test('a thread id that is not of Feishu is refused', async (t) => {
  const feishu = createFeishuAdapter(configOf(await platform(t)))
  assert.throws(() => feishu.decodeThreadId('slack:C1:1'), /not a thread id/)
  const place = { kind: 'g', id: 'oc_1', message: 'om_1' }
  assert.deepEqual(feishu.decodeThreadId(feishu.encodeThreadId(place)), place)
  assert.equal(feishu.channelIdFromThreadId('feishu:g:oc_1:om_1'), 'feishu:g:oc_1')
})
