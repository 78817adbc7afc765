// The calls themselves: what they leave behind.

import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { Api, Failure } from '../lib/api.js'
import { readEvents } from '../lib/sse.js'
import { FakeServer, refused, SERVER, silence } from './support.mjs'

let server
let stop
let api

beforeEach(() => {
  server = new FakeServer()
  stop = new AbortController()
  api = new Api(SERVER)
  mock.method(globalThis, 'fetch', server.fetch)
})
afterEach(() => mock.restoreAll())

const listeners = () => getEventListeners(stop.signal, 'abort').length

test('a call that is over leaves no listener on a signal that lives on', async () => {
  const { signal } = stop
  await api.info(signal)
  await api.history(null, signal)
  assert.equal(await api.resume(signal), undefined)
  server.before = () => refused(429)
  await assert.rejects(api.history(null, signal), Failure)
  server.before = () => new Response('a page of a proxy')
  await assert.rejects(api.info(signal), Failure)
  server.before = () => {
    throw new TypeError('Failed to fetch')
  }
  await assert.rejects(api.info(signal), Failure)
  server.before = () => undefined
  const reading = readEvents(await api.send('m', 'Hello', signal), signal, { onEvent() {} })
  server.reply('m', 'Good day')
  await reading
  assert.equal(listeners(), 0)
})

test('a signal that was aborted asks nothing, and one that is aborted ends what is asked', async () => {
  server.before = (_, __, signal) => silence(signal)
  const asking = api.info(stop.signal)
  stop.abort()
  await assert.rejects(asking, { name: 'AbortError' })
  await assert.rejects(api.info(stop.signal), { name: 'AbortError' })
  assert.equal(server.asked.length, 1)
  assert.equal(listeners(), 0)
})

test('a stream is not read whose reader was told to stop before it began', async () => {
  const body = await api.events('', stop.signal)
  stop.abort()
  await readEvents(body, stop.signal, { onEvent: assert.fail })
  assert.equal(server.events.length, 1)
})
