// LangChain's class for Node, in the version and with the options of n8n's node «OpenAI Chat Model».

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ChatOpenAI } from '@langchain/openai'

import { ANSWER, HISTORY } from './ai-sdk.mjs'
import { stage, TOKEN, visitorId } from './gateway.mjs'

const messages = HISTORY.map(({ role, content }) => [role === 'user' ? 'human' : 'ai', content])

/** As n8n makes it: `configuration` of the credential, the options of the node in `modelKwargs`. */
const model = ({ baseURL }, { headers, ...fields }) =>
  new ChatOpenAI({
    model: 'avatar',
    apiKey: TOKEN,
    temperature: 0.7,
    maxRetries: 0,
    configuration: { baseURL, defaultHeaders: headers },
    supportsStrictToolCalling: false,
    ...fields,
  })

const ways = {
  'its option «Safety Identifier»': { useResponsesApi: true, modelKwargs: { safety_identifier: 'ada' } },
  'the header of its credential': { headers: { 'X-Avatar-Visitor': 'ada' } },
}

for (const [name, fields] of Object.entries(ways)) {
  test(`n8n’s model asks and streams, by ${name}`, async (t) => {
    const gateway = await stage(t)
    assert.equal((await model(gateway, fields).invoke(messages)).text, ANSWER)
    let streamed = ''
    for await (const chunk of await model(gateway, fields).stream(messages)) streamed += chunk.text
    assert.equal(streamed, ANSWER)
    assert.deepEqual(await gateway.said(), { [visitorId('ada')]: Array(2).fill('And who are you?') })
  })
}

test('n8n’s model says what is wrong', async (t) => {
  const gateway = await stage(t)
  await assert.rejects(model(gateway, {}).invoke('Who am I?'), { status: 400, code: 'visitor_required' })
  await assert.rejects(model(gateway, { apiKey: 'wrong' }).invoke('Who am I?'), { status: 401 })
  assert.deepEqual(await gateway.said(), {})
})
