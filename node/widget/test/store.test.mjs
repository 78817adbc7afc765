import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { Store } from '../lib/store.js'
import { message } from './support.mjs'

let store
let said

beforeEach(() => {
  store = new Store()
  said = []
  store.listen({ onSaid: ({ id, text }) => said.push([id, text]) })
})

const shown = () => store.items.map((item) => (item.kind === 'line' ? item.what : `${item.id} ${item.state}`))

test('a message that comes by stream and by event is shown once, and told once', () => {
  store.queue('q', 'Hello', 1)
  store.stand('q', 'done')
  store.begin('q.1', 'avatar', 'Mira', 'q')
  store.grow('q.1', 0, 'Hi ')
  store.grow('q.1', 3, 'you')
  store.end('q.1')
  store.whole(message('q', 'visitor', 'Hello'))
  store.whole(message('q.1', 'avatar', 'Hi you', { inReplyTo: 'q', sources: [{ url: null, title: 'S' }] }))
  assert.deepEqual(shown(), ['q done', 'q.1 done'])
  assert.deepEqual(said, [['q.1', 'Hi you']])
  assert.equal(store.get('q.1').sources.length, 1)
})

test('an event that overtakes the stream is the message, and what the stream still says changes nothing', () => {
  store.begin('q.1', 'avatar', '', 'q')
  store.grow('q.1', 0, 'Hi')
  store.whole(message('q.1', 'avatar', 'Hi you'))
  store.grow('q.1', 2, ' you')
  store.end('q.1')
  store.begin('q.1', 'avatar', '', 'q')
  assert.equal(store.get('q.1').text, 'Hi you')
  assert.deepEqual(said, [['q.1', 'Hi you']])
})

test('a reply that is taken up again begins anew in its place', () => {
  store.whole(message('q', 'visitor', 'Hello'))
  store.begin('q.1', 'avatar', '', 'q')
  store.grow('q.1', 0, 'Hi')
  store.cut((question) => question === 'q')
  assert.equal(store.get('q.1').state, 'cut')
  store.begin('q.1', 'avatar', '', 'q')
  store.grow('q.1', 0, 'Hi you')
  store.end('q.1')
  assert.deepEqual(shown(), ['q done', 'q.1 done'])
  assert.equal(store.get('q.1').text, 'Hi you')
})

test('what waits to be sent stands last, and in its place once it is sent', () => {
  store.queue('w1', 'one', 1)
  store.queue('w2', 'two', 2)
  store.whole(message('o', 'owner', 'I am here'))
  assert.deepEqual(shown(), ['o done', 'w1 waiting', 'w2 waiting'])
  store.stand('w1', 'sending')
  store.stand('w1', 'done')
  store.whole(message('p', 'owner', 'Yes?'))
  assert.deepEqual(shown(), ['o done', 'w1 done', 'p done', 'w2 waiting'])
})

test('the newest page keeps what came since, what is on its way and the lines in between', () => {
  store.whole(message('old', 'visitor', 'of a gap', { at: 5 }))
  store.addLine('joined', 'Ada')
  store.items.at(-1).at = 150
  store.queue('w', 'waits', 300)
  store.begin('x.1', 'avatar', '', 'x')
  store.whole(message('since', 'owner', 'after the page', { at: 250 }))
  const page = [message('a', 'visitor', 'a', { at: 100 }), message('b', 'avatar', 'b', { at: 200 })]
  store.newest(page, 'cursor')
  assert.deepEqual(shown(), ['a done', 'joined', 'b done', 'x.1 streaming', 'since done', 'w waiting'])
  assert.equal(store.before, 'cursor')
  assert.equal(store.get('old'), undefined)
})

test('earlier pages come before, without what is known', () => {
  store.newest([message('c', 'avatar', 'c', { at: 3 })], 'c1')
  store.older([message('b', 'visitor', 'b', { at: 2 }), message('c', 'avatar', 'c', { at: 3 })], null)
  assert.deepEqual(shown(), ['b done', 'c done'])
  assert.equal(store.before, null)
})

test('only what grows is told while it grows', () => {
  let changes = 0
  let growths = 0
  store.listen({ onChange: () => (changes += 1), onGrow: () => (growths += 1) })
  store.begin('q.1', 'avatar', '', 'q')
  store.grow('q.1', 0, 'a')
  const before = changes
  for (let count = 1; count <= 100; count += 1) store.grow('q.1', count, 'b')
  assert.equal(changes, before)
  assert.ok(growths >= 100)
})

test('a source or a card that is told twice is shown once', () => {
  store.whole(message('q.1', 'avatar', 'x'))
  for (let count = 0; count < 2; count += 1) {
    store.addSource('q.1', { url: 'https://a.example/', title: 'A' })
    store.addCard('q.1', { template: 'T', params: { a: 1 } })
  }
  assert.equal(store.get('q.1').sources.length, 1)
  assert.equal(store.get('q.1').cards.length, 1)
})

test('what two streams tell of the same reply is said once, however they overtake each other', () => {
  let growths = 0
  store.listen({ onGrow: () => (growths += 1) })
  const text = () => store.get('q.1').text
  store.begin('q.1', 'avatar', 'Mira', 'q')
  store.grow('q.1', 0, 'One ')
  store.growing(message('q.1', 'avatar', 'One ', { inReplyTo: 'q' }))
  store.grow('q.1', 4, 'two ')
  store.grow('q.1', 4, 'two ')
  assert.deepEqual([text(), growths], ['One two ', 2])
  // One stream is ahead, and tells more at once.
  store.grow('q.1', 4, 'two three ')
  assert.equal(text(), 'One two three ')
  store.growing(message('q.1', 'avatar', 'One two three four ', { inReplyTo: 'q' }))
  store.begin('q.1', 'avatar', 'Mira', 'q')
  store.grow('q.1', 0, 'One two ')
  store.grow('q.1', 8, 'three ')
  assert.equal(text(), 'One two three four ')
  // What lies between is not known.
  store.grow('q.1', 100, 'lost')
  assert.equal(text(), 'One two three four ')
  store.whole(message('q.1', 'avatar', 'One two three four five'))
  store.grow('q.1', 19, 'five')
  assert.deepEqual([text(), shown(), said.length], ['One two three four five', ['q.1 done'], 1])
})

test('a reply that is asked for again with other words takes the place of the one before', () => {
  store.begin('q.1', 'avatar', '', 'q')
  store.grow('q.1', 0, 'One way')
  store.cut(() => true)
  assert.deepEqual(shown(), ['q.1 cut'])
  store.growing(message('q.1', 'avatar', 'Another', { inReplyTo: 'q' }))
  store.grow('q.1', 7, ' way')
  assert.deepEqual([store.get('q.1').text, shown()], ['Another way', ['q.1 streaming']])
})

test('a reply that one stream has given up grows on by the other', () => {
  store.begin('q.1', 'avatar', '', 'q')
  store.grow('q.1', 0, 'One ')
  store.cut((question) => question === 'q')
  store.grow('q.1', 4, 'two')
  assert.deepEqual([store.get('q.1').text, shown()], ['One two', ['q.1 streaming']])
})

test('the first word of a reply shows it, also where its beginning came before', () => {
  let changes = 0
  store.begin('q.1', 'avatar', '', 'q')
  store.listen({ onChange: () => (changes += 1) })
  store.grow('q.1', 0, ' ')
  store.grow('q.1', 1, 'One')
  assert.ok(changes >= 1)
})

test('what is on its way is kept where the clock of the visitor is slow', () => {
  const slow = { at: 1000 }
  store.queue('w', 'waits', slow.at)
  store.growing(message('x.1', 'avatar', 'It grows', { ...slow, inReplyTo: 'x' }))
  store.growing(message('y.1', 'avatar', 'It broke off', { ...slow, inReplyTo: 'y' }))
  store.cut((question) => question === 'y')
  store.newest([message('a', 'visitor', 'a', { at: 900_000 })], null)
  assert.deepEqual(shown(), ['a done', 'x.1 streaming', 'w waiting'])
})

test('what another says behind white space takes its place', () => {
  store.begin('q.1', 'avatar', 'Mira', 'q')
  store.grow('q.1', 0, ' ')
  store.growing(message('q.1', 'owner', '', { name: 'Ada', inReplyTo: 'q' }))
  store.grow('q.1', 0, 'It is me')
  const { author, name, text } = store.get('q.1')
  assert.deepEqual([author, name, text], ['owner', 'Ada', 'It is me'])
})
