import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createFeishuAdapter } from '../lib/index.js'
import { bot, configOf, deferred, isDone, loggerOf, pause, pieces, platform, shown, TEXT } from './support.mjs'

test('a streamed answer is on the card byte by byte, in whatever pieces it comes', async (t) => {
  const fake = await platform(t)
  const sizes = { one: 1, two: 2, seven: 7 }
  await bot(t, fake, (thread, message) =>
    thread.post(pieces(TEXT.repeat(20), sizes[message.text], () => pause(3 * sizes[message.text]))),
  )
  for (const text of Object.keys(sizes)) await fake.control('say', { user: text, text })
  const answers = await shown(fake, isDone(3))
  assert.deepEqual(
    answers.map(({ text }) => text),
    Array(3).fill(TEXT.repeat(20)),
  )
  for (const { edits } of answers) assert.ok(edits.length > 0, 'it was shown while it came')
})

test('a whole answer, an edit, and an edit after a restart', async (t) => {
  const fake = await platform(t)
  const posted = deferred()
  const card = { title: 'Ada', template: 'orange', footer: 'AI avatar of Ada' }
  const { adapter: feishu } = await bot(t, fake, async (thread) => posted.resolve(await thread.post(TEXT)), { card })
  await fake.control('say', { user: 'Ada', text: 'hello' })
  const sent = await posted.promise
  await sent.edit({ markdown: `${TEXT}!` })
  const next = createFeishuAdapter({ ...configOf(fake), card })
  await next.editMessage(sent.threadId, sent.id, { markdown: `**${TEXT}**` })
  const [answer] = await shown(fake, isDone(1))
  assert.deepEqual([answer.text, answer.author, answer.footer], [`**${TEXT}**`, 'Ada', 'AI avatar of Ada'])
  assert.deepEqual(
    answer.edits.map(({ text }) => text),
    [TEXT, `${TEXT}!`],
  )
  const { messages } = await feishu.fetchMessages(sent.threadId)
  assert.deepEqual(
    messages.map(({ text, author }) => [text, author.isMe]),
    [
      ['hello', false],
      [`**${TEXT}**`, true],
    ],
  )
})

test('what a process may have posted before it was killed is one message, which shows the text', async (t) => {
  const fake = await platform(t)
  const { adapter } = await bot(t, fake, () => {})
  const { chat } = await fake.control('say', { user: 'Ada', text: 'hello' })
  const thread = adapter.encodeThreadId({ kind: 'p', id: chat })
  const begun = await adapter.postMessage(thread, { markdown: 'hello 好' }, { key: 'k' })
  const next = createFeishuAdapter(configOf(fake))
  const posted = await next.postMessage(thread, { markdown: TEXT }, { key: 'k', isRepeated: true })
  assert.equal(posted.id, begun.id)
  await next.editMessage(thread, posted.id, { markdown: `${TEXT}!` })
  await next.postMessage(thread, { markdown: 'another' }, { key: 'l', isRepeated: true })
  const answers = await shown(fake, isDone(2))
  assert.deepEqual(
    answers.map(({ text }) => text),
    [`${TEXT}!`, 'another'],
  )
})

test('in a group each is answered under the own message, at once with the others', async (t) => {
  const fake = await platform(t)
  const first = deferred()
  await bot(t, fake, async (thread, message) => {
    if (message.text === 'slow') await first.promise
    await thread.post(`${message.text}: ${message.isMention}`)
  })
  const slow = await fake.control('say', { user: 'Ada', group: 'Team', text: 'slow' })
  const quick = await fake.control('say', { user: 'Bob', group: 'Team', text: 'quick' })
  await fake.control('say', { user: 'Bob', group: 'Team', text: 'not for the bot', mention: false })
  const [answer] = await shown(fake, isDone(1))
  assert.deepEqual([answer.text, answer.thread], ['quick: true', quick.message])
  first.resolve()
  const answers = await shown(fake, isDone(2))
  assert.deepEqual([answers[1].text, answers[1].thread], ['slow: true', slow.message])
})

test('what a handler failed at comes again; what it did does not', async (t) => {
  const fake = await platform(t)
  const failed = deferred()
  const texts = []
  const answer = async (thread, message) => {
    texts.push(message.text)
    if (texts.length === 1) throw new Error('the store is away')
    await thread.post(`yes, ${message.text}`)
  }
  await bot(t, fake, answer, { logger: loggerOf(failed.resolve) })
  await fake.control('say', { user: 'Ada', text: 'hello' })
  await failed.promise
  await fake.control('clock', { advanceMs: 5000 })
  await shown(fake, isDone(1))
  await fake.control('fault', { redeliver: 'all' })
  // It comes over the same connection, behind what comes again.
  await fake.control('say', { user: 'Ada', text: 'and now?' })
  const answers = await shown(fake, isDone(2))
  assert.deepEqual(texts, ['hello', 'hello', 'and now?'])
  assert.deepEqual(
    answers.map(({ text }) => text),
    ['yes, hello', 'yes, and now?'],
  )
})

const FAULTS = {
  'the calls are limited': { status: 429, times: 3, name: 'card.content', retryAfter: 1 },
  'the service is away': { status: 503, times: 4 },
  'answers to new messages are lost': { cut: 'after', times: 2, name: 'message.create' },
  'answers to pieces are lost': { cut: 'after', times: 3, name: 'card.content' },
  'the last call is refused': { status: 500, times: 2, name: 'card.settings' },
  'the stream has ended': { expireStreams: true },
  'cards are refused': { status: 400, code: 300301, times: 1000, name: 'card.create' },
}

describe('faults', { concurrency: true }, () => {
  for (const [what, fault] of Object.entries(FAULTS)) {
    test(`the answer comes once and whole though ${what}`, async (t) => {
      const fake = await platform(t)
      const half = deferred()
      const saying = async () => {
        half.resolve()
        await pause(400)
      }
      await bot(t, fake, (thread) => thread.post(pieces(TEXT.repeat(4), 20, saying)))
      if (!fault.expireStreams) await fake.control('fault', fault)
      await fake.control('say', { user: 'Ada', text: 'hello' })
      await half.promise
      if (fault.expireStreams) {
        await shown(fake, (answers) => answers.length === 1)
        await fake.control('fault', fault)
      }
      const answers = await shown(fake, (all) => isDone(1)(all) && all.at(-1).text === TEXT.repeat(4))
      assert.equal(answers.length, 1)
    })
  }
})

test('an answer beyond 30 KB goes on in the next card', async (t) => {
  const fake = await platform(t)
  const text = `${TEXT} 😀\n`.repeat(2000)
  await bot(t, fake, (thread) => thread.post(pieces(text, 500, () => pause(2))))
  await fake.control('say', { user: 'Ada', text: 'hello' })
  const answers = await shown(
    fake,
    (all) => isDone(3)(all) && all.map(({ text: part }) => part).join('').length === text.length,
  )
  assert.equal(answers.map(({ text: part }) => part).join(''), text)
})

test('ten streams at once stay under 50 calls a second, and 10 for each card', async (t) => {
  const fake = await platform(t)
  await bot(t, fake, (thread) => thread.post(pieces(TEXT.repeat(10), 4, () => pause(30))))
  for (let number = 0; number < 10; number += 1) await fake.control('say', { user: `person ${number}`, text: 'hello' })
  const answers = await shown(fake, isDone(10))
  assert.ok(answers.every(({ text }) => text === TEXT.repeat(10)))
  const { calls, most } = await fake.control('calls')
  assert.ok(most.perSecond <= 50, `${most.perSecond} calls in a second`)
  assert.deepEqual(
    calls.filter(({ status }) => status !== 200),
    [],
  )
  t.diagnostic(`the most calls in a second: ${most.perSecond}`)
})

test('the connection comes back after cuts and refusals', async (t) => {
  const fake = await platform(t)
  await bot(t, fake, (thread, message) => thread.post(`yes, ${message.text}`))
  await fake.control('fault', { refuseSockets: 2, cutSockets: true })
  await fake.control('say', { user: 'Ada', text: 'are you there?' })
  const [answer] = await shown(fake, isDone(1))
  assert.equal(answer.text, 'yes, are you there?')
})
