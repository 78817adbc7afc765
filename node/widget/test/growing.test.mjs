// A reply that grows by two streams: that of its question, and the events, which all tabs and devices have.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { message, page, ready, server, session, timers, until, withPage } from './support.mjs'

withPage()

const shown = () => session.store.items.map((item) => (item.kind === 'line' ? item.what : `${item.text} ${item.state}`))

const GROWING = { type: 'growing', id: 'q.1', author: 'avatar', name: 'Mira', inReplyTo: 'q' }

test('a reply that another tab or device asked for grows here by the events, each piece once', async () => {
  await ready()
  server.event(message('q', 'visitor', 'Hello', { type: 'message' }), 'E-1')
  server.event({ ...GROWING, text: 'One ' })
  await until(timers, () => shown()[1] === 'One  streaming')
  server.event({ type: 'piece', id: 'q.1', from: 4, text: 'two ' })
  await until(timers, () => shown()[1] === 'One two  streaming')
  // The stream was opened again, and tells how it is now.
  server.end(server.events)
  await until(timers, () => server.events.length === 2)
  server.event({ ...GROWING, text: 'One two three ' })
  await until(timers, () => shown()[1] === 'One two three  streaming')
  server.event(message('q.1', 'avatar', 'One two three four', { type: 'message', inReplyTo: 'q' }), 'E-2')
  await until(timers, () => shown()[1] === 'One two three four done')
  assert.equal(shown().length, 2)
})

test('the tab that asked is told by two streams, and shows each piece once', async () => {
  await ready()
  session.send('Hello')
  await until(timers, () => server.replies.length === 1)
  const [{ id }] = server.posted()
  const reply = `${id}.1`
  server.event({ ...GROWING, id: reply, inReplyTo: id, text: 'One ' })
  server.part({ type: 'text-start', id: reply })
  server.part({ type: 'text-delta', id: reply, delta: 'One ' })
  server.part({ type: 'text-delta', id: reply, delta: 'two ' })
  server.event({ type: 'piece', id: reply, from: 4, text: 'two ' })
  server.event({ type: 'piece', id: reply, from: 8, text: 'three' })
  await until(timers, () => shown()[1] === 'One two three streaming')
  // The connection of the answer breaks, and it comes from its beginning.
  server.cut(server.replies)
  await until(timers, () => server.replies.length === 2)
  server.reply(id, 'One two three')
  await until(timers, () => shown()[1] === 'One two three done')
  assert.equal(shown().length, 2)
})

test('after a reload in mid-reply the reply is there as far as it has come, by the events too', async () => {
  server.messages = [message('q', 'visitor', 'Hello')]
  await ready()
  server.event({ ...GROWING, text: 'One two ' })
  await until(timers, () => shown()[1] === 'One two  streaming')
})

test('a reply of another tab that fails grows no more, and its question says why', async () => {
  await ready()
  server.event(message('q', 'visitor', 'Hello', { type: 'message' }))
  server.event({ ...GROWING, text: 'One ' })
  await until(timers, () => shown()[1] === 'One  streaming')
  server.event({ type: 'notice', kind: 'unavailable', text: 'Not now.' })
  await until(timers, () => shown()[1] === 'One  cut')
  assert.equal(session.store.items[0].trouble, 'unavailable')
})

test('a reply whose server has begun anew grows no more until it is told of again', async () => {
  await ready()
  server.messages = [message('q', 'visitor', 'Hello')]
  server.event(message('q', 'visitor', 'Hello', { type: 'message' }))
  server.event({ ...GROWING, text: 'One ' })
  await until(timers, () => shown()[1] === 'One  streaming')
  server.event({ type: 'reset' })
  await until(timers, () => shown()[1] === 'One  cut')
  server.event({ ...GROWING, text: 'Other words' })
  await until(timers, () => shown()[1] === 'Other words streaming')
})

test('a reply of another tab that breaks off is cut here too, while an own question waits', async () => {
  await ready()
  server.event(message('q', 'visitor', 'Hello', { type: 'message' }))
  server.event({ ...GROWING, text: 'One ' })
  await until(timers, () => shown()[1] === 'One  streaming')
  session.send('And mine')
  await until(timers, () => server.replies.length === 1)
  const [{ id }] = server.posted()
  server.part({ type: 'text-start', id: `${id}.1` })
  server.part({ type: 'text-delta', id: `${id}.1`, delta: 'Yes' })
  await until(timers, () => shown().includes('Yes streaming'))
  server.event({ type: 'notice', kind: 'unavailable', text: 'Not now.' })
  await until(timers, () => shown().includes('One  cut'))
  assert.ok(shown().includes('Yes streaming'))
})

test("a reply that the avatar began with white space and the owner says is the owner's, in both streams", async () => {
  await ready()
  session.send('Hello')
  await until(timers, () => server.replies.length === 1)
  const [{ id }] = server.posted()
  const by = (author, name) => server.part({ type: 'data-author', data: { author, name } })
  by('avatar', 'Mira')
  server.part({ type: 'text-start', id: `${id}.1` })
  server.part({ type: 'text-delta', id: `${id}.1`, delta: '  ' })
  by('owner', 'Ada')
  server.part({ type: 'text-delta', id: `${id}.1`, delta: 'It is' })
  const last = () => session.store.items.at(-1)
  await until(timers, () => last().text.includes('It is'))
  assert.deepEqual([last().author, last().name, last().text], ['owner', 'Ada', 'It is'])
  server.event({ ...GROWING, id: `${id}.1`, author: 'owner', name: 'Ada', inReplyTo: id, text: 'It is' })
  server.event({ type: 'piece', id: `${id}.1`, from: 5, text: ' me' })
  server.part({ type: 'text-delta', id: `${id}.1`, delta: ' me' })
  await until(timers, () => last().text === 'It is me')
  assert.deepEqual([last().author, last().state, shown().length], ['owner', 'streaming', 2])
})

test('a reply that grew by events when the page was put aside does not grow on by itself', async () => {
  await ready()
  server.messages = [message('q', 'visitor', 'Hello')]
  server.event(message('q', 'visitor', 'Hello', { type: 'message' }))
  server.event({ ...GROWING, text: 'One ' })
  await until(timers, () => shown()[1] === 'One  streaming')
  page.tell('pagehide', { persisted: true })
  assert.equal(shown()[1], 'One  cut')
  page.tell('pageshow', { persisted: true })
  await until(timers, () => server.events.length === 2)
  server.event({ ...GROWING, text: 'One two' })
  await until(timers, () => shown()[1] === 'One two streaming')
})
