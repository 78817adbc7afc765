// How a text that grows is shown on a platform, in the time of the test.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { DraftExpired, RetryLater, Undeliverable } from 'secondme-avatar/bridge'

import { cut } from '../lib/bridge/cut.js'
import { Pacer } from '../lib/bridge/pacer.js'
import { Telling } from '../lib/bridge/telling.js'
import { messages, Platform, TestClock } from './bridge/platform.mjs'

const LIMITS = { maxChars: 100, updateIntervalMs: 1000 }

function stage(limits = {}, { subject = {}, platform = {} } = {}) {
  const clock = new TestClock()
  const stop = new AbortController()
  const shown = new Platform(clock, { ...LIMITS, ...limits }, platform)
  const pacer = new Pacer(clock, limits.callsPerSecond, 600_000, stop.signal)
  const saved = []
  const telling = (more = {}) =>
    new Telling(shown, pacer, clock, {
      address: 'a',
      author: 'avatar',
      key: 'k',
      isKnown: () => false,
      shows: () => {},
      save: async (parts) => void saved.push(structuredClone(parts)),
      ...subject,
      ...more,
    })
  return { clock, shown, telling, saved, stop }
}

test('a text is cut at a paragraph, a line, a sentence, a word, and never within a character', () => {
  const limits = { maxChars: 20, updateIntervalMs: 0 }
  const cutAt = (text) => messages(text, limits)
  assert.deepEqual(cutAt('0123456789 1\n\n34567890'), ['0123456789 1\n\n', '34567890'])
  assert.deepEqual(cutAt('0123456789. 1\n34567890'), ['0123456789. 1\n', '34567890'])
  assert.deepEqual(cutAt('0123456789. 12 34567890'), ['0123456789. ', '12 34567890'])
  assert.deepEqual(cutAt('一二三四五六七八九十。一二三四五六七八九十一二'), [
    '一二三四五六七八九十。',
    '一二三四五六七八九十一二',
  ])
  assert.deepEqual(cutAt('0123456789 1234567890'), ['0123456789 ', '1234567890'])
  assert.deepEqual(cutAt('0123456789012345678😀😀'), ['0123456789012345678', '😀😀'])
  assert.deepEqual(cutAt('012345678901234567👨‍👩‍👧x'), ['012345678901234567', '👨‍👩‍👧x'])
  // A character that is longer than a message stays whole.
  assert.deepEqual(messages('👨‍👩‍👧👨‍👩‍👧', { maxChars: 8, updateIntervalMs: 0 }), ['👨‍👩‍👧', '👨‍👩‍👧'])
  assert.deepEqual(messages('好好好', { maxBytes: 7, updateIntervalMs: 0 }), ['好好', '好'])
  assert.equal(cut('0123456789 0123456789', limits, 15), 20)
})

test('a text that is whole at once is one post, and a long one several, which joined are the text', async () => {
  const { shown, telling } = stage()
  await telling().end('hello 好好 book, 100 yuan')
  assert.deepEqual(shown.texts('a'), ['hello 好好 book, 100 yuan'])
  const long = Array.from({ length: 60 }, (_, at) => `word${at}`).join(' ')
  await telling().end(long)
  assert.equal(shown.texts('a').slice(1).join(''), long)
  assert.ok(shown.texts('a').every((text) => text.length <= 100))
})

test('updates keep to the interval, and the end is shown at once', async () => {
  const { clock, shown, telling } = stage()
  const answer = telling()
  answer.grow('one')
  await clock.settle()
  for (const text of ['one two', 'one two three', 'one two three four']) {
    answer.grow(text)
    await clock.settle()
  }
  assert.deepEqual(shown.calls, ['open one'])
  await clock.advance(999)
  assert.deepEqual(shown.calls, ['open one'])
  await clock.advance(1)
  assert.deepEqual(shown.calls, ['open one', 'update one two three four'])
  await answer.end('one two three four five')
  assert.deepEqual(shown.calls, ['open one', 'update one two three four', 'finish one two three four five'])
})

test('much new text is sent before the interval is over, and no more than so many updates', async () => {
  const { clock, shown, telling } = stage({ minUpdateChars: 5, maxUpdates: 2 })
  const answer = telling()
  let text = ''
  for (const piece of ['first', ' 2345', ' 3', '456', ' more than is needed']) {
    answer.grow((text += piece))
    await clock.settle()
  }
  assert.deepEqual(shown.calls, ['open first', 'update first 2345', 'update first 2345 3456'])
  await clock.advance(10_000)
  assert.equal(shown.calls.length, 3)
  await answer.end(text)
  assert.deepEqual(shown.texts('a'), [text])
})

test('a text beyond the limit goes on in another message while it grows', async () => {
  const { clock, shown, telling, saved } = stage()
  const answer = telling()
  const long = Array.from({ length: 50 }, (_, at) => `word${at}`).join(' ')
  for (let end = 7; end < long.length; end += 7) {
    answer.grow(long.slice(0, end))
    await clock.advance(500)
  }
  await answer.end(long)
  assert.equal(shown.texts('a').join(''), long)
  assert.ok(shown.texts('a').length > 3)
  assert.ok(shown.texts('a').every((text) => text.length <= 100))
  assert.ok(shown.isFinished('a'))
  assert.deepEqual(Object.keys(saved.at(-1).at(-1)), ['handle', 'from'], 'the last message is kept as one that grows')
})

test('an answer of six minutes and 30,000 characters arrives whole where a message may grow for four', async () => {
  const limits = { maxChars: 11_000, updateIntervalMs: 1000, minUpdateChars: 256, maxAgeMs: 240_000 }
  const { clock, shown, telling } = stage(limits, { platform: { expiresMs: 300_000 } })
  const answer = telling()
  let text = ''
  for (let second = 0; second < 360; second++) {
    answer.grow((text += `${`${second} says hello 好好 100 `.repeat(4).padEnd(83, '.')}\n`))
    await clock.advance(1000)
  }
  assert.ok(text.length >= 30_000)
  await answer.end(text)
  assert.equal(shown.texts('a').join(''), text)
  assert.equal(shown.calls.filter((call) => call.startsWith('reopen')).length, 0)
  assert.ok(shown.texts('a').every((one) => one.length <= 11_000))
})

test('a message that has expired is finished by the other way, and the next one begins', async () => {
  const { clock, shown, telling } = stage({}, { platform: { expiresMs: 5000 } })
  const answer = telling()
  answer.grow('one')
  await clock.settle()
  await clock.advance(6000)
  answer.grow('one two')
  await clock.settle()
  await answer.end('one two three')
  assert.equal(shown.texts('a').join(''), 'one two three')
  assert.deepEqual(shown.calls, ['open one', 'update one two', 'reopen 1', 'finish one two', 'post  three'])
})

test('where an expired message cannot be opened again, the rest is a message of its own', async () => {
  const { clock, shown, telling } = stage({}, { platform: { expiresMs: 5000, reopens: false } })
  const answer = telling()
  answer.grow('one')
  await clock.settle()
  await clock.advance(6000)
  await answer.end('one two three')
  assert.deepEqual(shown.texts('a'), ['one', ' two three'])
})

test('a platform that wants no call is left alone for as long as it says, and then shown the newest text', async () => {
  const { clock, shown, telling } = stage()
  const answer = telling()
  answer.grow('one')
  await clock.settle()
  shown.fail('update', new RetryLater(5000))
  answer.grow('one two')
  await clock.advance(1000)
  answer.grow('one two three')
  await clock.advance(4999)
  assert.deepEqual(shown.calls, ['open one', 'update one two'])
  await clock.advance(1)
  assert.deepEqual(shown.calls.at(-1), 'update one two three')
  shown.fail('finish', new RetryLater(3000), new RetryLater(2000))
  const ended = answer.end('one two three four')
  await clock.advance(3000)
  await clock.advance(1999)
  assert.deepEqual(shown.texts('a'), ['one two three'])
  await clock.advance(1)
  await ended
  assert.deepEqual(shown.texts('a'), ['one two three four'])
})

test('a platform that never takes the end is not asked for ever', async () => {
  const { clock, shown, telling } = stage()
  const answer = telling()
  answer.grow('one')
  await clock.settle()
  shown.fail('finish', ...Array.from({ length: 50 }, () => new RetryLater(60_000)))
  const ended = assert.rejects(answer.end('one two'), RetryLater)
  await clock.advance(620_000)
  await ended
  assert.equal(shown.calls.filter((call) => call.startsWith('finish')).length, 11)
})

test('calls of the whole program are spaced, and wait together', async () => {
  const { clock, shown, telling } = stage({ callsPerSecond: 10 })
  shown.fail('post', new RetryLater(2000))
  const all = Promise.all(
    Array.from({ length: 10 }, (_, at) => telling({ address: `a${at}`, key: `k${at}` }).end('hi')),
  )
  await clock.advance(0)
  assert.equal(shown.calls.length, 1)
  await clock.advance(1999)
  const early = shown.calls.length
  assert.ok(early <= 10, `${early} calls, which had their turns before`)
  await clock.advance(3000)
  await all
  assert.equal(shown.addresses().length, 10)
  for (let at = 1; at < shown.times.length; at++) assert.ok(shown.times[at] - shown.times[at - 1] >= 99)
})

test('what fails is tried again, and after half a minute of failures the rest is posted', async () => {
  const { clock, shown, telling } = stage()
  shown.fail('open', new Error('503'), new Error('503'))
  const answer = telling()
  answer.grow('one')
  await clock.advance(1000)
  await clock.advance(2000)
  assert.deepEqual(shown.texts('a'), ['one'])
  shown.fail('finish', ...Array.from({ length: 6 }, () => new Error('503')))
  const ended = answer.end('one two')
  for (const ms of [1000, 2000, 4000, 8000, 16_000, 30_000]) await clock.advance(ms)
  await ended
  assert.deepEqual(shown.texts('a'), ['one', ' two'])
})

test('a post that may have been carried out before is told to the platform, under the same key', async () => {
  const { clock, shown, telling } = stage()
  shown.recent = undefined
  shown.fail('post', new RetryLater(1000), new Error('ECONNRESET'))
  const ended = telling().end('one')
  for (const ms of [1000, 1000]) await clock.advance(ms)
  await ended
  const [refused, lost, again] = shown.details
  assert.deepEqual([refused.isRepeated, lost.isRepeated, again.isRepeated], [false, false, true])
  assert.equal(new Set(shown.details.map(({ key }) => key)).size, 1)
  // The process that goes on after a kill does not know.
  await telling({ parts: [], unsureSinceMs: clock.now() }).end('one')
  assert.deepEqual(shown.details.at(-1), again)
})

test('a post whose fate is unknown is looked for before it is made again', async () => {
  const { clock, shown, telling } = stage()
  shown.cutAfter('post')
  const ended = telling().end('**Hello** there')
  await clock.advance(1000)
  await ended
  assert.deepEqual(shown.texts('a'), ['**Hello** there'])
})

test('what can never be shown is not tried again', async () => {
  const { shown, telling } = stage()
  shown.fail('post', new Undeliverable('the bot was removed'))
  await assert.rejects(telling().end('hello'), Undeliverable)
  assert.equal(shown.calls.length, 1)
})

test('a telling that an earlier process began is finished in the same message', async () => {
  const { clock, shown, telling, saved, stop } = stage()
  const first = telling()
  const long = Array.from({ length: 30 }, (_, at) => `word${at}`).join(' ')
  for (const end of [20, 60, 110, 130]) {
    first.grow(long.slice(0, end))
    await clock.advance(1000)
  }
  stop.abort(new Error('killed'))
  await assert.rejects(first.end(long), /killed/)
  const again = new Telling(shown, new Pacer(clock, undefined, 1000, new AbortController().signal), clock, {
    address: 'a',
    author: 'avatar',
    key: 'k',
    parts: saved.at(-1),
    unsureSinceMs: 0,
    isKnown: () => false,
    shows: () => {},
    save: async () => {},
  })
  await again.end(long)
  assert.equal(shown.texts('a').join(''), long)
  assert.ok(shown.isFinished('a'))
})

test('a message that was shown before the process could keep its id is found', async () => {
  const { shown, telling } = stage()
  shown.show('a', 'an earlier answer')
  shown.show('a', 'Hello')
  await telling({ parts: [], unsureSinceMs: 0 }).end('Hello there')
  assert.deepEqual(shown.texts('a'), ['an earlier answer', 'Hello there'])
})

test('an expired draft is an error of its own', () => {
  assert.equal(new DraftExpired().name, 'DraftExpired')
  assert.equal(new RetryLater(5).retryAfterMs, 5)
})
