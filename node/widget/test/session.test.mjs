import assert from 'node:assert/strict'
import { test } from 'node:test'
import { begin, KEPT, message, page, ready, refused, SERVER, server, session, settled, silence } from './support.mjs'
import { timers, until, user, withPage } from './support.mjs'

withPage()

const shown = () => session.store.items.map((item) => (item.kind === 'line' ? item.what : `${item.text} ${item.state}`))

test('nothing is asked of the server before the visitor opens the panel', async () => {
  begin({ isOpen: false })
  await settled()
  assert.deepEqual(server.asked, [])
})

test('a browser that has talked before counts what came meanwhile, and makes no visitor', async () => {
  await ready()
  server.event(message('a', 'avatar', 'first', { type: 'message' }))
  await until(timers, () => shown().length === 1)
  session.leave(user)
  server.messages = [message('a', 'avatar', 'first'), message('b', 'owner', 'second', { at: 2000 })]
  server.asked = []
  begin({ isOpen: false })
  await until(timers, () => session.state.unread === 1)
  assert.equal(server.count('GET /avatar'), 0)
  assert.equal(page.document.title, '(1) Shop')
  session.use(user, true)
  assert.equal(session.state.unread, 0)
  assert.equal(page.document.title, 'Shop')
})

test('a message goes out, and its reply grows and is whole', async () => {
  await ready()
  assert.equal(session.send('  Hello  '), 'taken')
  await until(timers, () => server.replies.length === 1)
  const [{ id, parts }] = server.posted()
  assert.match(id, /^[A-Za-z0-9_:-]{1,100}$/)
  assert.deepEqual(parts, [{ type: 'text', text: 'Hello' }])
  await until(timers, () => session.state.typing === 'avatar')
  server.part({ type: 'text-start', id: `${id}.1` })
  server.part({ type: 'text-delta', id: `${id}.1`, delta: 'Hi' })
  await until(timers, () => shown()[1] === 'Hi streaming')
  assert.equal(session.state.typing, null)
  server.part({ type: 'text-end', id: `${id}.1` })
  server.part({ type: 'finish' })
  await until(timers, () => shown()[1] === 'Hi done')
  assert.equal(localStorage.getItem(`${KEPT}:outbox`), null)
})

test('what is written without a connection waits over a reload, and goes out once and in order', async () => {
  await ready()
  let isOffline = true
  server.before = () => {
    if (isOffline) throw new TypeError('Failed to fetch')
  }
  server.cut(server.events)
  session.send('one')
  session.send('two')
  await until(timers, () => session.state.trouble === 'offline')
  assert.deepEqual(shown(), ['one waiting', 'two waiting'])
  session.leave(user)
  await settled()
  begin()
  assert.deepEqual(shown(), ['one waiting', 'two waiting'])
  session.send('three')
  isOffline = false
  server.asked = []
  page.tell('online')
  await until(timers, () => server.replies.length === 3)
  assert.deepEqual(
    server.posted().map(({ parts }) => parts[0].text),
    ['one', 'two', 'three'],
  )
  await until(timers, () => session.state.trouble === null)
  assert.deepEqual(shown(), ['one done', 'two done', 'three done'])
})

test('a message whose answer was lost is sent again under the same id', async () => {
  await ready()
  let losses = 1
  server.before = (call) => {
    if (call.startsWith('POST') && losses-- > 0) throw new TypeError('Failed to fetch')
  }
  session.send('Hello')
  await until(timers, () => server.replies.length === 1)
  const [first, second] = server.posted()
  assert.equal(first.id, second.id)
})

test('a message that others were told of and that the server failed to keep is sent again', async () => {
  await ready()
  const told = ({ id }) => server.event(message(id, 'visitor', 'Hello', { type: 'message' }))
  let answer
  server.before = (call, body) => {
    if (!call.startsWith('POST') || server.posted().length > 1) return undefined
    told(body.messages[0])
    return new Promise((resolve) => {
      answer = () => resolve(refused(503))
    })
  }
  session.send('Hello')
  await until(timers, () => shown()[0] === 'Hello done')
  answer()
  await until(timers, () => shown()[0] === 'Hello waiting')
  await until(timers, () => server.replies.length === 1)
  const [first, second] = server.posted()
  assert.equal(first.id, second.id)
  server.reply(first.id, 'Good day')
  await until(timers, () => shown().length === 2)
  assert.deepEqual(shown(), ['Hello done', 'Good day done'])
  assert.equal(localStorage.getItem(`${KEPT}:outbox`), null)
})

test('a message whose answer has come by an event is not sent again, stands before it, and nothing is in the way', async () => {
  await ready()
  server.before = (call) => {
    if (call.startsWith('POST')) throw new TypeError('Failed to fetch')
  }
  session.send('Hello')
  await until(timers, () => session.state.trouble === 'offline')
  const [{ id }] = server.posted()
  server.event(message(id, 'visitor', 'Hello', { type: 'message' }))
  server.event(message(`${id}.1`, 'avatar', 'Good day', { type: 'message', inReplyTo: id }))
  await until(timers, () => session.state.trouble === null)
  const posts = server.posted().length
  timers.tick(120_000)
  await settled()
  assert.equal(server.posted().length, posts)
  assert.deepEqual(shown(), ['Hello done', 'Good day done'])
})

test('a message that another tab has sent leaves nothing in the way here', async () => {
  await ready()
  server.before = (call) => {
    if (call.startsWith('POST')) throw new TypeError('Failed to fetch')
  }
  session.send('Hello')
  await until(timers, () => session.state.trouble === 'offline')
  const key = `${KEPT}:outbox`
  localStorage.removeItem(key)
  page.tell('storage', { key })
  await settled()
  assert.equal(session.state.trouble, null)
})

test('too many messages wait for as long as the server says', async () => {
  await ready()
  let refusals = 1
  server.before = (call) =>
    call.startsWith('POST') && refusals-- > 0 ? refused(429, { 'retry-after': '7' }) : undefined
  session.send('Hello')
  await settled()
  timers.tick(1)
  await settled()
  assert.equal(session.state.trouble, 'rate_limited')
  timers.tick(6_900)
  await settled()
  assert.equal(server.posted().length, 1)
  timers.tick(200)
  await until(timers, () => server.replies.length === 1)
  await until(timers, () => session.state.trouble === null)
})

test('a message that is refused stands as failed, holds up no other, and can be taken back', async () => {
  await ready()
  let refusals = 1
  server.before = (call) => (call.startsWith('POST') && refusals-- > 0 ? refused(413) : undefined)
  session.send('long')
  session.send('short')
  await until(timers, () => server.replies.length === 1)
  assert.deepEqual(shown(), ['short done', 'long failed'])
  const failed = session.store.items[1]
  assert.equal(failed.trouble, 'too_large')
  assert.equal(session.takeBack(failed.id), 'long')
  assert.deepEqual(shown(), ['short done'])
})

test('a visitor whom the server has forgotten is made known once more, and the message goes out', async () => {
  await ready()
  let isForgotten = true
  server.before = (call) => {
    if (call === 'GET /avatar') isForgotten = false
    return isForgotten ? refused(401) : undefined
  }
  session.send('Hello')
  await until(timers, () => server.replies.length === 1)
  assert.equal(session.state.trouble, null)
})

test('where no cookie is kept, it says so and does not ask for ever', async () => {
  server.before = (call) => (call === 'GET /avatar' ? undefined : refused(401))
  begin()
  await until(timers, () => session.state.trouble === 'no_visitor')
  session.send('Hello')
  await settled()
  const asked = server.asked.length
  for (let minute = 0; minute < 10; minute += 1) {
    timers.tick(60_000)
    await settled()
  }
  assert.ok(server.asked.length - asked < 120, `${server.asked.length - asked} calls in ten minutes`)
  assert.equal(session.state.trouble, 'no_visitor')
  server.before = () => undefined
  session.tryAgain()
  await until(timers, () => server.replies.length === 1)
  assert.equal(session.state.trouble, null)
})

test('where visitors sign in, it asks to sign in', async () => {
  server.before = () => refused(401)
  begin()
  await until(timers, () => session.state.trouble === 'signed_out')
})

test('a page that may not speak with the server is told so', async () => {
  server.before = () => refused(403)
  begin()
  await until(timers, () => session.state.trouble === 'origin_not_allowed')
})

test('a reply whose connection breaks is taken up again by its id, from its beginning', async () => {
  await ready()
  session.send('Hello')
  await until(timers, () => server.replies.length === 1)
  const [{ id }] = server.posted()
  server.part({ type: 'text-start', id: `${id}.1` })
  server.part({ type: 'text-delta', id: `${id}.1`, delta: 'Hal' })
  await until(timers, () => shown()[1] === 'Hal streaming')
  server.cut(server.replies)
  await until(timers, () => server.replies.length === 2)
  assert.equal(server.posted()[1].id, id)
  server.reply(id, 'Half and half')
  await until(timers, () => shown()[1] === 'Half and half done')
  assert.equal(shown().length, 2)
})

test('after a reload in the middle of a reply, the reply goes on', async () => {
  server.messages = [message('q', 'visitor', 'Hello')]
  server.before = (call) => {
    if (call !== 'GET /avatar/widget/stream') return undefined
    server.before = () => undefined
    return server.fetch(`${SERVER}/again`)
  }
  await ready()
  await until(timers, () => server.replies.length === 1)
  server.reply('q', 'Good day')
  await until(timers, () => shown()[1] === 'Good day done')
})

test('a message that the history has and the outbox too is sent once more, and its reply is read once', async () => {
  server.messages = [message('q', 'visitor', 'Hello')]
  const entry = { id: 'q', text: 'Hello', at: 1000 }
  localStorage.setItem(`${KEPT}:outbox`, JSON.stringify([entry]))
  await ready()
  await until(timers, () => server.replies.length === 1)
  assert.equal(server.count('GET /avatar/widget/stream'), 0)
  server.reply('q', 'Good day')
  await until(timers, () => shown().length === 2)
  assert.deepEqual(shown(), ['Hello done', 'Good day done'])
})

test('a question without an answer says why, and is asked again under its id', async () => {
  await ready()
  session.send('Hello')
  await until(timers, () => server.replies.length === 1)
  server.part({ type: 'error', errorText: 'busy' })
  server.part({ type: 'finish', finishReason: 'error' })
  server.end(server.replies)
  server.event({ type: 'notice', kind: 'busy', text: 'Busy.' })
  await until(timers, () => session.store.items[0].trouble === 'busy')
  await settled()
  assert.deepEqual(shown(), ['Hello done'])
  const { id } = session.store.items[0]
  session.sendAgain(id)
  await until(timers, () => server.replies.length === 2)
  assert.equal(server.posted()[1].id, id)
  server.reply(id, 'Now')
  await until(timers, () => shown()[1] === 'Now done')
  assert.equal(session.store.items[0].trouble, null)
})

test('the owner joins and leaves by lines, and the avatar types no more meanwhile', async () => {
  await ready()
  server.event({ type: 'owner', isPresent: false, name: 'Ada' })
  server.event({ type: 'typing', author: 'avatar', isTyping: true })
  await until(timers, () => session.state.typing === 'avatar')
  server.event({ type: 'owner', isPresent: true, name: 'Ada' })
  await until(timers, () => session.state.info.isOwnerPresent)
  assert.equal(session.state.typing, null)
  server.event({ type: 'notice', kind: 'taken_over', text: 'Ada has it.' })
  server.event({ type: 'typing', author: 'owner', isTyping: true })
  await until(timers, () => session.state.typing === 'owner')
  server.event({ type: 'owner', isPresent: true, name: 'Ada' })
  server.event({ type: 'owner', isPresent: false, name: 'Ada' })
  await until(timers, () => !session.state.info.isOwnerPresent)
  assert.deepEqual(shown(), ['joined', 'left'])
  assert.equal(session.state.typing, null)
})

test('who was typing is typing no more when the connection is lost', async () => {
  await ready()
  server.event({ type: 'typing', author: 'avatar', isTyping: true })
  await until(timers, () => session.state.typing === 'avatar')
  server.before = () => {
    throw new TypeError('Failed to fetch')
  }
  server.cut(server.events)
  await until(timers, () => session.state.trouble === 'offline')
  assert.equal(session.state.typing, null)
})

test('an event stream that ends is opened again behind the last event; a reset loads the history', async () => {
  await ready()
  server.event(message('a', 'avatar', 'one', { type: 'message' }), 'E-7')
  await until(timers, () => shown().length === 1)
  server.end(server.events)
  await until(timers, () => server.events.length === 2)
  const calls = server.asked.filter(({ call }) => call === 'GET /avatar/events')
  assert.equal(calls[1].headers['last-event-id'], 'E-7')
  server.messages = [message('a', 'avatar', 'one'), message('b', 'owner', 'missed', { at: 2000 })]
  server.event({ type: 'reset' })
  await until(timers, () => shown().length === 2)
  assert.deepEqual(shown(), ['one done', 'missed done'])
})

test('an event stream that is silent for too long is opened again', async () => {
  await ready()
  await until(timers, () => server.events.length === 2)
})

test('earlier messages are loaded page by page, and once', async () => {
  server.before = (call) => {
    if (call !== 'GET /avatar/history') return undefined
    const { before } = server.asked.at(-1)
    if (before === null) return Response.json({ messages: [message('c', 'avatar', 'c', { at: 3 })], before: 'x y' })
    return Response.json({ messages: [message('b', 'visitor', 'b', { at: 2 })], before: null })
  }
  await ready()
  await Promise.all([session.loadOlder(), session.loadOlder()])
  assert.deepEqual(shown(), ['b done', 'c done'])
  await session.loadOlder()
  assert.deepEqual(
    server.asked
      .filter(({ call }) => call === 'GET /avatar/history')
      .map(({ before }) => before)
      .filter((before) => before !== null),
    ['x y'],
  )
})

test('what was said between the answer of the history and the begin of the event stream is shown', async () => {
  // The first answer was made before it was said, and the stream begins after.
  let answers = [[], [message('a', 'owner', 'just now')]]
  server.before = (call) => {
    if (call !== 'GET /avatar/history') return undefined
    const [messages] = answers
    if (answers.length > 1) answers = answers.slice(1)
    return Response.json({ messages, before: null })
  }
  await ready()
  await until(timers, () => shown().length === 1)
  assert.deepEqual(shown(), ['just now done'])
})

test('a text that is empty or too long is not sent, and the field keeps it', async () => {
  await ready()
  assert.equal(session.send('  \n '), 'empty')
  assert.equal(session.send('x'.repeat(10_001)), 'too_large')
  assert.deepEqual(shown(), [])
})

test('the last element that goes takes the connections along, and the next one begins anew', async () => {
  await ready()
  session.leave(user)
  await settled()
  const asked = server.asked.length
  timers.tick(120_000)
  await settled()
  assert.equal(server.asked.length, asked)
  session.use(user, true)
  session.start(false)
  await until(timers, () => server.events.length === 2)
})

test('a page that is put aside holds no connection, and has them again when it comes back', async () => {
  await ready()
  page.tell('pagehide', { persisted: true })
  await settled()
  timers.tick(120_000)
  assert.equal(server.events.length, 1)
  page.tell('pageshow', { persisted: true })
  await until(timers, () => server.events.length === 2)
})

test('unread messages count while the page is hidden, and are read when it is seen', async () => {
  await ready()
  server.event(message('a', 'avatar', 'one', { type: 'message' }))
  await until(timers, () => shown().length === 1)
  page.hide(true)
  server.event(message('b', 'owner', 'two', { type: 'message' }))
  await until(timers, () => session.state.unread === 1)
  page.hide(false)
  assert.equal(session.state.unread, 0)
})

test('how long a message may be is what the server says', async () => {
  server.info = { ...server.info, maxTextChars: 5 }
  await ready()
  assert.deepEqual([session.send('123456'), session.send('12345')], ['too_large', 'taken'])
})

test('behind a proxy that holds the event stream back, what the owner says comes by the history', async () => {
  server.before = (call, _, signal) => (call === 'GET /avatar/events' ? silence(signal) : undefined)
  begin()
  await until(timers, () => session.state.phase === 'ready')
  session.send('Hello')
  await until(timers, () => server.replies.length === 1)
  const [{ id }] = server.posted()
  server.reply(id, 'Good day')
  server.messages = [
    message(id, 'visitor', 'Hello'),
    message(`${id}.1`, 'avatar', 'Good day', { at: 2000 }),
    message('o', 'owner', 'It is me', { at: 3000 }),
  ]
  server.info = { ...server.info, isOwnerPresent: true }
  await until(timers, () => shown().at(-1) === 'It is me done')
  await until(timers, () => session.state.info.isOwnerPresent)
  assert.equal(session.state.trouble, null)
})

test('a server that hangs is not asked more and more', async () => {
  await ready()
  server.before = (_, __, signal) => silence(signal)
  server.cut(server.events)
  for (let minute = 0; minute < 60; minute += 1) {
    timers.tick(60_000)
    await settled()
  }
  server.asked = []
  for (let minute = 0; minute < 10; minute += 1) {
    timers.tick(60_000)
    await settled()
  }
  assert.ok(server.asked.length < 60, `${server.asked.length} calls in ten minutes`)
})
