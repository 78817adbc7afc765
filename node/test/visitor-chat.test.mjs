// Visitor Chat, the service's second door: an app's token, and a function that gives the tokens of users.

import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Worker } from 'node:worker_threads'

import {
  AuthenticationError,
  AvatarClient,
  DeadlineError,
  MisuseError,
  RefusedError,
  setLogger,
  UnsupportedError,
  Visitor,
} from 'secondme-avatar'
import { startEmulator } from 'secondme-avatar/testing'

import { finished, programs, project } from './project.mjs'
import { next, until } from './support.mjs'

const ADA = { platform: 'test', userId: 'ada' }
const BOB = { platform: 'test', userId: 'bob' }

/** An emulator, and what makes clients of it, for as long as a test lasts. */
async function lab(t) {
  const emulator = await startEmulator()
  const clients = []
  t.after(async () => {
    await Promise.all(clients.map((client) => client.close()))
    await emulator.stop()
  })
  const visitorChat = (options) => {
    const client = emulator.visitorChat(options)
    clients.push(client)
    return client
  }
  return { emulator, visitorChat }
}

test('an app opens cold and asks', async (t) => {
  const { visitorChat } = await lab(t)
  const steps = []
  const client = visitorChat({ onCall: ({ step }) => steps.push(step) })
  const chat = await client.open(ADA)
  assert.ok(chat.opening)
  assert.equal((await chat.ask('Hello')).text, 'You said: Hello')
  await until(() => steps.length === 4)
  assert.deepEqual(steps, ['fetchToken', 'initVisitorChat', 'connect', 'sendMessage'])
  await client.open(BOB)
  await until(() => steps.length >= 6)
  assert.equal(steps.filter((step) => step === 'fetchToken').length, 1, 'one token serves all visitors')
  await assert.rejects(chat.history(), UnsupportedError)
})

test('the environment says what is left out', async (t) => {
  const { emulator } = await lab(t)
  const set = {
    SECONDME_CLIENT_ID: emulator.clientId,
    SECONDME_CLIENT_SECRET: emulator.clientSecret,
    SECONDME_API_KEY: emulator.apiKey,
    SECONDME_BASE_URL: emulator.labBaseUrl,
  }
  const before = { ...process.env }
  t.after(() => {
    for (const name of Object.keys(set))
      before[name] === undefined ? delete process.env[name] : (process.env[name] = before[name])
  })
  Object.assign(process.env, set)
  class Own extends AvatarClient {}
  const client = Own.visitorChat()
  assert.ok(client instanceof Own)
  assert.equal((await (await client.open(ADA)).ask('Hello')).text, 'You said: Hello')
  await client.close()
  delete process.env.SECONDME_CLIENT_SECRET
  assert.throws(() => AvatarClient.visitorChat(), {
    name: 'MisuseError',
    message: "there is no `clientSecret`: put the app's secret into SECONDME_CLIENT_SECRET, or pass it",
  })
})

test('bad input is said before anything is sent', () => {
  const token = () => 'lba_at_1'
  for (const [given, says] of [
    [{ clientId: '', clientSecret: 'secret-1' }, /`clientId` is empty/],
    [{ clientId: 'app', clientSecret: 'a secret-1' }, /`clientSecret` has a space/],
    [{ clientId: 'app', clientSecret: 'sk-1' }, /`clientSecret` is the avatar's API key/],
    [{ clientId: 'sk-1', clientSecret: 'secret-1' }, /`clientId` is the avatar's API key/],
    [{ clientId: 'app', clientSecret: 7 }, /`clientSecret` has to be a string/],
    [{ clientSecret: 'secret-1', token }, /pass the one or the other/],
    [{ clientId: 'app', token }, /pass the one or the other/],
    [{ token: 'lba_at_1' }, /and not the token itself/],
    [{ token, colour: 'red' }, /there is no option `colour`/],
  ]) {
    assert.throws(
      () => AvatarClient.visitorChat({ apiKey: 'sk-1', ...given }),
      (error) => {
        assert.ok(error instanceof MisuseError)
        assert.match(error.message, says)
        assert.doesNotMatch(inspect(error), /secret-1|sk-1|lba_at_1/)
        return true
      },
    )
  }
  // The next client uses the Avatar Open API.
  assert.throws(() => new AvatarClient({ apiKey: '' }), MisuseError)
})

test('what is no object of options is told which ones there are', () => {
  for (const [make, says] of [
    [
      () => AvatarClient.visitorChat(null),
      /options are an object \(\{ clientId, clientSecret, apiKey \} or .*\), and no null/,
    ],
    [() => AvatarClient.visitorChat('app', 'secret-1', 'sk-1'), /options are an object .* and no string/],
    [() => new AvatarClient('sk-1'), /options are an object \(\{ apiKey \}\), and no string/],
    [() => new AvatarClient(null), /options are an object \(\{ apiKey \}\), and no null/],
  ]) {
    assert.throws(make, (error) => error instanceof MisuseError && says.test(error.message))
  }
})

test('secrets are shown nowhere', async (t) => {
  const { emulator, visitorChat } = await lab(t)
  const token = await emulator.issueUserToken('ann')
  const seen = []
  setLogger((record) => seen.push(inspect(record)), { filter: 'debug' })
  t.after(() => setLogger(undefined))
  for (const client of [
    visitorChat({ onCall: (call) => seen.push(inspect(call)) }),
    visitorChat({ token: () => token }),
  ]) {
    const chat = await client.open(ADA)
    await chat.ask('Hello')
    seen.push(inspect(client, { depth: 9, showHidden: true }), inspect(chat, { depth: 9 }), JSON.stringify(client))
  }
  const error = await visitorChat({ clientSecret: 'wrong-secret' })
    .open(ADA)
    .catch((error) => error)
  assert.ok(error instanceof AuthenticationError)
  seen.push(inspect(error, { showHidden: true }), JSON.stringify(error))
  for (const secret of [emulator.clientSecret, emulator.apiKey, token, 'wrong-secret']) {
    assert.ok(!seen.join('\n').includes(secret))
  }
})

for (const [how, giving] of [
  ['a promise', async (token) => token],
  ['a string', (token) => token],
]) {
  test(`a function gives ${how}`, async (t) => {
    const { emulator, visitorChat } = await lab(t)
    const asked = []
    const token = await emulator.issueUserToken('ann')
    const client = visitorChat({
      token({ visitorId, refused, signal }) {
        asked.push([visitorId, refused, signal.aborted])
        return giving(token)
      },
    })
    const chat = await client.open(ADA)
    assert.equal((await chat.ask('Hello')).text, 'You said: Hello')
    assert.deepEqual(asked, [[Visitor.forUser('test', 'ada').id, false, false]])
  })
}

test('the program of the README gets its tokens from a server', async (t) => {
  const { emulator } = await lab(t)
  const [token, asked] = [await emulator.issueUserToken('ann'), []]
  const users = createServer(({ url }, response) => {
    asked.push(url)
    response.end(token)
  }).listen(0, '127.0.0.1')
  t.after(() => users.close())
  await once(users, 'listening')
  const shown = programs()['tokens.mjs']
  assert.match(shown, /https:\/\/users\.example\//)
  const code = shown.replace('https://users.example/', `http://127.0.0.1:${users.address().port}/`)
  const cwd = project(t, { 'tokens.mjs': code })
  const env = { SECONDME_API_KEY: emulator.apiKey, SECONDME_BASE_URL: emulator.labBaseUrl }
  const ended = await finished(process.execPath, ['tokens.mjs'], { cwd, env })
  assert.deepEqual([ended.code, ended.err, ended.out], [0, '', 'You said: Hello, tell me about yourself\n'])
  assert.deepEqual(asked, [`/token?of=${Visitor.forUser('web', 'user-1').id}&refresh=false`])
})

test('a function that never answers is given up and called again', async (t) => {
  const { emulator, visitorChat } = await lab(t)
  const token = await emulator.issueUserToken('ann')
  const signals = []
  const client = visitorChat({
    token({ signal }) {
      signals.push(signal)
      return signals.length === 1 ? new Promise(() => {}) : token
    },
  })
  const opening = client.open(ADA)
  await until(() => signals.length === 1)
  client.advanceClock(21_000)
  const chat = await opening
  assert.ok(signals[0].aborted)
  assert.equal((await chat.ask('Hello')).text, 'You said: Hello')
})

test('a token that is refused is asked for again', async (t) => {
  const { emulator, visitorChat } = await lab(t)
  const [old, fresh] = [await emulator.issueUserToken('ann'), await emulator.issueUserToken('ann')]
  await emulator.setChatTokens('revoked', old)
  const asked = []
  const client = visitorChat({
    async token({ refused }) {
      asked.push(refused)
      return refused ? fresh : old
    },
  })
  const chat = await client.open(ADA)
  assert.equal((await chat.ask('Hello')).text, 'You said: Hello')
  assert.deepEqual(asked, [false, true])
  await emulator.setChatTokens('withdrawn', fresh)
  await assert.rejects(chat.ask('Again'), {
    name: 'AuthenticationError',
    code: 'oauth2.authorization.revoked',
    retryable: false,
  })
})

test('what the function throws, or is rejected with, is the cause', async (t) => {
  const { visitorChat } = await lab(t)
  const mine = new RangeError('of lba_at_secret')
  for (const token of [
    async () => {
      throw mine
    },
    () => {
      throw mine
    },
  ]) {
    const client = visitorChat({ token })
    for (const { reason } of await Promise.allSettled([client.open(ADA), client.open(ADA)])) {
      assert.ok(reason instanceof AuthenticationError)
      assert.equal(reason.cause, mine)
      assert.equal(reason.message, "the function that gives the users' tokens has failed: RangeError [fetchToken]")
      assert.equal(reason.retryable, false)
    }
  }
})

test('an error of ours keeps its kind', async (t) => {
  const { visitorChat } = await lab(t)
  const ours = new RefusedError('no such user', { code: 'mine' })
  const error = await visitorChat({ token: () => Promise.reject(ours) })
    .open(ADA)
    .catch((error) => error)
  assert.ok(error instanceof RefusedError)
  assert.match(error.message, /no such user/)
  assert.equal(error.code, 'mine')
  assert.equal(error.cause, ours)
})

test('what is no token is said', async (t) => {
  const { visitorChat } = await lab(t)
  for (const token of [undefined, null, 7, {}, '', 'lba at', '\ud800']) {
    await assert.rejects(visitorChat({ token: () => token }).open(ADA), MisuseError)
  }
})

test('a failure of the network is tried again', async (t) => {
  const { emulator, visitorChat } = await lab(t)
  const token = await emulator.issueUserToken('ann')
  let tries = 0
  const client = visitorChat({
    async token() {
      tries += 1
      // As `fetch` does: an error of its own, whose cause is the system's.
      if (tries === 1)
        throw new TypeError('fetch failed', { cause: Object.assign(new Error('no'), { code: 'ECONNREFUSED' }) })
      return token
    },
  })
  await client.open(ADA)
  assert.equal(tries, 2)
})

test('a slow function obeys the deadline, and its signal is aborted', async (t) => {
  const { visitorChat } = await lab(t)
  const aborted = new EventEmitter()
  const reason = once(aborted, 'abort')
  const token = ({ signal }) =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        reject(signal.reason)
        aborted.emit('abort')
      })
    })
  await assert.rejects(visitorChat({ token }).open(ADA, { deadlineMs: 50 }), DeadlineError)
  await reason
})

test('the owner before the first echo is not confirmed', async (t) => {
  const { emulator, visitorChat } = await lab(t)
  const chat = await visitorChat().open(ADA)
  const events = chat.events()
  await emulator.owner.reply(chat, 'Hi, this is me')
  assert.equal((await next(events, 'ownerReply')).confirmed, false)
  await emulator.owner.handBack(chat)
  assert.equal((await chat.ask('Hello')).confirmed, true)
  await emulator.owner.reply(chat, 'Me again')
  assert.equal((await next(events, 'ownerReply')).confirmed, true)
})

test('a session that is replaced is an event', async (t) => {
  const { emulator, visitorChat } = await lab(t)
  await emulator.configure({ 'visitor-chat-second-init': 'new', 'visitor-chat-ping-drop': 'never' })
  const client = visitorChat()
  const chat = await client.open(ADA)
  const [events, before] = [client.events(), chat.sessionId]
  for (let second = 0; second < 61; second += 1) {
    client.advanceClock(1000)
    await emulator.advance(1000)
  }
  await emulator.closeSockets()
  const { from, to } = await next(events, 'sessionReplaced')
  assert.deepEqual([from, to], [before, chat.sessionId])
  assert.notEqual(from, to)
})

test('a worker has a function of its own', async (t) => {
  const { emulator } = await lab(t)
  const token = await emulator.issueUserToken('ann')
  const { apiKey, labBaseUrl: baseUrl } = emulator
  const worker = new Worker(new URL('programs/visitor-chat-worker.mjs', import.meta.url), {
    workerData: { apiKey, baseUrl, token },
  })
  // A worker that has said everything may exit in the same turn of the loop.
  const exit = once(worker, 'exit')
  const [said] = await once(worker, 'message')
  assert.deepEqual(said, { text: 'You said: Hello', cause: 'mine' })
  await exit
})

test('a worker that is terminated while its function runs holds up nothing', async (t) => {
  const { emulator, visitorChat } = await lab(t)
  const { apiKey, labBaseUrl: baseUrl } = emulator
  const worker = new Worker(new URL('programs/visitor-chat-worker.mjs', import.meta.url), {
    workerData: { apiKey, baseUrl },
  })
  await once(worker, 'message')
  await worker.terminate()
  assert.ok((await visitorChat().open(ADA)).opening)
})
