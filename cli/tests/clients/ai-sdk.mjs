// What is tried with each provider of the AI SDK.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { APICallError, generateText, streamText } from 'ai'

import { stage, TOKEN, visitorId } from './gateway.mjs'

globalThis.AI_SDK_LOG_WARNINGS = false

export const HISTORY = [
  { role: 'user', content: 'My name is Ada' },
  { role: 'assistant', content: 'Hello Ada' },
  { role: 'user', content: 'And who are you?' },
]
export const ANSWER = 'You said: And who are you?'

/** Tries a provider that names the visitor `ada` by these options. */
export function triesOf(name, modelOf, visitor) {
  test(`${name}: a text is generated and streamed`, async (t) => {
    const gateway = await stage(t)
    const model = modelOf({ baseURL: gateway.baseURL, apiKey: TOKEN })
    const call = { model, messages: HISTORY, system: 'You are a pirate', providerOptions: visitor, maxRetries: 0 }
    const { text, finishReason } = await generateText(call)
    assert.deepEqual([text, finishReason], [ANSWER, 'stop'])
    const streamed = streamText(call)
    let all = ''
    for await (const piece of streamed.textStream) all += piece
    assert.deepEqual([all, await streamed.finishReason], [ANSWER, 'stop'])
    assert.deepEqual(await gateway.said(), { [visitorId('ada')]: Array(2).fill('And who are you?') })
  })

  test(`${name}: what is refused is an error of the SDK's own`, async (t) => {
    const gateway = await stage(t)
    const call = { prompt: 'Who am I?', maxRetries: 0 }
    const refused = (call, status, code) =>
      assert.rejects(generateText(call), (error) => {
        assert.ok(APICallError.isInstance(error), error.message)
        assert.equal(error.statusCode, status)
        assert.match(error.responseBody, new RegExp(`"code":"${code}"`))
        return true
      })
    const model = modelOf({ baseURL: gateway.baseURL, apiKey: TOKEN })
    await refused({ ...call, model }, 400, 'visitor_required')
    const wrong = modelOf({ baseURL: gateway.baseURL, apiKey: 'wrong' })
    await refused({ ...call, model: wrong, providerOptions: visitor }, 401, 'invalid_api_key')
    const errors = []
    const streamed = streamText({ ...call, model, onError: ({ error }) => errors.push(error) })
    for await (const piece of streamed.textStream) assert.fail(piece)
    assert.deepEqual(
      errors.map(({ statusCode }) => statusCode),
      [400],
    )
    assert.deepEqual(await gateway.said(), {})
  })

  test(`${name}: a failure in the middle of a stream is an error part`, async (t) => {
    const say = { pieces: ['one ', 'two '], end: 'missing' }
    const rules = [{ when: 'any', then: [{ say }, { fail: { code: 'session.openai.error' } }] }]
    const gateway = await stage(t, { brain: { script: { rules } } })
    const model = modelOf({ baseURL: gateway.baseURL, apiKey: TOKEN })
    const call = { model, prompt: 'Hello', providerOptions: visitor, maxRetries: 0, onError() {} }
    const parts = []
    for await (const part of streamText(call).fullStream) parts.push(part)
    const texts = parts.filter(({ type }) => type === 'text-delta').map(({ text }) => text)
    assert.equal(texts.join(''), 'one two ')
    assert.ok(parts.some(({ type }) => type === 'error'))
  })
}
