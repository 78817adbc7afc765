import assert from 'node:assert/strict'
import { test } from 'node:test'
import { begin, KEPT, message, page, refused, server, session, timers, until, user, withPage } from './support.mjs'

withPage()

const OUTBOX = `${KEPT}:outbox`
const shown = () => session.store.items.map(({ text }) => text)

/** Loads the page anew, for the visitor of this tag. */
async function come(visitor, options) {
  server.info = { ...server.info, visitor }
  server.messages = []
  begin(options)
  await until(timers, () => session.state.phase === 'ready')
}

function offline() {
  server.before = () => {
    throw new TypeError('Failed to fetch')
  }
}

/** One whose message did not go out. */
async function leaveUnsent(visitor) {
  await come(visitor)
  offline()
  session.send('My secret')
  await until(timers, () => session.state.trouble === 'offline')
  session.leave(user)
  server.before = () => undefined
}

for (const isOpen of [true, false])
  test(`what one visitor has not sent is not sent by another, with the panel ${isOpen ? 'open' : 'closed'}`, async () => {
    await leaveUnsent('one')
    sessionStorage.setItem(`${KEPT}:draft`, 'My draft')
    server.asked = []
    await come('two', { isOpen })
    assert.deepEqual(shown(), [])
    assert.deepEqual(server.posted(), [])
    assert.equal(localStorage.getItem(OUTBOX), null)
    assert.equal(sessionStorage.getItem(`${KEPT}:draft`), null)
  })

test('what the same visitor has not sent goes out, also where the server part does not name visitors', async () => {
  for (const visitor of ['one', undefined]) {
    server.asked = []
    await leaveUnsent(visitor)
    server.asked = []
    await come(visitor)
    await until(timers, () => server.posted().length === 1)
    await until(timers, () => localStorage.getItem(OUTBOX) === null)
  }
})

test('a tab that shows what one visitor has said begins anew when another tab has met the next', async () => {
  await come('one')
  await until(timers, () => server.events.length > 0)
  session.send('Hello')
  await until(timers, () => server.replies.length === 1 && localStorage.getItem(OUTBOX) === null)
  let isTold = false
  session.listen({
    onOther: () => {
      isTold = true
    },
  })
  const streams = server.events.length
  server.info = { ...server.info, visitor: 'two' }
  localStorage.setItem(`${KEPT}:visitor`, 'two')
  page.tell('storage', { key: `${KEPT}:visitor` })
  await until(timers, () => session.state.phase === 'ready' && server.events.length > streams)
  assert.deepEqual(shown(), [])
  assert.ok(isTold)
  const { headers } = server.asked.findLast(({ call }) => call === 'GET /avatar/events')
  assert.equal(headers['last-event-id'], undefined)
})

test("a stream that has become another visitor's by a reset begins anew", async () => {
  await come('one')
  await until(timers, () => server.events.length > 0)
  server.event(message('a', 'avatar', 'For one alone', { type: 'message' }), 'E-7')
  await until(timers, () => shown().length === 1)
  const streams = server.events.length
  server.info = { ...server.info, visitor: 'two' }
  server.event({ type: 'reset' })
  await until(timers, () => session.state.phase === 'ready' && server.events.length > streams)
  assert.deepEqual(shown(), [])
})

test('a message goes out whose visitor the server had to make anew', async () => {
  await come('one')
  let isForgotten = true
  server.info = { ...server.info, visitor: 'two' }
  server.before = (call) => {
    if (call === 'GET /avatar') isForgotten = false
    return isForgotten ? refused(401) : undefined
  }
  session.send('Hello')
  await until(timers, () => server.replies.length === 1)
  assert.deepEqual(shown(), ['Hello'])
})
