import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { test } from 'node:test'

import { AvatarError, ClosedError, InvalidVisitorIdError, MisuseError, RateLimitedError } from 'secondme-avatar'

import { next, run, stage, until } from './support.mjs'

test('a loop over a conversation sees what happens in it, in order, with all its ids', async (t) => {
  const { open } = await stage(t)
  const chat = await open('ada')
  const seen = []
  const loop = (async () => {
    for await (const event of chat) {
      seen.push(event)
      if (event.type === 'reply') break
    }
  })()
  await chat.ask('Hello')
  await loop
  assert.deepEqual(
    seen.map(({ type }) => type),
    ['delivered', 'replyDelta', 'replyDelta', 'reply'],
  )
  for (const event of seen) {
    assert.equal(event.visitorId, chat.visitorId)
    assert.equal(event.sessionId, chat.sessionId)
    assert.equal(event.conversation, 0)
    assert.equal(JSON.parse(event.raw).sessionId, chat.sessionId)
  }
  assert.equal(seen[1].text + seen[2].text, seen[3].text)
  assert.equal(seen[1].replyId, seen[3].id)
  assert.equal(seen[1].inReplyTo, seen[0].messageId)
  assert.deepEqual(Object.keys(seen[1]), [
    'type',
    'conversation',
    'visitorId',
    'tag',
    'sessionId',
    'text',
    'replyId',
    'inReplyTo',
    'asked',
    'attribution',
  ])
})

test('without `raw` events come without their frames', async (t) => {
  const { client, open } = await stage(t)
  const all = client.events({ raw: false })
  const chat = await open('ada')
  const own = chat.events({ raw: false })
  await chat.ask('Hello')
  for (const events of [all, own]) {
    const reply = await next(events, 'reply')
    assert.equal(reply.raw, undefined)
    assert.match(reply.text, /Hello/)
  }
  assert.throws(() => chat.events({ raw: 'no' }), MisuseError)
})

test('the program’s own tag of a visitor stands on every event', async (t) => {
  const { client, emulator } = await stage(t)
  const events = client.events()
  const chat = await client.open({ platform: 'slack', userId: 'U1', tag: 'T1/C7' })
  await chat.ask('Hello')
  await client.open({ platform: 'slack', userId: 'U1' })
  assert.equal(chat.tag, 'T1/C7')
  await emulator.push(chat, { hint: 'still the same' })
  events.finish()
  const types = new Set()
  for await (const { type, tag } of events) {
    assert.equal(tag, 'T1/C7', type)
    types.add(type)
  }
  for (const type of ['opened', 'replyDelta', 'reply']) assert.ok(types.has(type), type)
  // It is the program's own: the service never sees it.
  assert.doesNotMatch(JSON.stringify(await emulator.journal()), /T1\/C7/)
  await assert.rejects(client.open({ platform: 'slack', userId: 'U2', tag: 'x'.repeat(1025) }), InvalidVisitorIdError)
})

test('a subscription that is finished hands out what has come, then ends', async (t) => {
  const { open, emulator } = await stage(t)
  const chat = await open('ada')
  const events = chat.events()
  const other = chat.events()
  await emulator.push(chat, { hint: 'one' })
  await emulator.push(chat, { hint: 'two' })
  await next(other, 'notice')
  await next(other, 'notice')
  events.finish()
  await emulator.push(chat, { hint: 'three' })
  await next(other, 'notice')
  const texts = []
  for await (const { text } of events) texts.push(text)
  assert.deepEqual(texts, ['one', 'two'])
  // One that waits is told.
  const waiting = other.next()
  other.finish()
  assert.deepEqual(await waiting, { done: true, value: undefined })
})

test('a reply that was asked for says so on its event', async (t) => {
  const { open, emulator } = await stage(t)
  const chat = await open('ada')
  const events = chat.events()
  assert.equal((await chat.ask('Hello')).asked, true)
  assert.equal((await next(events, 'replyDelta')).asked, true)
  assert.equal((await next(events, 'reply')).asked, true)
  await emulator.owner.reply(chat, 'On my own')
  assert.equal((await next(events, 'ownerReply')).asked, false)
})

test('the owner’s taking over and giving back are events, and a state', async (t) => {
  const { open, emulator } = await stage(t)
  const chat = await open('ada')
  assert.equal(chat.takenOver, false)
  const events = chat.events()
  await emulator.owner.reply(chat, 'It is me')
  await next(events, 'takenOver')
  assert.equal((await next(events, 'ownerReply')).text, 'It is me')
  assert.equal(chat.takenOver, true)
  await emulator.owner.handBack(chat)
  await chat.ask('And now?')
  await next(events, 'handedBack')
  assert.equal(chat.takenOver, false)
})

test('a loop over a client sees all conversations', async (t) => {
  const { client, open } = await stage(t)
  const events = client.events()
  const chats = await Promise.all(['ada', 'bob', 'eve'].map(open))
  await Promise.all(chats.map((chat) => chat.ask(`I am ${chat.visitorId}`)))
  const heard = new Map()
  while (heard.size < 3) {
    const reply = await next(events, 'reply')
    heard.set(reply.visitorId, reply.text)
  }
  for (const chat of chats) assert.equal(heard.get(chat.visitorId), `You said: I am ${chat.visitorId}`)
})

test('a subscription ends with its conversation, and with its loop', async (t) => {
  const { open } = await stage(t)
  const chat = await open('ada')
  const events = chat.events()
  const left = chat.events()
  await left.return()
  assert.deepEqual(await left.next(), { done: true, value: undefined })
  await chat.close()
  const types = []
  for await (const { type } of events) types.push(type)
  assert.deepEqual(types, ['stateChanged', 'closed'])
  assert.deepEqual(await events.next(), { done: true, value: undefined })
})

test('who stops waiting loses no event', async (t) => {
  const { open, emulator } = await stage(t)
  const chat = await open('ada')
  const events = chat.events()
  const count = 300
  const said = (async () => {
    for (let number = 0; number < count; number += 1) await emulator.push(chat, { hint: `hint ${number}` })
  })()
  const heard = []
  let given = 0
  while (heard.length < count) {
    const controller = new AbortController()
    const asked = events.next({ signal: controller.signal })
    setImmediate(() => controller.abort())
    try {
      heard.push((await asked).value.text)
    } catch (reason) {
      assert.equal(reason.name, 'AbortError')
      given += 1
    }
  }
  await said
  assert.ok(given > 0)
  assert.deepEqual(
    heard,
    Array.from({ length: count }, (_, number) => `hint ${number}`),
  )
})

test('several who wait are served in order', async (t) => {
  const { open, emulator } = await stage(t)
  const chat = await open('ada')
  const events = chat.events()
  const waiting = [events.next(), events.next(), events.next()]
  for (const hint of ['one', 'two', 'three']) await emulator.push(chat, { hint })
  const heard = await Promise.all(waiting)
  assert.deepEqual(
    heard.map(({ value }) => value.text),
    ['one', 'two', 'three'],
  )
})

test('a subscription ends with its signal', async (t) => {
  const { open } = await stage(t)
  const chat = await open('ada')
  const controller = new AbortController()
  const events = chat.events({ signal: controller.signal })
  const waiting = events.next()
  controller.abort(new Error('enough'))
  await assert.rejects(waiting, { message: 'enough' })
  assert.throws(() => chat.events({ signal: controller.signal }), { message: 'enough' })
})

test('listeners are called as those of any EventEmitter', async (t) => {
  const { client, open, emulator } = await stage(t)
  const chat = await open('ada')
  assert.ok(chat instanceof EventEmitter)
  const heard = []
  chat.on('reply', (reply) => heard.push(`reply ${reply.text}`))
  chat.on('ownerReply', (reply) => heard.push(`owner ${reply.text}`))
  chat.once('event', (event) => heard.push(`first ${event.type}`))
  client.on('reply', (reply) => heard.push(`client ${reply.text}`))
  await chat.ask('Hello')
  await emulator.owner.reply(chat, 'Me again')
  await until(() => heard.includes('owner Me again') && heard.some((line) => line.startsWith('client')))
  assert.deepEqual(
    heard.filter((line) => !line.startsWith('client')),
    ['first delivered', 'reply You said: Hello', 'owner Me again'],
  )
})

test('events.once waits for one', async (t) => {
  const { open, emulator } = await stage(t)
  const chat = await open('ada')
  const waiting = once(chat, 'ownerReply', { signal: AbortSignal.timeout(10_000) })
  await emulator.owner.reply(chat, 'It is me')
  const [reply] = await waiting
  assert.equal(reply.text, 'It is me')
  assert.equal(chat.listenerCount('ownerReply'), 0)
})

test('a listener that is taken away hears nothing, and one that comes hears what comes after it', async (t) => {
  const { open } = await stage(t)
  const chat = await open('ada')
  const heard = []
  const listener = ({ text }) => heard.push(text)
  chat.on('reply', listener)
  await chat.ask('one')
  await until(() => heard.length === 1)
  chat.off('reply', listener)
  await chat.ask('two')
  chat.on('reply', listener)
  await chat.ask('three')
  await until(() => heard.length === 2)
  assert.deepEqual(heard, ['You said: one', 'You said: three'])
  chat.removeAllListeners()
  assert.deepEqual(chat.eventNames(), [])
})

test('waitFor waits for the next event of a type', async (t) => {
  const { client, open, emulator } = await stage(t)
  const chat = await open('ada')
  const mine = chat.waitFor('ownerReply', { signal: AbortSignal.timeout(10_000) })
  const any = client.waitFor('event')
  await emulator.owner.reply(chat, 'It is me')
  assert.equal((await mine).text, 'It is me')
  assert.equal((await any).visitorId, chat.visitorId)

  const given = chat.waitFor('reply', { signal: AbortSignal.timeout(1) })
  await assert.rejects(given, { name: 'TimeoutError' })
  await assert.rejects(chat.waitFor('reply', { signal: AbortSignal.abort() }), { name: 'AbortError' })
  // What never comes is not waited for.
  for (const name of ['replied', 'error', undefined]) {
    await assert.rejects(
      chat.waitFor(name),
      (error) => error instanceof MisuseError && /ownerReply/.test(error.message),
    )
  }

  const never = chat.waitFor('ownerReply')
  const end = chat.waitFor('closed')
  await Promise.all([
    assert.rejects(never, (error) => error instanceof ClosedError && /events\.test\.mjs/.test(error.stack)),
    chat.close(),
  ])
  assert.equal((await end).reason, 'requested')
})

test('a stream is a ReadableStream too', async (t) => {
  const { open, emulator } = await stage(t)
  const chat = await open('ada')
  const pieces = chat.stream('one two three four').toReadableStream()
  assert.ok(pieces instanceof ReadableStream)
  const answer = new Response(pieces.pipeThrough(new TextEncoderStream()))
  assert.equal(await answer.text(), 'You said: one two three four')

  const events = chat.events()
  const reader = events.toReadableStream().getReader()
  await emulator.push(chat, { hint: 'read me' })
  assert.equal((await reader.read()).value.text, 'read me')
  await reader.cancel()
  assert.deepEqual(await events.next(), { done: true, value: undefined })

  await chat.close()
  await assert.rejects(chat.stream('too late').toReadableStream().getReader().read(), ClosedError)
})

test('what a listener throws, or is rejected with, goes to the listeners of error', async (t) => {
  const reports = []
  const { client, open } = await stage(t, {
    client: {
      onCall: (call) => {
        reports.push(call)
        if (reports.length === 1) throw new Error('of onCall')
        if (reports.length === 2) return Promise.reject(new Error('of an async onCall'))
      },
    },
  })
  const failed = []
  client.on('error', (reason, during) => failed.push([reason.message, during.step ?? during.type]))
  const chat = await open('ada')
  await until(() => failed.length === 2)
  assert.deepEqual(
    failed.splice(0).map(([message]) => message),
    ['of onCall', 'of an async onCall'],
  )
  chat.on('reply', () => {
    throw new Error('of a listener')
  })
  chat.on('delivered', async () => {
    throw new Error('of an async listener')
  })
  await chat.ask('one')
  await until(() => failed.length === 2)
  assert.deepEqual(failed.splice(0).sort(), [
    ['of a listener', 'reply'],
    ['of an async listener', 'delivered'],
  ])
  // Those of the conversation itself come first.
  const own = []
  chat.on('error', (reason) => own.push(reason.message))
  const before = reports.length
  await chat.ask('two')
  await until(() => own.length === 2)
  assert.deepEqual(failed, [])
  assert.ok(reports.length > before)
  // It is not heard of as a subscription.
  chat.removeAllListeners('reply').removeAllListeners('delivered')
  assert.deepEqual(chat.eventNames(), ['error'])
})

test('what survives structuredClone and JSON is all of a reply, and all of an event but its frame', async (t) => {
  const { client } = await stage(t)
  const chat = await client.open({ platform: 'test', userId: 'ada', tag: 'mine' })
  const events = chat.events()
  const reply = await chat.ask('Hello')
  assert.deepEqual(structuredClone(reply), reply)
  const event = await next(events, 'reply')
  for (const copy of [structuredClone(event), JSON.parse(JSON.stringify(event))]) {
    assert.deepEqual(copy, { ...event })
    assert.equal(copy.text, 'You said: Hello')
    assert.equal(copy.raw, undefined)
  }
  const error = new RateLimitedError('slow down', { retryAfterMs: 500 })
  const copy = structuredClone(error)
  assert.ok(copy instanceof Error)
  assert.deepEqual([copy.message, copy.stack, copy.retryAfterMs], ['slow down', error.stack, undefined])
  assert.equal(structuredClone(error.toJSON()).retryAfterMs, 500)
})

test('an exception in a listener is uncaught, and the events after it come all the same', async () => {
  const { code, out, err } = await run('programs/listener.mjs')
  assert.equal(err, '')
  assert.equal(code, 0)
  assert.deepEqual(out.trim().split('\n').sort(), [
    'heard: You said: one',
    'heard: You said: two',
    'uncaught: of the listener',
  ])
})

test('an exception in a listener ends a program that does not catch it', async () => {
  const { code, err } = await run('programs/listener.mjs', 'careless')
  assert.equal(code, 1)
  assert.match(err, /Error: of the listener\n {4}at .*listener\.mjs/)
})

test('ids of 64 bits stay exact, in cards too', async (t) => {
  const { open, emulator } = await stage(t, { settings: { 'id-form': 'number' } })
  const chat = await open('ada')
  const events = chat.events()
  await emulator.push(chat, {
    text: `{"type":"hint","sessionId":"${chat.sessionId}","messageId":487569763543990272,"content":"exact?"}`,
  })
  assert.match((await next(events, 'notice')).raw, /487569763543990272/)
  assert.equal(typeof chat.sessionId, 'string')
  const script = `
rules:
  - when: any
    then:
      - say:
          text: A card.
          whole: true
          cards: [{ template: StandardCard, params: { id: 487569763543990272, small: 7, list: [18446744073709551615] } }]`
  await emulator.configure({ brain: { script } })
  const reply = await chat.ask('Show me')
  const card = reply.parts.find(({ type }) => type === 'card')
  assert.equal(card.template, 'StandardCard')
  assert.deepEqual(card.params, { id: '487569763543990272', small: 7, list: ['18446744073709551615'] })
})

test('what the service says beside replies has types of its own', async (t) => {
  const { open, emulator } = await stage(t)
  const chat = await open('ada')
  const events = chat.events()
  await emulator.push(chat, { hint: 'The avatar is not sure' })
  await emulator.push(chat, { failure: { code: 'session.openai.error', reason: 'down', actions: [{ retry: true }] } })
  await emulator.push(chat, { frame: { type: 'something-new' } })
  await emulator.closeSockets({ abrupt: true })
  const notice = await next(events, 'notice')
  assert.deepEqual([notice.kind, notice.text], ['hint', 'The avatar is not sure'])
  const failure = await next(events, 'serviceError')
  assert.deepEqual([failure.code, failure.reason, failure.actions], ['session.openai.error', 'down', [{ retry: true }]])
  assert.match((await next(events, 'unknown')).raw, /something-new/)
  const lost = await next(events, 'disconnected')
  assert.equal(typeof lost.retryInMs, 'number')
  assert.ok(lost.cause instanceof AvatarError)
  assert.equal(lost.cause.kind, 'connectionFailed')
  assert.equal((await next(events, 'reconnected')).gap, 'none')
})
