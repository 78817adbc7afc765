// The API of responses, through OpenAI's own SDK for Node and the AI SDK's provider for OpenAI, which takes it by default.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createOpenAI } from '@ai-sdk/openai'
import OpenAI from 'openai'

import { ANSWER, HISTORY, triesOf } from './ai-sdk.mjs'
import { stage, TOKEN, visitorId } from './gateway.mjs'

test('a response is whole or streamed, and can be asked for again', async (t) => {
  const gateway = await stage(t)
  const { responses } = new OpenAI({ baseURL: gateway.baseURL, apiKey: TOKEN, maxRetries: 0 })
  const asked = { model: 'avatar', safety_identifier: 'ada' }
  const whole = await responses.create({ ...asked, input: 'Hello', instructions: 'You are a pirate' })
  assert.deepEqual([whole.output_text, whole.status], ['You said: Hello', 'completed'])
  assert.equal((await responses.retrieve(whole.id)).output[0].content[0].text, 'You said: Hello')
  const events = []
  const input = HISTORY
  for await (const event of await responses.create({ ...asked, input, stream: true })) events.push(event)
  const deltas = events.filter(({ type }) => type === 'response.output_text.delta')
  assert.equal(deltas.map(({ delta }) => delta).join(''), ANSWER)
  assert.deepEqual([events[0].type, events.at(-1).type], ['response.created', 'response.completed'])
  assert.deepEqual(
    events.map(({ sequence_number }) => sequence_number),
    [...events.keys()],
  )
  const final = await responses.stream({ ...asked, input: 'Once more' }).finalResponse()
  assert.equal(final.output_text, 'You said: Once more')
  await responses.delete(whole.id)
  await assert.rejects(responses.retrieve(whole.id), OpenAI.NotFoundError)
  assert.deepEqual(await gateway.said(), { [visitorId('ada')]: ['Hello', 'And who are you?', 'Once more'] })
})

triesOf('@ai-sdk/openai', (options) => createOpenAI(options)('avatar'), { openai: { safetyIdentifier: 'ada' } })
triesOf('@ai-sdk/openai, by user', (options) => createOpenAI(options)('avatar'), { openai: { user: 'ada' } })
