// An app without the key, the server that has it, and a key that is replaced.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'

import {
  AuthenticationError,
  AvatarClient,
  Credentials,
  InvalidAnswerError,
  MisuseError,
  RateLimitedError,
  Visitor,
} from 'secondme-avatar'
import { credentialsHandler } from 'secondme-avatar/express'

import { stage } from './support.mjs'

const ADA = Visitor.forUser('test', 'ada')
const BOB = Visitor.forUser('test', 'bob')

/** A client without a key, for as long as a test lasts. */
function appOf(t, emulator, credentials) {
  const app = AvatarClient.withCredentials(credentials, { baseUrl: emulator.baseUrl })
  t.after(() => app.close())
  return app
}

test('an app speaks without the key, and asks again once its token is refused', async (t) => {
  const { emulator, client: server } = await stage(t)
  const asked = []
  const app = appOf(t, emulator, async ({ visitorId, refused }) => {
    asked.push([visitorId, refused])
    return Credentials.fromJson((await server.authenticate(ADA)).toJson())
  })
  const me = (await server.authenticate(ADA)).visitor()
  assert.equal(me.id, ADA.id)
  const chat = await app.open(me)
  assert.equal((await chat.ask('Hello')).text, 'You said: Hello')
  await emulator.fault({ at: 'message/send', do: 'expired-token' })
  assert.equal((await chat.ask('Still there?')).text, 'You said: Still there?')
  assert.deepEqual(asked, [
    [ADA.id, false],
    [ADA.id, true],
  ])
  await assert.rejects(app.authenticate(ADA), { name: 'MisuseError', message: /this client has no API key/ })
  assert.throws(() => app.setApiKey('sk-other'), MisuseError)
  await assert.rejects(app.open(BOB), { name: 'MisuseError', message: /open the visitor that the credentials name/ })
})

test('credentials are shown by their visitor alone', async (t) => {
  const { client: server } = await stage(t)
  const credentials = await server.authenticate(ADA)
  const json = credentials.toJson()
  const { visitorToken } = JSON.parse(json)
  for (const shown of [inspect(credentials, { showHidden: true }), JSON.stringify(credentials), String(credentials)]) {
    assert.ok(!shown.includes(visitorToken), shown)
  }
  assert.equal(Credentials.fromJson(json).toJson(), json)
  assert.throws(
    () => Credentials.fromJson(json.replace('visitorMindId', 'another')),
    (error) => error instanceof InvalidAnswerError && !String(error).includes(visitorToken),
  )
})

test('what the function throws or gives is the error of the calls that wait', async (t) => {
  const { emulator } = await stage(t)
  const signedOut = appOf(t, emulator, () => {
    throw new RangeError('not signed in, token=secret')
  })
  await assert.rejects(signedOut.open(ADA), (error) => {
    assert.ok(error instanceof AuthenticationError)
    return /gives the visitors' credentials has failed: RangeError/.test(error.message)
  })
  const nothing = appOf(t, emulator, () => null)
  await assert.rejects(nothing.open(ADA), { name: 'MisuseError', message: /it gave null and not the visitor's/ })
  assert.throws(() => AvatarClient.withCredentials('sk-key'), /`credentials` takes a function/)
  assert.throws(() => AvatarClient.withCredentials(() => null, { apiKey: 'sk-1' }), /has no `apiKey`/)
})

test('a key is replaced while people talk', async (t) => {
  const { emulator, client, open } = await stage(t)
  const first = { key: emulator.apiKey, 'share-code': (await emulator.configure()).avatars[0]['share-code'] }
  const second = { ...first, key: 'sk-second' }
  await emulator.configure({ keys: [first, second] })
  const chat = await open('ada')
  client.setApiKey('sk-second')
  await emulator.configure({ keys: [{ ...first, disabled: true }, second] })
  await emulator.fault({ at: 'message/send', do: 'expired-token' })
  assert.equal((await chat.ask('Hello')).text, 'You said: Hello')
  assert.equal((await (await open('bob')).ask('Hi')).text, 'You said: Hi')
  assert.throws(() => client.setApiKey('pk-third'), MisuseError)
})

/** A server with the handler, and a way to ask it. */
async function serving(t, client) {
  const users = new Map([
    ['session-of-ada', ADA],
    ['session-of-bob', BOB],
  ])
  const give = credentialsHandler(client, (request) => users.get(request.headers.authorization))
  const server = createServer((request, response) => give(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const url = `http://127.0.0.1:${server.address().port}/avatar`
  return (authorization, query = '') =>
    fetch(url + query, { method: 'POST', headers: authorization && { authorization } })
}

test('the handler gives each signed-in user their own, and a stranger none', async (t) => {
  const { client } = await stage(t)
  const ask = await serving(t, client)
  // What the request says of itself changes nothing.
  const answers = await Promise.all([ask('session-of-ada', `?visitorId=${BOB.id}`), ask('session-of-bob')])
  const given = await Promise.all(answers.map(async (answer) => Credentials.fromJson(await answer.text()).visitorId))
  assert.deepEqual(given, [ADA.id, BOB.id])
  const stranger = await ask()
  assert.equal(stranger.status, 401)
  assert.deepEqual(await stranger.json(), { error: 'not_signed_in', code: null })
  for (const answer of [...answers, stranger]) assert.equal(answer.headers.get('cache-control'), 'no-store')
})

test('the handler answers failures without their words', async (t) => {
  const { emulator, client } = await stage(t, { client: { quota: 1 } })
  const ask = await serving(t, client)
  assert.equal((await ask('session-of-ada')).status, 200)
  const full = await ask('session-of-bob')
  assert.equal(full.status, 429)
  assert.ok(Number(full.headers.get('retry-after')) > 30)
  await assert.rejects(client.authenticate(BOB), RateLimitedError)
  const unknown = emulator.client({ apiKey: 'sk-unknown' })
  t.after(() => unknown.close())
  const refused = await (await serving(t, unknown))('session-of-ada')
  assert.equal(refused.status, 500)
  assert.equal((await refused.json()).error, 'authentication')
})

test('the example is a server for an app', async (t) => {
  const { emulator } = await stage(t)
  const example = fileURLToPath(new URL('../../examples/node/credentials-server.mjs', import.meta.url))
  const env = { ...process.env, SECONDME_API_KEY: emulator.apiKey, SECONDME_BASE_URL: emulator.baseUrl, PORT: '0' }
  const server = spawn(process.execPath, [example], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => server.kill('SIGKILL'))
  const [line] = await once(server.stdout, 'data')
  const url = String(line).trim()
  assert.equal((await fetch(url, { method: 'POST' })).status, 401)
  const fetched = async () => {
    const headers = { authorization: 'Bearer session-of-ada' }
    return Credentials.fromJson(await (await fetch(url, { method: 'POST', headers })).text())
  }
  const app = appOf(t, emulator, fetched)
  const chat = await app.open((await fetched()).visitor())
  assert.equal((await chat.ask('Hello')).text, 'You said: Hello')
})
