import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  AuthenticationError,
  AvatarClient,
  AvatarError,
  ClosedError,
  DeadlineError,
  InvalidVisitorIdError,
  MisuseError,
  RateLimitedError,
  setLogger,
  StoreError,
  Visitor,
} from 'secondme-avatar'

import { next, run, stage } from './support.mjs'

test('a key that is refused says so, at which step and with which code', async (t) => {
  const { emulator } = await stage(t)
  const client = emulator.client({ apiKey: 'sk-not-known-here' })
  const error = await client.open({ platform: 'test', userId: 'ada' }).catch((error) => error)
  await client.close()
  assert.ok(error instanceof AuthenticationError)
  assert.ok(error instanceof AvatarError)
  assert.ok(error instanceof Error)
  assert.equal(error.name, 'AuthenticationError')
  assert.equal(error.kind, 'authentication')
  assert.equal(error.code, 'open.api.key.not.found')
  assert.equal(error.step, 'authenticate')
  assert.equal(error.retryable, false)
  assert.equal(error.retryAfterMs, undefined)
  assert.doesNotMatch(`${error.stack}${JSON.stringify(error)}`, /sk-not-known/)
})

test('what is no option is said, and nothing is sent', async (t) => {
  const { client, open, emulator } = await stage(t)
  const chat = await open('ada')
  const sent = async () => (await emulator.state()).calls['message/send'] ?? 0
  const before = await sent()
  await assert.rejects(chat.history(20), {
    name: 'MisuseError',
    message: 'options are an object (count, before, signal), and no number',
  })
  await assert.rejects(chat.ask('Hi', { timeout: 5000 }), /there is no option `timeout`; there are deadlineMs, /)
  await assert.rejects(chat.send('Hi', { deadline: 5000 }), MisuseError)
  await assert.rejects(chat.send('Hi', { durable: true, deadline: 5000 }), MisuseError)
  assert.throws(() => chat.stream('Hi', 5000), MisuseError)
  // None of them is passed over, whatever is called.
  const calls = [
    (options) => client.open('test_6ba7b810-9dad-11d1-80b4-00c04fd430c8', options),
    ...['recover', 'known', 'close', 'events'].map((name) => async (options) => client[name](options)),
    (options) => client.backup('copy.db', options),
    (options) => client.waitFor('reply', options),
    ...['newSession', 'pause', 'resume', 'networkChanged', 'close', 'end', 'events'].map(
      (name) => async (options) => chat[name](options),
    ),
  ]
  for (const call of calls) {
    await assert.rejects(call({ timeout: 5000 }), /MisuseError: there is no option `timeout`; there are /)
    await assert.rejects(call(null), /MisuseError: options are an object \([a-zA-Z, ]+\), and no null/)
  }
  await assert.rejects(client.recover({ all: 'yes' }), /MisuseError: `all` has to be a boolean, and is of type string/)
  await assert.rejects(chat.ask('Hi', { deadlineMs: '5' }), /MisuseError: `deadlineMs` has to be a number, and is/)
  await assert.rejects(chat.send('Hi', { signal: 5 }), /MisuseError: `signal` has to be an AbortSignal, and is/)
  assert.throws(() => emulator.client({ onCall: 'log' }), /MisuseError: `onCall` has to be a function, and is/)
  assert.equal(chat.state, 'live')
  assert.equal(await sent(), before)
})

test('a quota that is used up says when to come back', async (t) => {
  const { open, emulator } = await stage(t, { settings: { 'retry-after': 'seconds' } })
  await emulator.fault({ at: 'auth', do: 'quota', times: 100 })
  const error = await open('ada').catch((error) => error)
  assert.ok(error instanceof RateLimitedError)
  assert.equal(error.retryable, true)
  assert.ok(error.retryAfterMs > 0)
})

test('a deadline says what was in the way', async (t) => {
  const { client, emulator } = await stage(t)
  await emulator.fault({ at: 'auth', do: { status: 503, body: 'down' }, times: 1000 })
  const opening = client.open({ platform: 'test', userId: 'ada' }, { deadlineMs: 5_000 }).catch((error) => error)
  await emulator.waitUntil(({ calls }) => calls.auth >= 1)
  client.advanceClock(5_000)
  const error = await opening
  assert.ok(error instanceof DeadlineError, String(error))
  assert.ok(error.cause instanceof AvatarError)
  assert.equal(error.cause.kind, 'unavailable')
  assert.equal(error.cause.status, 503)
})

test('a stack leads to the call in the program', async (t) => {
  const { open } = await stage(t)
  const chat = await open('ada')
  await chat.close()
  async function whoCalls() {
    await chat.ask('Hello?')
  }
  const error = await whoCalls().catch((error) => error)
  const [first, second] = error.stack.split('\n')
  assert.equal(first, `ClosedError: ${error.message}`)
  assert.match(second, /at whoCalls \(.*errors\.test\.mjs:\d+:\d+\)/)
  await assert.rejects(chat.stream('Hello?').next(), (error) => /errors\.test\.mjs/.test(error.stack))
  assert.throws(
    () => Visitor.parse('Ada'),
    (error) => error instanceof InvalidVisitorIdError && /at .*errors\.test\.mjs/.test(error.stack.split('\n')[1]),
  )
  assert.throws(
    () => new AvatarClient({ apiKey: 'no key' }),
    (error) => error instanceof MisuseError && /errors\.test\.mjs/.test(error.stack.split('\n')[1]),
  )
})

test('a test of one’s own makes errors as they would come', () => {
  const error = new RateLimitedError('slow down', { retryAfterMs: 500, retryable: true })
  assert.deepEqual([error.name, error.kind, error.message], ['RateLimitedError', 'rateLimited', 'slow down'])
  assert.deepEqual([error.retryAfterMs, error.retryable, error.code], [500, true, undefined])
  assert.match(error.stack, /^RateLimitedError: slow down\n {4}at .*errors\.test\.mjs/)
})

test('a wrong call is a misuse, and says what to do', async (t) => {
  const { client, open } = await stage(t)
  const chat = await open('ada')
  for (const wrong of [
    () => chat.ask(''),
    () => chat.ask(5),
    () => chat.send(null),
    () => chat.ask('Hello', { deadlineMs: -1 }),
    () => chat.ask('Hello', { deadlineMs: Number.NaN }),
    () => chat.ask('Hello', { deadlineMs: 'soon' }),
    () => chat.history({ count: 0 }),
    () => chat.history({ count: 1.5 }),
    () => chat.send('Keep this', { durable: true }),
    () => client.open({}),
    () => client.open(undefined),
  ]) {
    await assert.rejects(async () => wrong(), MisuseError, String(wrong))
  }
  for (const wrong of [
    { apiKey: 'nonsense' },
    { apiKey: 'sk-0123456789abcdef', baseUrl: 'ftp://example.com' },
    { apiKey: 'sk-0123456789abcdef', baseUrl: 'http://example.com' },
    { apiKey: 'sk-0123456789abcdef', baseUrl: 'http://127.0.0.1:9', environment: 'gateway' },
    { apiKey: 'sk-0123456789abcdef', environment: 'moon' },
    { apiKey: 'sk-0123456789abcdef', origin: 'second-me.cn' },
    { apiKey: 'sk-0123456789abcdef', heartbeatMs: 1 },
    { apiKey: 'sk-0123456789abcdef', maxLive: 0.5 },
    { apiKey: 'sk-0123456789abcdef', aksDeadlineMs: 5 },
    { apiKey: 'sk-0123456789abcdef', delivery: 'perhaps' },
    { apiKey: 'sk-0123456789abcdef', proxy: 'socks5://localhost' },
  ]) {
    assert.throws(() => new AvatarClient(wrong), MisuseError, JSON.stringify(wrong))
  }
  assert.throws(() => new AvatarClient({ apiKey: 'sk-0123456789abcdef', store: '/nowhere/at/all.db' }), StoreError)
  assert.throws(
    () => new AvatarClient({ apiKey: 'sk-0123456789abcdef', baseUrl: 'http://example.com' }),
    /`allowInsecure`/,
  )
})

test('half of a surrogate pair is refused in every text, and nothing is sent', async (t) => {
  const { client, open, emulator } = await stage(t)
  const chat = await open('ada')
  const half = 'cut \ud83d'
  const seen = async () => (await emulator.journal()).filter(({ what }) => what === 'request').length
  const before = await seen()
  const { baseUrl, apiKey } = emulator
  for (const [name, wrong] of [
    ['text', () => chat.ask(half)],
    ['text', () => chat.stream(half)],
    ['text', () => chat.send(half)],
    ['text', () => chat.send(half, { durable: true })],
    ['before', () => chat.history({ before: half })],
    ['platform', () => client.open({ platform: half, userId: 'bob' })],
    ['userId', () => client.open({ platform: 'test', userId: half })],
    ['name', () => client.open({ platform: 'test', userId: 'bob', name: half })],
    ['channel', () => client.open({ platform: 'test', userId: 'bob', channel: half })],
    ['tag', () => client.open({ platform: 'test', userId: 'bob', tag: half })],
    ['path', () => client.backup(half)],
    ['id', () => client.open(half)],
    ['platform', () => Visitor.random(half)],
    ['userId', () => Visitor.forUser('test', half)],
    ['id', () => Visitor.parse(half)],
    ['apiKey', () => new AvatarClient({ apiKey: half })],
    ['baseUrl', () => new AvatarClient({ apiKey, baseUrl: half })],
    ['proxy', () => new AvatarClient({ apiKey, baseUrl, proxy: half })],
    ['caFile', () => new AvatarClient({ apiKey, baseUrl, caFile: half })],
    ['store', () => new AvatarClient({ apiKey, baseUrl, store: half })],
    ['delivery', () => new AvatarClient({ apiKey, baseUrl, delivery: half })],
    ['filter', () => setLogger(() => {}, { filter: half })],
  ]) {
    await assert.rejects(
      async () => wrong(),
      (error) =>
        error instanceof MisuseError &&
        error.message.startsWith(`\`${name}\` has half of a surrogate pair`) &&
        !error.message.includes('cut \\ud83d') &&
        /errors\.test\.mjs/.test(error.stack),
      String(wrong),
    )
  }
  assert.equal(await seen(), before)
  assert.equal((await chat.ask('whole \u{1f600}')).text, 'You said: whole \u{1f600}')
})

test('close settles after the calls that it ends, and after the events', async (t) => {
  const { client, open, emulator } = await stage(t, { client: { closeDeadlineMs: 50 } })
  const settled = []
  let calls = 0
  const note = (promise) => {
    calls += 1
    promise.then(
      () => settled.push('fulfilled'),
      (error) => settled.push(error.kind),
    )
  }
  for (const visitor of Array.from({ length: 12 }, (_, number) => `visitor ${number}`)) {
    const chat = await open(visitor)
    await emulator.owner.takeOver(chat)
    chat.on('closed', () => settled.push('event'))
    note(
      chat
        .events()
        .next()
        .then(async () => {
          throw { kind: 'event' }
        }),
    )
    for (let number = 0; number < 8; number += 1) note(chat.ask('Are you there?'))
    note(chat.stream('And there?').next())
    note(chat.newSession())
  }
  await emulator.fault({ at: 'auth', do: 'hang-before', times: 100 })
  note(open('never'))
  const all = calls + 12
  await client.close()
  settled.push('close')
  assert.deepEqual([settled.length, settled.at(-1)], [all + 1, 'close'])
  await emulator.clearFaults()
})

test('a conversation’s close settles after the calls that it ends', async (t) => {
  const { open, emulator } = await stage(t, { client: { closeDeadlineMs: 50 } })
  const chat = await open('ada')
  await emulator.owner.takeOver(chat)
  for (const close of [() => chat.close(), async () => (await open('ada')).end()]) {
    const here = chat.state === 'closed' ? await open('ada') : chat
    const settled = []
    for (let number = 0; number < 8; number += 1) here.ask('Are you there?').catch(({ kind }) => settled.push(kind))
    await close()
    assert.deepEqual(settled, Array(8).fill('closed'))
  }
})

test('an error is JSON, with its causes and without what was said', () => {
  const cause = new AvatarError('busy', { kind: 'unavailable', status: 503, cause: new TypeError('beneath') })
  const unsent = { messageId: 'm-1', text: 'The invoice is paid', certain: true }
  const error = new RateLimitedError('slow down', { retryAfterMs: 500, step: 'sendMessage', unsent, cause })
  assert.deepEqual(JSON.parse(JSON.stringify({ error })).error, {
    name: 'RateLimitedError',
    message: 'slow down',
    kind: 'rateLimited',
    step: 'sendMessage',
    retryable: false,
    retryAfterMs: 500,
    unsent: { messageId: 'm-1', certain: true },
    cause: {
      name: 'AvatarError',
      message: 'busy',
      kind: 'unavailable',
      status: 503,
      retryable: false,
      cause: { name: 'TypeError', message: 'beneath' },
    },
  })
  const around = JSON.parse(JSON.stringify(new AvatarError('x', { cause: 'a text' })))
  assert.deepEqual(around.cause, { name: 'string', message: 'a text' })
})

test('a message that is given up comes back with the error, and in no log', async (t) => {
  const { client, open, emulator } = await stage(t)
  const chat = await open('ada')
  const events = chat.events()
  await emulator.fault({ at: 'connect', do: 'refuse', times: 1000 }, { at: 'message/send', do: 'refuse', times: 1000 })
  await emulator.closeSockets({ abrupt: true })
  await next(events, 'disconnected')
  const sending = chat.send('The invoice is paid').catch((error) => error)
  client.advanceClock(15_000)
  const error = await sending
  assert.ok(error instanceof AvatarError)
  assert.equal(error.unsent.text, 'The invoice is paid')
  assert.equal(error.unsent.certain, true)
  assert.equal(typeof error.unsent.messageId, 'string')
  assert.doesNotMatch(error.stack + JSON.stringify(error), /invoice/)
  await emulator.clearFaults()
})

test('what is closed refuses', async (t) => {
  const { client, open } = await stage(t)
  const chat = await open('ada')
  const asked = chat.ask('Hello').catch((error) => error)
  await client.close()
  await asked
  await assert.rejects(chat.send('too late'), ClosedError)
  await assert.rejects(open('ada'), ClosedError)
  await client.close()
  await chat.close()
})

test('a signal ends every call', async (t) => {
  const { client, emulator, open } = await stage(t, { client: { closeDeadlineMs: 100 } })
  const chat = await open('ada')
  const silent = emulator.client()
  const hang = (at) => ({ at, do: 'hang-before', times: 100 })
  await emulator.fault(hang('auth'), hang('message/send'), hang('message/query'), hang('message/latest'))
  await emulator.fault(hang('session/create'), hang('session/close'))
  const calls = {
    open: (options) => client.open({ platform: 'test', userId: 'bob' }, options),
    ask: (options) => chat.ask('Hello', options),
    stream: (options) => chat.stream('Hello', options).next(),
    reply: (options) => chat.stream('Hello', options).reply(),
    send: (options) => chat.send('Hello', options),
    history: (options) => chat.history(options),
    newSession: (options) => chat.newSession(options),
    events: (options) => silent.events(options).next(),
    // Of a client that has nothing to say.
    next: (options) => silent.events().next(options),
  }
  for (const [name, call] of Object.entries(calls)) {
    const controller = new AbortController()
    const calling = call({ signal: controller.signal })
    setImmediate(() => controller.abort())
    await assert.rejects(calling, { name: 'AbortError' }, name)
    await assert.rejects(async () => call({ signal: controller.signal }), { name: 'AbortError' }, `${name}, before`)
  }
  for (const name of ['pause', 'resume', 'networkChanged', 'end', 'close', 'recover']) {
    const calling = (name === 'recover' ? client : chat)[name]({ signal: AbortSignal.abort() })
    await assert.rejects(calling, { name: 'AbortError' }, name)
  }
  await emulator.clearFaults()
})

test('a question that is given up before it goes out is never asked', async (t) => {
  const { emulator, open } = await stage(t)
  const chat = await open('ada')
  await emulator.owner.takeOver(chat)
  const first = chat.ask('first').catch(() => {})
  const controller = new AbortController()
  const second = chat.ask('second', { signal: controller.signal })
  controller.abort(new Error('changed my mind'))
  await assert.rejects(second, { message: 'changed my mind' })
  await emulator.owner.reply(chat, 'An answer')
  await first
  await emulator.owner.handBack(chat)
  await chat.ask('third')
  const { sessions } = await emulator.state()
  const said = sessions[0].messages.filter(({ author }) => author === 'visitor').map(({ text }) => text)
  assert.deepEqual(said, ['first', 'third'])
})

test('an unhandled rejection ends the program, and names the place', async () => {
  const { code, err } = await run('programs/unhandled.mjs')
  assert.equal(code, 1)
  assert.match(err, /ClosedError: .*\n {4}at .*unhandled\.mjs/)
})
