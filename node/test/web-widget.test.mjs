// The server part of the website widget: what outlives what, and who hears what.

import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'

import { AvatarClient, MisuseError } from 'secondme-avatar'
import { avatarWidget, toNodeListener } from 'secondme-avatar/web'
import { startEmulator } from 'secondme-avatar/testing'

import { Turn } from '../lib/web/turn.js'
import { TestClock } from './bridge/platform.mjs'
import { folder } from './project.mjs'
import { stage, start, until } from './support.mjs'
import { Browser, call, partsOf, question, SECRET, site, textOf } from './web/browser.mjs'

const HOUR_MS = 3_600_000

async function staged(test, { options, client: clientOptions, ...emulated } = {}) {
  const { emulator, client } = await stage(test, { client: clientOptions, ...emulated })
  return { emulator, client, ...(await site(test, client, options)) }
}

/** What all visitors have said to the service. */
async function asked(emulator) {
  const { sessions } = await emulator.state()
  const messages = sessions.flatMap(({ messages }) => messages)
  return messages.filter(({ author }) => author === 'visitor').map(({ text }) => text)
}

/** A place that a stream of parts has come to, of which a test waits. */
function firstPiece() {
  let seen
  const came = new Promise((resolve) => {
    seen = (part) => part.type === 'text-delta' && resolve()
  })
  return { came, seen }
}

test('a browser that goes away in mid-stream finds the answer whole, and it was asked once', async (t) => {
  const { emulator, visit } = await staged(t, { pieceDelayMs: HOUR_MS })
  const ada = await visit()
  const gone = await ada.say('m1', 'one two three')
  for await (const chunk of gone.chunks) if (chunk.includes('text-delta')) break
  gone.leave()
  const resumed = await ada.call({ path: '/chat/stream' })
  assert.equal(resumed.status, 200)
  const again = await ada.say('m1', 'one two three')
  for (let piece = 0; piece < 8; piece += 1) await emulator.advance(HOUR_MS)
  const [one, other] = await Promise.all([partsOf(resumed), partsOf(again)])
  assert.equal(textOf(one), 'You said: one two three')
  assert.deepEqual(one, other)
  assert.deepEqual(await ada.ask('m1', 'one two three'), one)
  assert.equal((await ada.call({ path: '/chat/stream' })).status, 204)
  assert.deepEqual(await asked(emulator), ['one two three'])
})

test('a server that is killed in mid-stream goes on with the answer, and the browser resumes it', async (t) => {
  const emulator = await startEmulator({ pieceDelayMs: 500 })
  t.after(() => emulator.stop())
  const store = join(folder(t), 'avatar.db')
  const serve = async () => {
    const program = start('programs/widget.mjs', emulator.baseUrl, emulator.apiKey, store)
    t.after(() => program.kill('SIGKILL'))
    await until(() => program.out.includes('\n'))
    return { program, base: program.out.trim() }
  }
  const first = await serve()
  const ada = await Browser.visit(first.base)
  const cut = await ada.say('m1', 'one two three')
  for await (const chunk of cut.chunks) if (chunk.includes('text-delta')) break
  // This one was accepted, and has not gone out yet.
  const waiting = await ada.say('m2', 'four')
  first.program.kill('SIGKILL')
  await first.program.closed
  waiting.leave()

  const second = await serve()
  const back = ada.at(second.base)
  const resumed = await back.call({ path: '/chat/stream' })
  assert.equal(resumed.status, 200)
  const again = await back.say('m1', 'one two three')
  const [one, newest] = (await Promise.all([partsOf(again), partsOf(resumed)])).map(textOf)
  assert.equal(one, 'You said: one two three')
  assert.equal(newest, 'You said: four')
  const { messages } = await back.history()
  assert.deepEqual(messages.map(({ id, text }) => [id, text]).sort(), [
    ['m1', 'one two three'],
    ['m1.1', 'You said: one two three'],
    ['m2', 'four'],
    ['m2.1', 'You said: four'],
  ])
  assert.deepEqual(await asked(emulator), ['one two three', 'four'])
  second.program.kill('SIGTERM')
  await second.program.closed
  assert.deepEqual([second.program.exitCode, second.program.err], [0, ''])
})

test('the owner speaks in mid-stream, in the stream itself or beside it, to all tabs, and hands back', async (t) => {
  const { emulator, visit } = await staged(t, {
    pieceDelayMs: 400,
    options: { avatarName: 'Nova', ownerName: 'Ada' },
  })
  const grace = await visit()
  const tab = await grace.events()
  await tab.of('owner')
  const { came, seen } = firstPiece()
  const reading = grace.ask('m1', 'one two three four five six seven', seen)
  await came
  const { sessions } = await emulator.state()
  await emulator.owner.reply(sessions[0].sessionId, 'It is me')
  const heard = [await tab.of('message')]
  assert.deepEqual(await tab.of('owner'), { type: 'owner', isPresent: true, name: 'Ada' })
  heard.push(await tab.of('message'), await tab.of('message'))
  const byOwner = heard.find(({ author }) => author === 'owner')
  assert.deepEqual([byOwner.text, byOwner.name], ['It is me', 'Ada'])
  assert.equal((await reading).at(-1).type, 'finish')
  const { messages } = await grace.history()
  assert.deepEqual(heard.map(({ id }) => id).sort(), messages.map(({ id }) => id).sort())
  assert.equal((await (await grace.call()).json()).speaker, 'owner')
  await emulator.owner.handBack(sessions[0].sessionId)
  assert.equal(textOf(await grace.ask('m2', 'and now')), 'You said: and now')
  assert.deepEqual(await tab.of('owner'), { type: 'owner', isPresent: false, name: 'Ada' })
})

test('a question while the owner has the conversation is told so, and the next one too', async (t) => {
  const { emulator, visit } = await staged(t, { options: { ask: { firstPieceDeadlineMs: 300 } } })
  const ada = await visit()
  await ada.ask('m1', 'Hello')
  const { sessions } = await emulator.state()
  await emulator.owner.takeOver(sessions[0].sessionId)
  await emulator.owner.reply(sessions[0].sessionId, 'It is me')
  await until(async () => (await (await ada.call()).json()).isOwnerPresent)
  for (const id of ['m2', 'm3']) {
    const parts = await ada.ask(id, 'Are you there?')
    assert.deepEqual(
      parts.map(({ type, data }) => data?.kind ?? type),
      ['start', 'start-step', 'taken_over', 'finish-step', 'finish'],
    )
    assert.deepEqual(await ada.ask(id, 'Are you there?'), parts)
  }
  assert.deepEqual(await asked(emulator), ['Hello', 'Are you there?', 'Are you there?'])
})

test('an answer that failed is an error without words, and the same id may be asked again', async (t) => {
  const { emulator, errors, visit } = await staged(t, { options: { ask: { firstPieceDeadlineMs: 300 } } })
  const ada = await visit()
  const tab = await ada.events()
  await ada.ask('m0', 'Hello')
  await emulator.configure({ 'reply-delay': '3600s' })
  const failed = await ada.ask('m1', 'my secret words')
  assert.deepEqual(
    failed.map(({ type, errorText, finishReason }) => errorText ?? finishReason ?? type),
    ['start', 'start-step', 'unavailable', 'finish-step', 'error'],
  )
  const { kind, text } = await tab.of('notice')
  assert.deepEqual([kind, text], ['unavailable', 'I cannot answer right now. Please try again in a few minutes.'])
  assert.equal(errors.length, 1)
  assert.ok(!JSON.stringify(errors).includes('secret words'))
  await emulator.configure({ 'reply-delay': '0s' })
  await emulator.advance(2 * HOUR_MS)
  assert.match(textOf(await ada.ask('m1', 'my secret words')), /my secret words/)
  const again = await ada.ask('m1', 'my secret words')
  assert.match(textOf(again), /my secret words/)
})

test('words of the owner that come unasked are heard by a tab, and stand in the history once', async (t) => {
  const store = join(folder(t), 'avatar.db')
  const { emulator, visit } = await staged(t, { client: { store }, options: { ownerName: 'Ada' } })
  const grace = await visit()
  await grace.ask('m1', 'Hello')
  const tab = await grace.events()
  const { sessions } = await emulator.state()
  await emulator.owner.reply(sessions[0].sessionId, 'One thing more')
  const message = await tab.of('message')
  assert.deepEqual(
    [message.author, message.name, message.text, message.inReplyTo],
    ['owner', 'Ada', 'One thing more', null],
  )
  const { messages } = await grace.history()
  assert.deepEqual(
    messages.map(({ text }) => text),
    ['Hello', 'You said: Hello', 'One thing more'],
  )
})

test('a crowd streams at once, and none hears a word of another', async (t) => {
  const many = Number(process.env.CROWD ?? 100)
  const rate = 1_000_000
  const { visit } = await staged(t, {
    settings: { 'quota-per-minute': rate },
    client: { quota: rate },
    options: { newVisitorsPerMinute: rate, addressMessagesPerMinute: rate, callsPerMinute: rate },
  })
  await Promise.all(
    Array.from({ length: many }, async (_, number) => {
      const browser = await visit()
      const tab = await browser.events()
      const text = textOf(await browser.ask('m1', `the word of ${number}`))
      assert.equal(text, `You said: the word of ${number}`)
      const heard = [await tab.of('message'), await tab.of('message')].map(({ text }) => text)
      assert.deepEqual(heard, [`the word of ${number}`, `You said: the word of ${number}`])
      tab.leave()
    }),
  )
})

test('a flood of one visitor is refused, costs the others nothing, and leaves nothing in memory', async (t) => {
  const { emulator, widget, visit, base } = await staged(t, {
    options: { messagesPerMinute: 3, addressMessagesPerMinute: 1000, callsPerMinute: 5000, newVisitorsPerMinute: 300 },
  })
  const [ada, grace] = [await visit(), await visit()]
  const answers = await Promise.all(
    Array.from({ length: 300 }, async (_, number) => {
      const answer = await ada.say(`m${number}`, `flood ${number}`)
      if (answer.status === 200) await partsOf(answer)
      else assert.ok(Number(answer.headers['retry-after']) > 0)
      return answer.status
    }),
  )
  assert.equal(answers.filter((status) => status === 200).length, 3)
  assert.ok(answers.every((status) => status === 200 || status === 429))
  assert.equal(textOf(await grace.ask('m1', 'I am another')), 'You said: I am another')
  // Pages that are only looked at make visitors, and none of them is kept.
  await Promise.all(Array.from({ length: 250 }, () => call(base).then((answer) => answer.text())))
  assert.ok(widget.visitorsInMemory <= 2, `${widget.visitorsInMemory}`)
  assert.equal((await asked(emulator)).filter((text) => text.startsWith('flood')).length, 3)
})

test('a visitor who has left is forgotten in memory, and comes back to a history', async (t) => {
  const clock = new TestClock()
  const { widget, visit } = await staged(t, { options: { clock } })
  const ada = await visit()
  const tab = await ada.events()
  await tab.of('owner')
  await ada.ask('m1', 'Hello')
  await clock.advance(600_000)
  assert.equal(widget.visitorsInMemory, 1)
  await tab.of('message')
  tab.leave()
  await until(async () => {
    await clock.advance(60_000)
    return widget.visitorsInMemory === 0
  })
  const back = await ada.events(tab.lastId)
  assert.deepEqual(await back.next(), { type: 'reset' })
  assert.equal((await ada.history()).messages.length, 2)
})

test('a stream in which nothing happens is kept alive', async (t) => {
  const clock = new TestClock()
  const { visit } = await staged(t, { options: { clock } })
  const ada = await visit()
  const answer = await ada.call({ path: '/events' })
  let all = ''
  answer.chunks.on('data', (chunk) => {
    all += chunk
  })
  await until(() => all.includes('"owner"'))
  await until(async () => {
    await clock.advance(5000)
    return all.includes(': keep-alive\n\n')
  })
})

test('a reader that takes nothing holds no memory, and has all of it when it reads', async () => {
  const turn = new Turn('m1')
  const widget = { path: '/avatar', now: Date.now, answer: async () => turn.answer() }
  const written = []
  const response = Object.assign(new EventEmitter(), {
    writeHead() {},
    flushHeaders() {},
    write: (text) => {
      written.push(text)
      return false
    },
    end: () => written.push('end'),
  })
  toNodeListener(widget)({ url: '/avatar', method: 'POST', headers: {}, socket: {} }, response)
  await until(() => written.length === 1)
  for (let piece = 0; piece < 1000; piece += 1) turn.piece('avatar', 'Nova', 'x'.repeat(1000))
  assert.equal(written.length, 1)
  turn.end()
  let drained = 0
  while (written.at(-1) !== 'end') {
    response.emit('drain')
    drained += 1
    assert.ok(written.at(-1).length < 20_000)
  }
  assert.ok(drained > 50, `${drained}`)
  const [parts] = [await partsOf({ chunks: Readable.from(written.slice(0, -1)) })]
  assert.equal(textOf(parts).length, 1_000_000)
  // It has left nothing behind.
  assert.deepEqual([...turn.feeds], [])
})

test('users who are signed in are the visitors that the program says', async (t) => {
  const visitorOf = (request) => {
    const user = request.headers.get('authorization')
    return user === null ? undefined : { platform: 'shop', userId: user, name: user }
  }
  const { base, emulator } = await staged(t, { options: { visitorOf } })
  for (const path of ['', '/events', '/history', '/chat/stream']) {
    assert.equal((await call(base, { path })).status, 401, path)
  }
  const headers = { authorization: 'ada' }
  const first = await call(base, { headers })
  assert.deepEqual([first.status, first.headers['set-cookie']], [200, undefined])
  const answer = await call(base, { method: 'POST', headers, json: question('m1', 'Hello') })
  assert.equal(textOf(await partsOf(answer)), 'You said: Hello')
  const other = await call(base, { path: '/history', headers: { authorization: 'grace' } })
  assert.deepEqual((await other.json()).messages, [])
  assert.match(JSON.stringify(await emulator.state()), /ada\(web\)|"ada"/)
})

test('an address is what the program says, and no header by itself', async (t) => {
  const { client } = await stage(t)
  const limit = { newVisitorsPerMinute: 1 }
  const plain = await site(t, client, { ...limit, name: 'plain' })
  const forwarded = (address) => ({ headers: { 'x-forwarded-for': address } })
  assert.equal((await call(plain.base, forwarded('10.0.0.1'))).status, 200)
  assert.equal((await call(plain.base, forwarded('10.0.0.2'))).status, 429)
  const address = (request) => request.headers.get('x-forwarded-for')
  const behind = await site(t, client, { ...limit, name: 'behind', address })
  assert.equal((await call(behind.base, forwarded('10.0.0.1'))).status, 200)
  assert.equal((await call(behind.base, forwarded('10.0.0.2'))).status, 200)
  assert.equal((await call(behind.base, forwarded('10.0.0.2'))).status, 429)
  const none = await site(t, client, { name: 'none', address: false })
  for (let times = 0; times < 3; times += 1) assert.equal((await call(none.base)).status, 200)
  // A plain function is not told the other end of the socket.
  const answer = await plain.widget.handle(new Request('http://shop.example/avatar'))
  assert.equal(answer.status, 500)
  assert.match(plain.errors.at(-1).error.message, /give `address`/)
  const told = await plain.widget.handle(new Request('http://shop.example/avatar'), { address: '10.0.0.9' })
  assert.equal(told.status, 200)
})

test('a function of the program that fails is told to the program alone', async (t) => {
  const visitorOf = () => {
    throw new Error('the session store said sk-secret')
  }
  const { base, errors } = await staged(t, { options: { visitorOf } })
  const answer = await call(base)
  assert.equal(answer.status, 500)
  assert.ok(!(await answer.text()).includes('sk-secret'))
  assert.match(errors[0].error.message, /sk-secret/)
})

test('a widget that closes finishes what is under way, and sends the others away', async (t) => {
  const { emulator, widget, visit, base } = await staged(t, { pieceDelayMs: HOUR_MS })
  const ada = await visit()
  const tab = await ada.events()
  await tab.of('owner')
  const { came, seen } = firstPiece()
  const reading = partsOf(await ada.say('m1', 'one two three'), seen)
  await came
  const closing = widget.close({ deadlineMs: 20_000 })
  const refused = await call(base)
  assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '2'])
  for (let piece = 0; piece < 8; piece += 1) await emulator.advance(HOUR_MS)
  assert.equal(textOf(await reading), 'You said: one two three')
  await closing
  while ((await tab.next()) !== undefined);
})

test('an option that is wrong is refused before anything is served, with what to do', () => {
  const client = new AvatarClient({ apiKey: 'sk-test', baseUrl: 'http://127.0.0.1:1' })
  const secret = SECRET
  for (const [options, what] of [
    [undefined, /takes \{ secret \}/],
    [{}, /`secret` is missing/],
    [{ secret: [] }, /`secret` is missing/],
    [{ secret: 'short' }, /at least 32 bytes.*openssl rand/],
    [{ secret: [SECRET, 'short'] }, /at least 32 bytes/],
    [{ secret, visitorOf: () => undefined }, /leave `secret`/],
    [{ visitorOf: () => undefined, embedded: true }, /leave `embedded` out/],
    [{ visitorOf: () => undefined, cookieName: '__Host-shop' }, /leave `cookieName` out/],
    [
      { visitorOf: () => undefined, channel: 'shop', newVisitorsPerMinute: 3 },
      /leave `newVisitorsPerMinute` and `channel` out/,
    ],
    [{ secret, address: false, callsPerMinute: 60 }, /`address: false`.*leave `callsPerMinute` out/],
    [{ secret, maxTextChars: 70_000 }, /`maxBodyBytes` is 65536, and no message/],
    [{ secret, secrets: [] }, /no option `secrets`; there are/],
    [{ secret, cookieName: 'avatar' }, /begins with `__Host-`/],
    [{ secret, allowOrigins: 'https://shop.example' }, /takes a list/],
    [{ secret, allowOrigins: ['*'] }, /without a path, and not `\*`/],
    [{ secret, allowOrigins: ['https://shop.example/'] }, /without a path/],
    [{ secret, allowOrigins: ['shop.example'] }, /such as `https/],
    [{ secret, path: 'avatar' }, /begins with `\/`/],
    [{ secret, name: 'My Site' }, /lower-case/],
    [{ secret, messagesPerMinute: 0 }, /`messagesPerMinute` is a number above 0/],
    [{ secret, messagesPerMinute: 0.5 }, /`messagesPerMinute` is at least 1/],
    [{ secret, addressMessagesPerMinute: 0.5 }, /`addressMessagesPerMinute` is at least 1/],
    [{ secret, newVisitorsPerMinute: 0.5 }, /`newVisitorsPerMinute` is at least 1/],
    [{ secret, callsPerMinute: 0.5 }, /`callsPerMinute` is at least 1/],
    [{ secret, maxEventStreams: 0.5 }, /`maxEventStreams` is at least 1/],
    [{ secret, maxTextChars: '10' }, /`maxTextChars` is a number/],
    [{ secret, address: 'x-forwarded-for' }, /`address` is a function/],
    [{ secret, onError: 1 }, /`onError` has to be a function/],
    [{ secret, language: 'fr' }, /`language`/],
  ]) {
    assert.throws(
      () => avatarWidget(client, options),
      (error) => error instanceof MisuseError && what.test(error.message),
      JSON.stringify(options),
    )
  }
  return client.close()
})
