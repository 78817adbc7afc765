// Secrets stand in nothing that a program prints. Each test plants one where this package meets it.
//
// | leak | who repeats which secret |
// | --- | --- |
// | 1 | a constructor that fails, with the key, the app's secret and the proxy's password in its options |
// | 2 | the same, out of the environment |
// | 3 | a text that is no key, no credentials |
// | 4 | an answer over HTTP, the API key as message and code |
// | 5 | a frame of the socket and its Close frame, the visitor's token |
// | 6 | a proxy, its password |
// | 7 | a function that gives tokens, the token in the message of what it throws |
// | 8 | a function that gives a wrong thing, with the token in it |
// | 9 | a client, a conversation and credentials that are printed |

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'

import { AvatarClient, AvatarError, Credentials, setLogger } from 'secondme-avatar'

import { stage } from './support.mjs'

// They look like plain words, so that only knowing them helps.
const KEY = 'sk-horse'
const APP_SECRET = 'dish-washer'
const PASSWORD = 'open-sesame'
const TOKEN = 'battery-staple'

const ADA = { platform: 'test', userId: 'ada' }

/** All that prints an error, without the cause where that is the program's own. */
function printed(error) {
  assert.ok(error instanceof AvatarError, `${inspect(error)} is none of this package's`)
  const ways = [error.message, error.stack, String(error), JSON.stringify(error), inspect(error, { depth: 9 })]
  return [...ways, inspect(error, { depth: 9, showHidden: true }), inspect({ ...error })].join('\n')
}

function assertHidden(shown, ...secrets) {
  for (const secret of secrets) assert.ok(!shown.includes(secret), `${secret} stands in ${shown}`)
}

const thrownBy = (make) => {
  try {
    make()
  } catch (error) {
    return error
  }
  throw new Error('it has not failed')
}

/** Collects the log of a test. */
function logged(t) {
  const lines = []
  setLogger((record) => lines.push(inspect(record)), { filter: 'trace' })
  t.after(() => setLogger(undefined))
  return lines
}

/** A server that answers everything in this way, on this machine. */
async function serve(t, handler) {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  server.on('close', () => server.closeAllConnections())
  return `127.0.0.1:${server.address().port}`
}

test('a constructor that fails shows nothing of its options', () => {
  const proxies = [
    `socks5://ada:${PASSWORD}@proxy.example:1`,
    `http://ada:${PASSWORD}@proxy example`,
    `ada:${PASSWORD}@`,
  ]
  for (const proxy of proxies) {
    for (const make of [
      () => new AvatarClient({ apiKey: KEY, proxy }),
      () => AvatarClient.visitorChat({ clientId: 'app', clientSecret: APP_SECRET, apiKey: KEY, proxy }),
      () => AvatarClient.withCredentials(() => TOKEN, { proxy }),
    ]) {
      assertHidden(printed(thrownBy(make)), KEY, APP_SECRET, PASSWORD)
    }
  }
  const wrong = { heartbeatMs: 1, baseUrl: 'nonsense', nothing: 1, delivery: 'guess', caFile: '/nowhere' }
  for (const [name, value] of Object.entries(wrong)) {
    const error = thrownBy(() => new AvatarClient({ apiKey: KEY, proxy: `http://ada:${PASSWORD}@h:1`, [name]: value }))
    assertHidden(printed(error), KEY, PASSWORD)
  }
})

test('nor does one whose secrets are those of the environment', (t) => {
  const given = { SECONDME_API_KEY: KEY, SECONDME_CLIENT_ID: 'app', SECONDME_CLIENT_SECRET: APP_SECRET }
  given.HTTPS_PROXY = `socks5://ada:${PASSWORD}@proxy.example:1`
  const before = { ...process.env }
  t.after(() => {
    process.env = before
  })
  Object.assign(process.env, given)
  for (const make of [() => new AvatarClient({}), () => AvatarClient.visitorChat({})]) {
    assertHidden(printed(thrownBy(make)), KEY, APP_SECRET, PASSWORD)
  }
})

test('what is no key and what are no credentials is not repeated', async (t) => {
  assertHidden(printed(thrownBy(() => new AvatarClient({ apiKey: TOKEN }))), TOKEN)
  assertHidden(printed(thrownBy(() => Credentials.fromJson(`{"visitorToken":"${TOKEN}"`))), TOKEN)
  assertHidden(printed(thrownBy(() => Credentials.fromJson(JSON.stringify({ visitorToken: TOKEN })))), TOKEN)
  const client = new AvatarClient({ apiKey: KEY, baseUrl: 'http://127.0.0.1:9' })
  t.after(() => client.close())
  assertHidden(printed(thrownBy(() => client.setApiKey(TOKEN))), TOKEN, KEY)
})

test('an answer that repeats the key is shown without it', async (t) => {
  const lines = logged(t)
  const address = await serve(t, (request, response) => {
    const key = /sk-\w+/.exec(JSON.stringify(request.headers))?.[0]
    assert.equal(key, KEY)
    response.writeHead(400, { 'content-type': 'application/json', 'x-request-id': key })
    response.end(JSON.stringify({ code: key, message: `the key ${key} is unknown`, detail: key }))
  })
  const calls = []
  const onCall = (call) => calls.push(inspect(call, { depth: 9 }), JSON.stringify(call))
  const client = new AvatarClient({ apiKey: KEY, baseUrl: `http://${address}`, onCall })
  const error = await client.open(ADA, { deadlineMs: 1000 }).catch((error) => error)
  await client.close()
  assert.match(error.message, /the key … is unknown/)
  assert.ok(calls.length > 0)
  assertHidden([printed(error), ...calls, ...lines].join('\n'), KEY)
})

test('a service that speaks of the token over the socket does not get it printed', async (t) => {
  const lines = logged(t)
  const { emulator, client, open } = await stage(t)
  const chat = await open('ada')
  const token = JSON.parse((await client.authenticate(ADA)).toJson()).visitorToken
  const heard = client.events()
  await emulator.push(chat, {
    frame: { type: 'sendFailed', sessionId: chat.sessionId, subCode: token, subCodeReason: `${token} is no token` },
  })
  await emulator.push(chat, { frame: { type: 'news', text: token } })
  const shown = []
  for await (const event of heard) {
    shown.push(inspect(event, { depth: 9 }))
    if (shown.length === 2) break
  }
  assert.match(shown.join('\n'), /ServiceErrorEvent \{[^}]*code: '…'/)
  assertHidden([...shown, ...lines].join('\n'), token)
})

test('a proxy that repeats its password is shown without it', async (t) => {
  const lines = logged(t)
  const address = await serve(t, (_, response) => response.writeHead(407, PASSWORD).end(PASSWORD))
  const calls = []
  const proxy = `http://ada:${PASSWORD}@${address}`
  // An address that no machine has: this machine's own are reached without the proxy.
  const baseUrl = 'http://192.0.2.1'
  const onCall = (call) => calls.push(inspect(call, { depth: 9 }))
  const client = new AvatarClient({ apiKey: KEY, baseUrl, allowInsecure: true, proxy, onCall })
  const error = await client.open(ADA, { deadlineMs: 1000 }).catch((error) => error)
  const shown = [printed(error), inspect(client, { depth: 9, showHidden: true }), client.proxy]
  await client.close()
  assert.ok(calls.length > 0)
  assertHidden([...shown, ...calls, ...lines].join('\n'), PASSWORD, Buffer.from(`ada:${PASSWORD}`).toString('base64'))
})

test('what a function throws is the cause alone, and not in the words of this package', async (t) => {
  const lines = logged(t)
  const { emulator } = await stage(t)
  const mine = new RangeError(`the token ${TOKEN} has expired`)
  const calls = []
  const onCall = (call) => calls.push(JSON.stringify({ ...call, error: undefined }), call.error?.message)
  const client = emulator.visitorChat({
    clientId: undefined,
    clientSecret: undefined,
    token: () => Promise.reject(mine),
    onCall,
  })
  const error = await client.open(ADA).catch((error) => error)
  await client.close()
  assert.equal(error.cause, mine)
  assertHidden([error.message, error.stack, String(error), ...calls, ...lines].join('\n'), TOKEN)
})

test('what a function gives by mistake is not repeated', async (t) => {
  const lines = logged(t)
  const { emulator } = await stage(t)
  for (const given of [{ token: TOKEN }, [TOKEN], Buffer.from(TOKEN), `${TOKEN}\n${TOKEN}`]) {
    const client = emulator.visitorChat({ clientId: undefined, clientSecret: undefined, token: () => given })
    const error = await client.open(ADA, { deadlineMs: 1000 }).catch((error) => error)
    await client.close()
    assertHidden([printed(error), ...lines].join('\n'), TOKEN)
  }
})

test('nothing that holds a secret prints it', async (t) => {
  const { emulator, client } = await stage(t)
  const credentials = await client.authenticate(ADA)
  const app = AvatarClient.withCredentials(() => credentials, { baseUrl: emulator.baseUrl })
  t.after(() => app.close())
  const lab = emulator.visitorChat()
  t.after(() => lab.close())
  const held = [client, app, lab, await app.open(ADA), credentials, client.stats(), client.events()]
  const shown = held.flatMap((value) => [
    inspect(value, { depth: 9 }),
    inspect(value, { depth: 9, showHidden: true }),
    String(value),
    // Timers and sockets of Node's own are circular.
    value === credentials ? JSON.stringify(value) : '',
  ])
  const { visitorToken } = JSON.parse(credentials.toJson())
  assertHidden(shown.join('\n'), emulator.apiKey, emulator.clientSecret, visitorToken)
})

test('each row of the table above has its test', () => {
  const own = readFileSync(new URL(import.meta.url), 'utf8')
  const rows = own.split('\n').filter((line) => /^\/\/ \| \d/.test(line)).length
  assert.equal(own.split('\ntest(').length - 2, rows)
})
