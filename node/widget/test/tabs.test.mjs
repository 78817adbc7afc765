import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { Session } from '../lib/session.js'
import { FakeStorage, KEPT, message, SERVER, server, settled, silence, timers, until, withPage } from './support.mjs'

withPage()

let tabs

/** `navigator.locks`, for the tabs of one process. */
class FakeLocks {
  #held = new Map()

  async request(name, { signal }, work) {
    const before = this.#held.get(name) ?? Promise.resolve()
    let release
    const turn = new Promise((resolve) => {
      release = resolve
    })
    this.#held.set(
      name,
      before.then(() => turn),
    )
    const given = await Promise.race([
      before.then(() => true),
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(false))),
    ])
    try {
      if (!given || signal.aborted) throw new DOMException('aborted', 'AbortError')
      return await work()
    } finally {
      release()
    }
  }
}

beforeEach(() => {
  tabs = []
  Object.defineProperty(globalThis, 'navigator', { configurable: true, value: { locks: new FakeLocks() } })
})

afterEach(async () => {
  for (const tab of tabs) tab.leave(tab)
  await settled()
  delete globalThis.navigator
})

async function open({ isOpen = true } = {}) {
  const tab = new Session(SERVER)
  tabs.push(tab)
  tab.use(tab, isOpen)
  tab.start(isOpen)
  await until(timers, () => tab.state.phase === 'ready')
  return tab
}

const texts = (tab) => tab.store.items.map((item) => item.text)

test('the tabs of a site share one event stream, and show the same conversation', async () => {
  const [one, two] = [await open(), await open()]
  await settled()
  assert.equal(server.events.length, 1)
  server.event({ type: 'owner', isPresent: true, name: 'Ada' }, 'E-1')
  server.event(message('a', 'owner', 'Hello', { type: 'message' }), 'E-2')
  await until(timers, () => texts(two).length === 2 && texts(one).length === 2)
  assert.ok(two.state.info.isOwnerPresent)
  two.send('Hi')
  await until(timers, () => server.replies.length === 1)
  server.event(message(server.posted()[0].id, 'visitor', 'Hi', { type: 'message' }), 'E-3')
  await until(timers, () => texts(one).at(-1) === 'Hi')
  assert.deepEqual(texts(one), texts(two))
})

test('when the tab that leads is closed, another goes on behind the last event', async () => {
  const [one, two] = [await open(), await open()]
  server.event(message('a', 'owner', 'Hello', { type: 'message' }), 'E-5')
  await until(timers, () => texts(two).length === 1)
  one.leave(one)
  await until(timers, () => server.events.length === 2)
  assert.equal(server.asked.findLast(({ call }) => call === 'GET /avatar/events').headers['last-event-id'], 'E-5')
  server.event(message('b', 'owner', 'Still there?', { type: 'message' }), 'E-6')
  await until(timers, () => texts(two).length === 2)
})

test('a tab that is opened later learns what is going on', async () => {
  await open()
  server.event({ type: 'typing', author: 'avatar', isTyping: true }, 'E-1')
  await settled()
  const two = await open()
  await until(timers, () => two.state.typing === 'avatar')
})

test('"Try again" in any tab reaches the one that has the events', async () => {
  const [one, two] = [await open(), await open()]
  server.before = () => {
    throw new TypeError('Failed to fetch')
  }
  server.cut(server.events)
  await until(timers, () => two.state.trouble === 'offline')
  await settled()
  server.before = () => undefined
  // No time passes, so that it is this that makes it try.
  two.tryAgain()
  await settled()
  assert.equal(server.events.length, 2)
  await until(timers, () => one.state.trouble === null && two.state.trouble === null)
})

test('a browser that refuses its locks to the page works without', async () => {
  navigator.locks.request = async () => {
    throw new DOMException('The request was denied', 'SecurityError')
  }
  const tab = await open()
  await until(timers, () => server.events.length === 1)
  tab.send('Hello')
  await until(timers, () => server.replies.length === 1)
})

test('a reply grows in every tab of the site, also in one that is opened in its midst', async () => {
  const [one, two] = [await open(), await open()]
  one.send('Hello')
  await until(timers, () => server.replies.length === 1)
  const [{ id }] = server.posted()
  const reply = `${id}.1`
  server.event(message(id, 'visitor', 'Hello', { type: 'message' }), 'E-1')
  server.event({ type: 'growing', id: reply, author: 'avatar', name: '', inReplyTo: id, text: 'One ' })
  await until(timers, () => texts(two).at(-1) === 'One ')
  server.messages = [message(id, 'visitor', 'Hello')]
  const three = await open()
  await until(timers, () => texts(three).at(-1) === 'One ')
  server.event({ type: 'piece', id: reply, from: 4, text: 'two' })
  for (const tab of [one, two, three]) await until(timers, () => texts(tab).at(-1) === 'One two')
  server.event(message(reply, 'avatar', 'One two', { type: 'message', inReplyTo: id }), 'E-2')
  for (const tab of [one, two, three]) {
    await until(timers, () => tab.store.items.at(-1).state === 'done')
    assert.deepEqual(texts(tab), ['Hello', 'One two'])
  }
})

test('where the event stream is silent, all tabs ask what was said, and nothing is in the way', async () => {
  const [one, two] = [await open(), await open()]
  server.before = () => {
    throw new TypeError('Failed to fetch')
  }
  server.cut(server.events)
  await until(timers, () => one.state.trouble === 'offline' && two.state.trouble === 'offline')
  server.messages = [message('o', 'owner', 'It is me')]
  server.before = (call, _, signal) => (call === 'GET /avatar/events' ? silence(signal) : undefined)
  for (const tab of [one, two]) {
    await until(timers, () => texts(tab).at(-1) === 'It is me')
    await until(timers, () => tab.state.trouble === null)
  }
})

test('a question that failed is asked again in the other tab, and its answer clears it in both', async () => {
  const [one, two] = [await open(), await open()]
  one.send('Hello')
  await until(timers, () => server.replies.length === 1)
  const [{ id }] = server.posted()
  server.event(message(id, 'visitor', 'Hello', { type: 'message' }), 'E-1')
  server.part({ type: 'error', errorText: 'busy' })
  server.part({ type: 'finish', finishReason: 'error' })
  server.end(server.replies)
  await settled()
  server.event({ type: 'notice', kind: 'busy', text: 'Busy.' }, 'E-2')
  const trouble = (tab) => tab.store.get(id)?.trouble
  await until(timers, () => trouble(one) === 'busy' && trouble(two) === 'busy')
  two.sendAgain(id)
  await until(timers, () => server.replies.length === 2)
  server.reply(id, 'Good day')
  server.event(message(`${id}.1`, 'avatar', 'Good day', { type: 'message', inReplyTo: id }), 'E-3')
  for (const tab of [one, two]) {
    await until(timers, () => texts(tab).at(-1) === 'Good day')
    assert.equal(trouble(tab), null)
  }
})

/** Another tab has storage of its own; what lies beside it is the browser's. */
function anotherTab() {
  globalThis.sessionStorage = new FakeStorage()
}

test("a tab whose browser another has signed in with is given nothing of the first one's", async () => {
  server.info = { ...server.info, visitor: 'one' }
  const one = await open()
  server.event({ type: 'growing', id: 'q.1', author: 'avatar', name: '', inReplyTo: 'q', text: 'For one' }, 'E-1')
  await until(timers, () => texts(one).at(-1) === 'For one')
  anotherTab()
  server.info = { ...server.info, visitor: 'two' }
  // That it is another visitor is not known before the server says so.
  let answer
  server.before = (call) => {
    if (call !== 'GET /avatar') return undefined
    return new Promise((resolve) => {
      answer = () => resolve(Response.json(server.info))
    })
  }
  const shown = []
  const two = await open({ isOpen: false })
  two.store.listen({ onChange: () => shown.push(...texts(two)) })
  server.event({ type: 'piece', id: 'q.1', from: 7, text: ' alone' })
  server.event(message('q.1', 'avatar', 'For one alone', { type: 'message' }), 'E-2')
  await until(timers, () => texts(one).at(-1) === 'For one alone' && answer !== undefined)
  assert.deepEqual(texts(two), [])
  server.before = () => undefined
  answer()
  await until(timers, () => localStorage.getItem(`${KEPT}:visitor`) === 'two')
  await settled()
  assert.deepEqual([texts(two), shown], [[], []])
})

test('a tab whose panel is closed counts what the tab that leads is told, and makes no visitor', async () => {
  server.info = { ...server.info, visitor: 'one' }
  await open()
  anotherTab()
  server.asked = []
  const two = await open({ isOpen: false })
  await settled()
  const [first, second] = server.asked.map(({ call }) => call)
  assert.deepEqual([first, second], ['GET /avatar/history', 'GET /avatar'])
  server.event(message('a', 'owner', 'Hello', { type: 'message' }), 'E-1')
  await until(timers, () => texts(two).at(-1) === 'Hello')
  assert.equal(server.count('GET /avatar'), 1)
})
