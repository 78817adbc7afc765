import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readReply } from '../lib/reply.js'

const PARTS = [
  { type: 'start', messageId: 'q.1' },
  { type: 'start-step' },
  { type: 'data-author', data: { author: 'avatar', name: 'Mira' } },
  { type: 'text-start', id: 'q.1' },
  { type: 'text-delta', id: 'q.1', delta: 'Hel' },
  { type: 'text-delta', id: 'q.1', delta: 'lo' },
  { type: 'text-end', id: 'q.1' },
  { type: 'source-url', sourceId: 'q.1/s1', url: 'https://a.example/', title: 'A' },
  { type: 'source-document', sourceId: 'q.1/s2', mediaType: 'text/plain', title: 'B' },
  { type: 'data-card', data: { template: 'StandardCard', params: { title: 'C' } } },
  { type: 'data-notice', data: { kind: 'cut', text: 'Cut.' } },
  { type: 'of-the-future', id: 7 },
  { type: 'finish-step' },
]
const READ = [
  { type: 'start', messageId: 'q.1' },
  { type: 'author', author: 'avatar', name: 'Mira' },
  { type: 'text-start', id: 'q.1' },
  { type: 'text-delta', id: 'q.1', delta: 'Hel' },
  { type: 'text-delta', id: 'q.1', delta: 'lo' },
  { type: 'text-end', id: 'q.1' },
  { type: 'source', messageId: 'q.1', source: { url: 'https://a.example/', title: 'A' } },
  { type: 'source', messageId: 'q.1', source: { url: null, title: 'B' } },
  { type: 'card', card: { template: 'StandardCard', params: { title: 'C' } } },
  { type: 'notice', kind: 'cut', text: 'Cut.' },
]

async function read(lines) {
  const bytes = new TextEncoder().encode(lines.map((line) => `data: ${line}\n\n`).join(''))
  const body = new ReadableStream({
    start(controller) {
      for (let start = 0; start < bytes.length; start += 5) controller.enqueue(bytes.slice(start, start + 5))
      controller.close()
    },
  })
  const parts = []
  const ending = await readReply(body, new AbortController().signal, (part) => parts.push(part))
  return { parts, ending }
}

test('a reply is read part by part, and what is not known is left out', async () => {
  const whole = [...PARTS.map((part) => JSON.stringify(part)), '{"type":"finish","finishReason":"stop"}', '[DONE]']
  assert.deepEqual(await read(whole), { parts: READ, ending: 'whole' })
})

test('a reply whose connection ended in its middle is cut', async () => {
  const { ending, parts } = await read(PARTS.slice(0, 5).map((part) => JSON.stringify(part)))
  assert.equal(ending, 'cut')
  assert.equal(parts.length, 4)
})

test('what is not JSON, and what has other types than the wire gives, does no harm', async () => {
  const { parts } = await read([
    '{"type":',
    'null',
    '[1]',
    '{"type":"text-delta","id":3,"delta":{"a":1}}',
    '{"type":"data-author","data":{"author":"system","name":"x"}}',
    '{"type":"data-card","data":null}',
    '{"type":"error","errorText":5}',
  ])
  assert.deepEqual(parts, [
    { type: 'text-delta', id: '', delta: '' },
    { type: 'error', kind: '' },
  ])
})
