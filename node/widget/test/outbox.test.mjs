import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { Outbox } from '../lib/outbox.js'
import { FakeStorage } from './support.mjs'

beforeEach(() => {
  globalThis.localStorage = new FakeStorage()
})

test('messages wait in their order, and are there for the next page', () => {
  const outbox = new Outbox('site')
  for (const id of ['a', 'b', 'c']) assert.ok(outbox.add({ id, text: `text ${id}`, at: 1 }))
  outbox.remove('a')
  const next = new Outbox('site')
  assert.deepEqual(
    next.all.map(({ id, text }) => [id, text]),
    [
      ['b', 'text b'],
      ['c', 'text c'],
    ],
  )
  assert.equal(next.next.id, 'b')
  assert.equal(new Outbox('other').next, undefined)
})

test('a message that was refused holds up no other, and is sent again only when it is added again', () => {
  const outbox = new Outbox('site')
  outbox.add({ id: 'a', text: 'a', at: 1 })
  outbox.add({ id: 'b', text: 'b', at: 2 })
  outbox.refuse('a', 'too_large')
  assert.equal(outbox.next.id, 'b')
  outbox.remove('b')
  assert.equal(outbox.next, undefined)
  outbox.add({ id: 'a', text: 'a', at: 1 })
  assert.equal(outbox.next.id, 'a')
  assert.equal(outbox.all.length, 1)
})

test('it is bounded by number and by size, and says so', () => {
  const many = new Outbox('many')
  for (let count = 0; count < 50; count += 1) assert.ok(many.add({ id: `${count}`, text: 'x', at: 1 }))
  assert.equal(many.add({ id: 'one more', text: 'x', at: 1 }), false)
  const large = new Outbox('large')
  for (let count = 0; count < 20; count += 1) assert.ok(large.add({ id: `${count}`, text: 'x'.repeat(10_000), at: 1 }))
  assert.equal(large.add({ id: 'one more', text: 'x', at: 1 }), false)
  large.remove('0')
  assert.ok(large.add({ id: 'one more', text: 'x', at: 1 }))
})

test('where the browser keeps nothing, messages wait in memory', () => {
  localStorage.isFull = true
  const outbox = new Outbox('site')
  assert.ok(outbox.add({ id: 'a', text: 'a', at: 1 }))
  assert.ok(outbox.add({ id: 'b', text: 'b', at: 2 }))
  outbox.remove('a')
  assert.equal(outbox.next.id, 'b')
})

test('what another program wrote under its name does no harm', () => {
  for (const value of ['{', 'null', '7', '[1, null, {"id": 3}, {"id": "a", "text": ""}]']) {
    localStorage.setItem('site:outbox', value)
    assert.deepEqual(new Outbox('site').all, [])
  }
})
