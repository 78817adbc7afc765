// Calls of the service that the library does not know.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'

import { AvatarClient, MisuseError, RefusedError } from 'secondme-avatar'

import { stage } from './support.mjs'

const BIG = 123456789012345678901234567890n

/** A service that answers a PUT with what it was told, and refuses the rest. */
async function service(t) {
  const asked = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += part
    asked.push({ url: request.url, authorization: request.headers.authorization, body })
    response.end(request.method === 'PUT' ? `{"code":0,"data":${body}}` : '{"code":7,"subCode":"no.such.thing"}')
  })
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
  const baseUrl = `http://127.0.0.1:${server.address().port}/gate/in`
  const client = new AvatarClient({ apiKey: 'sk-0123456789abcdef', baseUrl })
  t.after(async () => {
    await client.close()
    server.close()
  })
  return { client, asked }
}

test('a call with the key is exact, and its failures have a kind', async (t) => {
  const { client, asked } = await service(t)
  const body = {
    n: [BIG, -BIG, 9007199254740993n, 9007199254740991, -0.5, 1e300],
    text: '"123456789012345678901234567890" \\ 张三',
    [`1${'0'.repeat(30)}`]: null,
  }
  assert.deepEqual(await client.request('PUT', '/rest/new?x=1', body), body)
  assert.match(asked[0].body, /\[123456789012345678901234567890,-123456789012345678901234567890,9007199254740993,/)
  assert.equal(asked[0].url, '/gate/in/rest/new?x=1')
  assert.equal(asked[0].authorization, 'Bearer sk-0123456789abcdef')
  assert.equal(await client.request('PUT', '/rest/new', null), null)
  await assert.rejects(
    client.request('GET', '/rest/new'),
    (error) => error instanceof RefusedError && error.code === 'no.such.thing',
  )
})

test("a visitor's call shows its token", async (t) => {
  const { client, open } = await stage(t)
  const chat = await open('ada')
  await chat.ask('Hello')
  const visitor = { platform: 'test', userId: 'ada' }
  const path = `/rest/general/message/latest?sessionId=${chat.sessionId}`
  const latest = await client.request('GET', path, undefined, { visitor, deadlineMs: 10_000 })
  assert.ok(JSON.stringify(latest).includes('"Hello"'))
  await assert.rejects(client.request('GET', '/rest/none', undefined, { visitor }), RefusedError)
})

test('what is no call is refused', async (t) => {
  const { client } = await stage(t)
  const circle = {}
  circle.circle = circle
  for (const [method, path, body, options, message] of [
    ['FETCH', '/a', undefined, {}, /the method/],
    ['GET', 'https://evil.example/a', undefined, {}, /it is not a whole URL/],
    ['POST', '/a/%2e%2e', {}, {}, /could lead to outside/],
    ['POST', '/a', circle, {}, /cannot be written as JSON/],
    ['POST', '/a', () => {}, {}, /cannot be written as JSON/],
    ['GET', '/a', undefined, { deadline: 5 }, /there is no option `deadline`/],
    ['GET', 7, undefined, {}, /`path` has to be a string/],
  ]) {
    await assert.rejects(
      client.request(method, path, body, options),
      (error) => error instanceof MisuseError && message.test(error.message),
    )
  }
})
