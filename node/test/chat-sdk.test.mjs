// What the bridge makes of Chat SDK's adapters, without a network; test/bots.test.mjs has the real ones.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'

import { AvatarClient, MisuseError } from 'secondme-avatar'
import { RetryLater, Undeliverable } from 'secondme-avatar/bridge'
import { attach } from 'secondme-avatar/chat-sdk'

import { Pacer } from '../lib/bridge/pacer.js'
import { Telling } from '../lib/bridge/telling.js'
import { addressOf } from '../lib/chat-sdk/address.js'
import { editedOutlet } from '../lib/chat-sdk/edited.js'
import { understood } from '../lib/chat-sdk/failures.js'
import { platformOf } from '../lib/chat-sdk/limits.js'
import { slackOutlet, slackText } from '../lib/chat-sdk/slack.js'
import { streamedOutlet } from '../lib/chat-sdk/streamed.js'
import { messages, TestClock } from './bridge/platform.mjs'

/** Slack as its documents describe it: a stream dies five minutes after its last piece, and takes what is new. */
class Slack {
  calls = []
  shown = new Map()
  #streams = new Map()
  #next = {}
  #count = 0
  botUserId = 'UB'

  constructor(clock) {
    this.clock = clock
    const call = (method, carryOut) => async (given) => {
      this.calls.push(method)
      const failure = this.#next[method]?.shift()
      if (failure?.error !== undefined && !failure.carriedOut) throw failure.error
      const answer = carryOut(given)
      if (failure !== undefined) throw failure.error
      return answer
    }
    const post = ({ markdown_text }) => {
      assert.ok(markdown_text.length <= 12_000)
      this.#count += 1
      const ts = `1700000000.00000${this.#count}`
      this.shown.set(ts, markdown_text)
      return { ok: true, ts }
    }
    const streamed = ({ ts, markdown_text = '' }) => {
      const last = this.#streams.get(ts)
      if (last === undefined || clock.now() - last >= 300_000) throw slackError('message_not_in_streaming_state')
      const all = this.shown.get(ts) + markdown_text
      if (all.length > 12_000) throw slackError('msg_too_long')
      this.#streams.set(ts, clock.now())
      this.shown.set(ts, all)
      return { ok: true, ts }
    }
    this.webClient = {
      chat: {
        postMessage: call('post', post),
        update: call('update', ({ ts, markdown_text }) => {
          if (this.#streams.has(ts) && clock.now() - this.#streams.get(ts) < 300_000) {
            throw slackError('streaming_state_conflict')
          }
          this.shown.set(ts, markdown_text)
          return { ok: true, ts }
        }),
        startStream: call('start', (given) => {
          assert.equal(given.recipient_user_id, 'U1')
          const answer = post(given)
          this.#streams.set(answer.ts, clock.now())
          return answer
        }),
        appendStream: call('append', streamed),
        stopStream: call('stop', (given) => {
          const answer = streamed(given)
          this.#streams.delete(given.ts)
          return answer
        }),
      },
      conversations: {
        history: call('history', () => this.#read()),
        replies: call('replies', () => this.#read()),
      },
    }
  }

  texts = () => [...this.shown.values()]

  fail(method, error, carriedOut = false) {
    ;(this.#next[method] ??= []).push({ error, carriedOut })
  }

  #read() {
    return { ok: true, messages: [...this.shown].map(([ts, text]) => ({ ts, text, user: 'UB' })) }
  }
}

function slackError(error) {
  return Object.assign(new Error(error), { code: 'slack_webapi_platform_error', data: { ok: false, error } })
}

function stage({ thread = 'slack:C1:1700000000.000001' } = {}) {
  const clock = new TestClock()
  const slack = new Slack(clock)
  const limits = platformOf('slack')
  const telling = () =>
    new Telling(slackOutlet(slack, limits), new Pacer(clock, undefined, 600_000, new AbortController().signal), clock, {
      address: addressOf({ thread, user: 'U1', team: 'T1' }),
      author: 'avatar',
      key: 'k',
      isKnown: () => false,
      shows: () => {},
      save: async () => {},
    })
  return { clock, slack, telling }
}

test('Slack: an answer of six minutes and 30,000 characters arrives whole, over several streams', async () => {
  const { clock, slack, telling } = stage()
  const answer = telling()
  let text = ''
  for (let second = 0; second < 360; second++) {
    answer.grow((text += `${`${second}: hello 好好 book, 100 yuan. `.repeat(4).padEnd(83, '.')}\n`))
    await clock.advance(1000)
  }
  await answer.end(text)
  assert.ok(text.length >= 30_000)
  assert.equal(slack.texts().join(''), text)
  assert.ok(slack.calls.filter((call) => call === 'start').length >= 3)
  assert.equal(slack.calls.filter((call) => call === 'update').length, 0)
})

test('Slack: a stream that has expired is finished by chat.update', async () => {
  const { clock, slack, telling } = stage()
  const answer = telling()
  answer.grow('Hello')
  await clock.settle()
  // Nothing came for longer than a stream lives, and the machine slept.
  clock.jump(400_000)
  await answer.end('Hello there')
  assert.equal(slack.texts().join(''), 'Hello there')
  assert.deepEqual(slack.calls, ['start', 'stop', 'stop', 'update'])
})

test('Slack: a piece whose answer was lost stands there once', async () => {
  for (const isCarriedOut of [true, false]) {
    const { clock, slack, telling } = stage()
    const answer = telling()
    answer.grow('Hello')
    await clock.settle()
    slack.fail('append', new Error('socket hang up'), isCarriedOut)
    answer.grow('Hello there')
    await clock.advance(1000)
    answer.grow('Hello there, who')
    await clock.advance(1000)
    await answer.end('Hello there, who are you?')
    assert.deepEqual(slack.texts(), ['Hello there, who are you?'])
  }
})

test('Slack: outside of threads, and where there are no streams, a message is updated', async () => {
  for (const thread of ['slack:D1:', 'slack:C1:1700000000.000001']) {
    const { clock, slack, telling } = stage({ thread })
    slack.fail('start', slackError('missing_scope'))
    const answer = telling()
    answer.grow('Hello')
    await clock.settle()
    answer.grow('Hello there')
    await clock.advance(1000)
    await answer.end('Hello there!')
    assert.deepEqual(slack.texts(), ['Hello there!'])
    assert.deepEqual(slack.calls.slice(-3), ['post', 'update', 'update'])
  }
})

test('Slack: a 429 is waited for, as long as it says', async () => {
  const { clock, slack, telling } = stage()
  slack.fail('post', Object.assign(new Error('429'), { code: 'slack_webapi_rate_limited_error', retryAfter: 30 }))
  const ended = telling().end('Hello')
  await clock.advance(29_999)
  assert.deepEqual(slack.texts(), [])
  await clock.advance(1)
  await ended
  assert.deepEqual(slack.texts(), ['Hello'])
})

test('Slack: what a person has written is passed on as it was written', () => {
  const said = (text) => slackText({ text }, 'UB')
  assert.equal(said('<@UB> 2*3*4 &lt; 100 &amp; _x_'), '2*3*4 < 100 & _x_')
  assert.equal(said('see <https://a.b/c|this page> and <https://a.b>'), 'see this page (https://a.b/c) and https://a.b')
  assert.equal(said('ask <@U2|ada> in <#C2|general>, <@U3>'), 'ask ada in general, @U3')
  assert.equal(slackText({ attachments: [] }, 'UB'), undefined)
})

test('an edit that changes nothing is not made, and Telegram’s limit counts what is escaped', async () => {
  const calls = []
  const adapter = {
    name: 'telegram',
    postMessage: async (_thread, { markdown }) => ({ id: String(calls.push(`post ${markdown}`)) }),
    editMessage: async (_thread, id, { markdown }) => void calls.push(`edit ${id} ${markdown}`),
  }
  const outlet = editedOutlet(adapter, platformOf('telegram'))
  const draft = await outlet.open(addressOf({ thread: 'telegram:5' }), 'Hello', {})
  await draft.update('Hello there')
  await draft.finish('Hello there')
  assert.deepEqual(calls, ['post Hello', 'edit 1 Hello there'])
  const text = '1. A list - with points!\n'.repeat(300)
  const all = messages(text, platformOf('telegram'))
  assert.equal(all.join(''), text)
  for (const one of all) assert.ok(one.replace(/[_*[\]()~`>#+\-=|{}.!\\]/g, '\\$&').length <= 4096)
  assert.equal(editedOutlet(adapter, platformOf('a platform that is not known')).open, undefined)
})

test('where an adapter gives its own stream up, the whole answer is posted', async () => {
  const failures = [
    new Error('socket hang up'),
    Object.assign(new Error('429'), { name: 'AdapterRateLimitError', retryAfter: 5 }),
  ]
  for (const failure of failures) {
    for (const givesUp of ['while it grows', 'at the end']) {
      const clock = new TestClock()
      const posted = []
      const adapter = {
        name: 'dingtalk',
        postMessage: async (_thread, { markdown }) => ({ id: String(posted.push(markdown)) }),
        async stream(_thread, pieces) {
          for await (const piece of pieces) if (givesUp === 'while it grows' && piece.includes('there')) break
          throw failure
        },
      }
      const pacer = new Pacer(clock, undefined, 600_000, new AbortController().signal)
      const answer = new Telling(streamedOutlet(adapter, platformOf('dingtalk')), pacer, clock, {
        address: addressOf({ thread: 'dingtalk:1' }),
        author: 'avatar',
        key: 'k',
        isKnown: () => false,
        shows: () => {},
        save: async () => {},
      })
      for (const text of ['Hello', 'Hello there', 'Hello there, who', 'Hello there, who are']) {
        answer.grow(text)
        await clock.advance(1000)
      }
      const ended = answer.end('Hello there, who are you?')
      await clock.advance(20_000)
      await ended
      assert.deepEqual(posted, ['Hello there, who are you?'], `${failure.message} ${givesUp}`)
    }
  }
})

test('what adapters throw is understood', () => {
  const limited = understood(Object.assign(new Error('429'), { name: 'AdapterRateLimitError', retryAfter: 7 }))
  assert.ok(limited instanceof RetryLater)
  assert.equal(limited.retryAfterMs, 7000)
  assert.ok(understood(slackError('is_archived')) instanceof Undeliverable)
  assert.ok(understood(Object.assign(new Error('403'), { name: 'PermissionError' })) instanceof Undeliverable)
  const other = new Error('503')
  assert.equal(understood(other), other)
})

test('a bot that would lose messages is refused, with what to do', () => {
  const client = new AvatarClient({ apiKey: 'sk-1' })
  const bot = (strategy) => ({ webhooks: { slack: () => {} }, _concurrencyStrategy: strategy })
  for (const [given, expected] of [
    [bot('drop'), /concurrency: 'concurrent'/],
    [bot('queue'), /loses what a person writes/],
    [{ webhooks: {} }, /Chat SDK/],
    [undefined, /Chat SDK/],
  ]) {
    assert.throws(
      () => attach(given, client),
      (error) => error instanceof MisuseError && expected.test(error.message),
    )
  }
  assert.throws(() => attach(bot('concurrent'), client, { groups: 'all' }), /`mention` or `thread`/)
})

test('a webhook is answered when the message is kept, and not acknowledged where it cannot be', async (t) => {
  const handlers = {}
  const forgotten = []
  const adapter = { name: 'irc', channelIdFromThreadId: (id) => id, postMessage: async () => ({ id: '1' }) }
  const thread = { id: 'irc:1', adapter }
  let text = 'Hello'
  const bot = {
    _concurrencyStrategy: 'concurrent',
    // The program calls the adapter otherwise than it calls itself.
    getAdapter: (name) => (name === 'work' ? adapter : undefined),
    getState: () => ({ delete: async (key) => void forgotten.push(key) }),
    initialize: async () => {},
    onDirectMessage: (handler) => (handlers.direct = handler),
    onNewMention: (handler) => (handlers.mention = handler),
    onSubscribedMessage: () => assert.fail('only mentions are wanted'),
    webhooks: {
      work: async (request, { waitUntil, propagateHandlerErrors, deduplicate }) => {
        assert.deepEqual([propagateHandlerErrors, deduplicate], [true, false])
        const author = { userId: 'u-1', userName: 'ada', fullName: '', isBot: false, isMe: false }
        const { id } = await request.json()
        const message = { id, text, raw: {}, author, attachments: [], metadata: { dateSent: new Date() } }
        waitUntil(handlers.direct(thread, message))
        return new Response('ok')
      },
    },
  }
  const client = new AvatarClient({ apiKey: 'sk-1', baseUrl: 'http://127.0.0.1:9' })
  const avatar = attach(bot, client, { onError: () => {} })
  t.after(async () => {
    await avatar.close({ deadlineMs: 0 })
    await client.close()
  })
  await avatar.start()
  const server = createServer(avatar.listener()).listen(0, '127.0.0.1')
  t.after(() => server.close().closeAllConnections())
  await once(server, 'listening')
  const post = (body) =>
    fetch(`http://127.0.0.1:${server.address().port}/webhooks/work`, { method: 'POST', body: JSON.stringify(body) })
  assert.equal((await post({ id: 'm1' })).status, 200)
  thread.adapter = { ...adapter }
  assert.equal((await post({ id: 'm2' })).status, 503, 'an adapter that the bot had not')
  thread.adapter = adapter
  text = undefined
  assert.equal((await post({ id: 'm2', event_id: 'Ev1' })).status, 503)
  assert.deepEqual(forgotten, ['slack:event-delivered:Ev1'])
  assert.equal((await post({ id: 'x'.repeat(2_000_000) })).status, 413)
})
