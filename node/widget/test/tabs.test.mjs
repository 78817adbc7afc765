import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { Session } from '../lib/session.js'
import { message, SERVER, server, settled, timers, until, withPage } from './support.mjs'

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

async function open() {
  const tab = new Session(SERVER)
  tabs.push(tab)
  tab.use(tab, true)
  tab.start(true)
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
