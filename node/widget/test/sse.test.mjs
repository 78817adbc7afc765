import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventParser, readEvents } from '../lib/sse.js'

const STREAM =
  '\uFEFF: welcome\r\nretry: 2000\r\n\r\nid: E-1\ndata: {"a":1}\n\ndata: two\ndata: lines\n\nevent: x\rid: E-2\rdata:tight\r\r: keep-alive\n\ndata\n\nid: E-3\ndata: 好 – 👋\n\n'
const EVENTS = [
  { data: '{"a":1}', id: 'E-1' },
  { data: 'two\nlines', id: 'E-1' },
  { data: 'tight', id: 'E-2' },
  { data: '', id: 'E-2' },
  { data: '好 – 👋', id: 'E-3' },
]

function parsed(chunks) {
  const events = []
  let retryMs
  const parser = new EventParser({
    onEvent: (event) => events.push(event),
    onRetry: (ms) => {
      retryMs = ms
    },
  })
  for (const chunk of chunks) parser.push(chunk)
  return { events, retryMs }
}

function streamOf(chunks) {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
}

test('an event stream says the same wherever its chunks are cut', () => {
  assert.deepEqual(parsed([STREAM]), { events: EVENTS, retryMs: 2000 })
  assert.deepEqual(parsed([...STREAM]).events, EVENTS)
  for (let cut = 0; cut <= STREAM.length; cut += 1)
    assert.deepEqual(parsed([STREAM.slice(0, cut), STREAM.slice(cut)]).events, EVENTS, `cut at ${cut}`)
})

test('a character whose bytes come in two chunks is whole', async () => {
  const bytes = new TextEncoder().encode(STREAM)
  for (const size of [1, 2, 3, 7]) {
    const chunks = []
    for (let start = 0; start < bytes.length; start += size) chunks.push(bytes.slice(start, start + size))
    const events = []
    await readEvents(streamOf(chunks), new AbortController().signal, { onEvent: (event) => events.push(event) })
    assert.deepEqual(events, EVENTS)
  }
})

test('an event that is not whole when the stream ends is not told', () => {
  assert.deepEqual(parsed(['data: half']).events, [])
  assert.deepEqual(parsed(['data: half\n']).events, [])
})

test('an id that holds a NUL and a retry that is no number are left out', () => {
  assert.deepEqual(parsed(['retry: soon\nid: a\0b\ndata: x\n\n']), {
    events: [{ data: 'x', id: '' }],
    retryMs: undefined,
  })
})

test('a stream without ends of lines is given up', () => {
  assert.throws(() => parsed(['x'.repeat(5_000_000)]), /line without an end/)
})

test('reading ends when it is stopped, and lets the connection go', async () => {
  let isCancelled = false
  const body = new ReadableStream({
    cancel() {
      isCancelled = true
    },
  })
  const stop = new AbortController()
  const reading = readEvents(body, stop.signal, { onEvent() {} })
  stop.abort()
  await reading
  assert.ok(isCancelled)
})
