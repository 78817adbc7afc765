// OpenAI's own SDK for Node.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import OpenAI from 'openai'

import { stage, TOKEN, until, visitorId } from './gateway.mjs'

const client = ({ baseURL }, options = {}) => new OpenAI({ baseURL, apiKey: TOKEN, maxRetries: 0, ...options })
const HISTORY = [
  { role: 'developer', content: 'You are a pirate' },
  { role: 'user', content: 'My name is Ada' },
  { role: 'assistant', content: 'Hello Ada' },
  { role: 'user', content: 'And who are you?' },
]
const ANSWER = 'You said: And who are you?'
const ASKED = { model: 'avatar', messages: HISTORY, user: 'ada' }

test('models are listed, and a completion is whole or streamed', async (t) => {
  const gateway = await stage(t)
  const openai = client(gateway)
  const models = []
  for await (const { id, owned_by } of openai.models.list()) models.push([id, owned_by])
  assert.deepEqual(models, [['avatar', 'secondme']])
  const whole = await openai.chat.completions.create(ASKED)
  assert.deepEqual([whole.choices[0].message.content, whole.choices[0].finish_reason], [ANSWER, 'stop'])
  assert.equal(whole.usage.total_tokens, 0)
  const pieces = []
  const options = { stream: true, stream_options: { include_usage: true } }
  for await (const chunk of await openai.chat.completions.create({ ...ASKED, ...options })) pieces.push(chunk)
  assert.equal(pieces.map(({ choices }) => choices[0]?.delta.content ?? '').join(''), ANSWER)
  assert.deepEqual([pieces.at(-1).choices, pieces.at(-1).usage.total_tokens], [[], 0])
  const runner = openai.chat.completions.stream(ASKED)
  assert.equal(await runner.finalContent(), ANSWER)
  assert.deepEqual(await gateway.said(), { [visitorId('ada')]: Array(3).fill('And who are you?') })
})

test('each refusal is an error of the SDK’s own', async (t) => {
  const gateway = await stage(t)
  const refused = async (kind, code, call, options = {}) => {
    const asked = client(gateway, options).chat.completions.create({ ...ASKED, ...call })
    await assert.rejects(asked, (error) => {
      assert.equal(error.constructor, kind, error.message)
      assert.equal(error.code, code)
      return true
    })
  }
  await refused(OpenAI.AuthenticationError, 'invalid_api_key', {}, { apiKey: 'wrong' })
  await refused(OpenAI.NotFoundError, 'model_not_found', { model: 'gpt-4o' })
  await refused(OpenAI.BadRequestError, 'visitor_required', { user: undefined })
  await refused(OpenAI.BadRequestError, 'visitor_required', { user: undefined, stream: true })
  assert.deepEqual(await gateway.said(), {})
  await gateway.control('faults', { at: 'reply', do: { fail: 'session.openai.error' } })
  await assert.rejects(client(gateway).chat.completions.create(ASKED), OpenAI.InternalServerError)
  await gateway.control('faults', { at: 'auth', do: { status: 429, 'retry-after': 900 }, times: 9 })
  await refused(OpenAI.RateLimitError, 'rate_limit_exceeded', { user: 'grace' })
})

test('a failure in the middle of a stream is an error and no end', async (t) => {
  const say = { pieces: ['one ', 'two '], end: 'missing' }
  const rules = [{ when: 'any', then: [{ say }, { fail: { code: 'session.openai.error' } }] }]
  const gateway = await stage(t, { brain: { script: { rules } } })
  let text = ''
  await assert.rejects(async () => {
    for await (const { choices } of await client(gateway).chat.completions.create({ ...ASKED, stream: true })) {
      text += choices[0].delta.content ?? ''
    }
  }, OpenAI.APIError)
  assert.equal(text, 'one two ')
})

test('a retry attaches to the reply that is under way', async (t) => {
  const gateway = await stage(t)
  const counts = []
  const losing = async (url, init) => {
    counts.push(new Headers(init.headers).get('x-stainless-retry-count'))
    const answer = await fetch(url, init)
    if (counts.length > 1) return answer
    await until(async () => Object.keys(await gateway.said()).length > 0)
    throw new TypeError('the answer was lost')
  }
  const openai = client(gateway, { maxRetries: 2, fetch: losing })
  assert.equal((await openai.chat.completions.create(ASKED)).choices[0].message.content, ANSWER)
  assert.deepEqual(counts, ['0', '1'])
  assert.deepEqual(await gateway.said(), { [visitorId('ada')]: ['And who are you?'] })
})

test('a client that goes away loses nothing of the conversation', async (t) => {
  const gateway = await stage(t, { 'piece-delay': '60s' })
  const stream = await client(gateway).chat.completions.create({ ...ASKED, stream: true })
  for await (const { choices } of stream) if (choices[0].delta.content) break
  await gateway.control('clock', { advance_ms: 3_600_000 })
  await gateway.control('settings', { 'piece-delay': '0ms' })
  const next = await client(gateway).chat.completions.create({
    ...ASKED,
    messages: [{ role: 'user', content: 'Still there?' }],
  })
  assert.equal(next.choices[0].message.content, 'You said: Still there?')
})

test('a long silence is bridged by comments, which the SDK skips', async (t) => {
  const gateway = await stage(t, { 'reply-delay': '40s' })
  const post = {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({ ...ASKED, user: 'raw', stream: true }),
  }
  const text = (async () => {
    let text = ''
    for await (const { choices } of await client(gateway).chat.completions.create({ ...ASKED, stream: true })) {
      text += choices[0].delta.content ?? ''
    }
    return text
  })()
  const raw = (await fetch(`${gateway.baseURL}/chat/completions`, post)).body.pipeThrough(new TextDecoderStream())
  let read = ''
  for await (const part of raw) {
    read += part
    if (read.includes('[DONE]')) break
    // The pings go on: the service ends a socket that is silent for 30 s.
    if (/^:/m.test(part)) await gateway.control('clock', { advance_ms: 26_000 })
  }
  assert.match(read, /^: .*\n\n/m)
  assert.equal(await text, ANSWER)
})
