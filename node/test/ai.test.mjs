// The avatar as a model of the real AI SDK, in the versions that `ai/package-lock.json` pins. Version 7 says that it wants
// Node 22; what is used of it here runs on Node 20 as well.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { MisuseError, newMessageId, RateLimitedError, UnsupportedError } from 'secondme-avatar'
import { avatar, lastUserText, toUIMessageStream, toUIMessageStreamResponse } from 'secondme-avatar/ai'
import { startEmulator } from 'secondme-avatar/testing'

import { finished, programs, project } from './project.mjs'
import { stage } from './support.mjs'

const versions = {
  'AI SDK 6': await import('./ai/node_modules/ai6/dist/index.mjs'),
  'AI SDK 7': await import('./ai/node_modules/ai7/dist/index.js'),
}
// It writes each warning to stderr; the tests read them from the results.
globalThis.AI_SDK_LOG_WARNINGS = false

const ADA = { platform: 'web', userId: 'ada', name: 'Ada' }
const by = (visitor) => ({ secondme: { visitor } })

/** What each visitor's session holds, by the visitor's name: the visitor's messages alone. */
async function said(emulator) {
  const { sessions, visitors } = await emulator.state()
  const name = ({ visitorId }) => visitors.find((visitor) => visitor.visitorId === visitorId).name
  const texts = ({ messages }) => messages.filter(({ author }) => author === 'visitor').map(({ text }) => text)
  return Object.fromEntries(sessions.map((session) => [name(session), texts(session)]))
}

async function all(stream) {
  const parts = []
  for await (const part of stream) parts.push(part)
  return parts
}

for (const [name, ai] of Object.entries(versions)) {
  const { generateText, streamText, Output } = ai

  test(`${name}: a text is generated, and only the last user message goes out`, async (t) => {
    const { client, emulator } = await stage(t)
    const { text, finishReason, providerMetadata, warnings, usage } = await generateText({
      model: avatar({ client, visitor: ADA }),
      system: 'You are a pirate.',
      temperature: 0.3,
      messages: [
        { role: 'user', content: 'My name is Ada' },
        { role: 'assistant', content: 'Hello Ada' },
        { role: 'user', content: [{ type: 'text', text: 'And who are you?' }] },
      ],
    })
    assert.deepEqual([text, finishReason, usage.totalTokens], ['You said: And who are you?', 'stop', undefined])
    assert.equal(providerMetadata.secondme.author, 'avatar')
    assert.deepEqual(
      warnings.map(({ type, feature }) => [type, feature]),
      [
        ['unsupported', 'system messages'],
        ['unsupported', 'temperature'],
      ],
    )
    assert.deepEqual(await said(emulator), { Ada: ['And who are you?'] })
  })

  test(`${name}: a text is streamed, and each visitor of a call has a conversation of its own`, async (t) => {
    const { client, emulator } = await stage(t)
    const model = avatar({ client })
    const ask = async (user) => {
      const visitor = { platform: 'web', userId: user, name: user }
      const asked = streamText({ model, prompt: `The word of ${user}`, providerOptions: by(visitor) })
      const pieces = await all(asked.textStream)
      assert.equal(pieces.join(''), `You said: The word of ${user}`)
      assert.equal((await asked.providerMetadata).secondme.author, 'avatar')
      assert.equal(await asked.finishReason, 'stop')
    }
    const users = ['Ada', 'Grace', 'Mary']
    await Promise.all(users.map(ask))
    assert.deepEqual(await said(emulator), Object.fromEntries(users.map((user) => [user, [`The word of ${user}`]])))
  })

  test(`${name}: what the avatar cannot do is refused before anything is sent`, async (t) => {
    const { client, emulator } = await stage(t)
    const model = avatar({ client, visitor: ADA })
    const refused = async (kind, message, call) => {
      await assert.rejects(generateText({ model, prompt: 'Hello', ...call }), (error) => {
        assert.ok(error instanceof kind, `${error.name}: ${error.message}`)
        assert.match(error.message, message)
        return true
      })
    }
    const image = { type: 'image', image: new Uint8Array([137, 80, 78, 71]), mediaType: 'image/png' }
    const ended = [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'I am' },
    ]
    await refused(MisuseError, /does not say who the visitor is: add `providerOptions/, { model: avatar({ client }) })
    await refused(MisuseError, /no option `vistor` in `secondme`; there are visitor, messageId/, {
      providerOptions: { secondme: { vistor: 'x' } },
    })
    await refused(UnsupportedError, /does not understand JSON/, { output: Output.json() })
    await refused(UnsupportedError, /a part of the type `(image|file)`/, {
      prompt: undefined,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'What is this?' }, image] }],
    })
    await refused(MisuseError, /is a message of the role `assistant`/, { prompt: undefined, messages: ended })
    assert.deepEqual(await said(emulator), {})
  })

  test(`${name}: an aborted stream ends as the SDK's own do, and the next question goes out at once`, async (t) => {
    // The rest of the first answer would take minutes.
    const { client, emulator } = await stage(t, { pieceDelayMs: 60_000, client: { closeDeadlineMs: 50 } })
    const model = avatar({ client, visitor: ADA })
    const gone = new AbortController()
    const types = []
    for await (const part of streamText({ model, prompt: 'one two three', abortSignal: gone.signal }).fullStream) {
      types.push(part.type)
      if (part.type === 'text-delta') gone.abort()
    }
    assert.equal(types.at(-1), 'abort')
    const next = new AbortController()
    const second = generateText({ model, prompt: 'four five six', abortSignal: next.signal })
    await emulator.waitUntil(({ sessions }) => sessions[0].messages.some(({ text }) => text === 'four five six'))
    next.abort()
    await assert.rejects(second, { name: 'AbortError' })
  })

  test(`${name}: a failure keeps its class, and is not sent again`, async (t) => {
    const { client, emulator } = await stage(t)
    const model = avatar({ client, visitor: ADA, deadlineMs: 1000 })
    await client.open(ADA)
    const failed = { code: 'session.openai.error', reason: 'The model is down' }
    await emulator.fault({ at: 'reply', do: { fail: failed }, times: 2 })
    await assert.rejects(generateText({ model, prompt: 'Hello' }), { kind: 'refused', code: failed.code })
    const errors = []
    const asked = streamText({ model, prompt: 'Hello again', onError: ({ error }) => errors.push(error) })
    assert.deepEqual(await all(asked.textStream), [])
    assert.deepEqual(
      errors.map(({ code }) => code),
      [failed.code],
    )
    assert.deepEqual(await said(emulator), { Ada: ['Hello', 'Hello again'] })
  })

  test(`${name}: the owner's words are told apart`, async (t) => {
    const { client } = await stage(t, { brain: takenOver({ owner: { says: 'It is me' } }) })
    const model = avatar({ client, visitor: ADA })
    const { text, providerMetadata } = await generateText({ model, prompt: 'Hello' })
    assert.deepEqual([text, providerMetadata.secondme.author], ['It is me', 'owner'])
    const other = { providerOptions: by({ platform: 'web', userId: 'grace' }) }
    const parts = await all(streamText({ model, prompt: 'Hello', ...other }).fullStream)
    assert.equal(parts.find(({ type }) => type === 'text-start').providerMetadata.secondme.author, 'owner')
  })

  test(`${name}: a chat in the browser reads the answer as one of its own`, async (t) => {
    const { client, emulator } = await stage(t, { avatarName: "Ada's avatar" })
    const requests = []
    const transport = new ai.DefaultChatTransport({
      api: 'http://127.0.0.1/api/chat',
      async fetch(_url, { body, signal }) {
        const { messages } = JSON.parse(body)
        requests.push(messages.length)
        return toUIMessageStreamResponse(await client.open(ADA), lastUserText(messages), { signal, replyId: 'm-1' })
      },
    })
    const user = (id, text) => ({ id, role: 'user', parts: [{ type: 'text', text }] })
    const messages = [user('1', 'Hello')]
    for (const text of ['Hello', 'And now?']) {
      const stream = await transport.sendMessages({ trigger: 'submit-message', chatId: 'c', messages })
      const shown = (await all(ai.readUIMessageStream({ stream }))).at(-1)
      assert.deepEqual([shown.role, shown.id], ['assistant', 'm-1'])
      const texts = shown.parts.filter(({ type }) => type === 'text')
      assert.deepEqual(
        texts.map((part) => [part.text, part.state]),
        [[`You said: ${text}`, 'done']],
      )
      const { data } = shown.parts.find(({ type }) => type === 'data-author')
      assert.deepEqual(data, { author: 'avatar', name: "Ada's avatar" })
      messages.push(shown, user('2', 'And now?'))
    }
    assert.deepEqual(requests, [1, 3])
    assert.deepEqual(await said(emulator), { Ada: ['Hello', 'And now?'] })
  })
}

test('the program of the README runs with both', async (t) => {
  const emulator = await startEmulator({ brain: 'demo' })
  t.after(() => emulator.stop())
  for (const version of ['ai6', 'ai7']) {
    const cwd = project(t, { 'ai.mjs': programs()['ai.mjs'] })
    const installed = fileURLToPath(new URL(`./ai/node_modules/${version}`, import.meta.url))
    symlinkSync(installed, join(cwd, 'node_modules/ai'), 'junction')
    const env = { SECONDME_API_KEY: emulator.apiKey, SECONDME_BASE_URL: emulator.baseUrl }
    const { code, out, err } = await finished(process.execPath, ['ai.mjs'], { cwd, env })
    assert.deepEqual([code, err], [0, ''], out)
    assert.match(out, /I'm the avatar of Ada Lovelace.*avatar\n$/s)
  }
})

/** A brain that has the owner take over, and then do this. */
function takenOver(...then) {
  return { script: { rules: [{ when: 'any', then: [{ owner: 'takes-over' }, ...then] }] } }
}

test('each speaker of a streamed reply has a part and a text of its own', async (t) => {
  const { open } = await stage(t, { brain: takenOver({ notice: 'Ada has joined' }, { owner: { says: 'It is me' } }) })
  const chunks = await all(toUIMessageStream(await open('ada'), 'Hello', { replyId: 'm-1' }))
  const text = chunks.filter(({ type }) => !type.startsWith('data-notice'))
  assert.deepEqual(
    text.map(({ type }) => type),
    ['start', 'start-step', 'data-author', 'text-start', 'text-delta', 'text-end', 'finish-step', 'finish'],
  )
  assert.equal(text[2].data.author, 'owner')
  assert.deepEqual(
    chunks.filter(({ type }) => type === 'data-notice').map(({ data }) => data),
    [{ kind: 'notice', text: 'Ada has joined' }],
  )
})

test('an owner who does not answer is a notice, and a failure an error without inner words', async (t) => {
  const { client, open, emulator } = await stage(t)
  const chat = await open('ada')
  await emulator.fault({ at: 'reply', do: { fail: { code: 'session.openai.error', reason: 'key sk-1 at 10.0.0.1' } } })
  const failed = await all(toUIMessageStream(chat, 'Hello'))
  assert.deepEqual(failed.at(-3), { type: 'error', errorText: 'unavailable' })
  assert.deepEqual(failed.at(-1), { type: 'finish', finishReason: 'error' })
  const owner = once(chat, 'takenOver')
  await emulator.owner.reply(chat, 'Wait')
  await owner
  const delivered = once(chat, 'delivered')
  const stream = all(toUIMessageStream(chat, 'Hello?'))
  await delivered // The answer's minute begins here, and not when the service has the message.
  client.advanceClock(60_000)
  const waited = await stream
  assert.equal(waited.find(({ type }) => type === 'data-notice').data.kind, 'taken_over')
  assert.deepEqual(waited.at(-1), { type: 'finish', finishReason: 'stop' })
})

test('cards come after the text, and in the metadata of a model', async (t) => {
  const card = { template: 'StandardCard', params: { title: 'Prices' } }
  const say = { text: 'There is a card', whole: true, cards: [card] }
  const { client, open } = await stage(t, { brain: { script: { rules: [{ when: 'any', then: [{ say }] }] } } })
  const chunks = await all(toUIMessageStream(await open('ada'), 'Hello'))
  assert.deepEqual(
    chunks.filter(({ type }) => type === 'data-card').map(({ data }) => data),
    [card],
  )
  const prompt = [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }]
  const { providerMetadata } = await avatar({ client, visitor: ADA }).doGenerate({ prompt })
  assert.deepEqual(providerMetadata.secondme.cards, [{ type: 'card', ...card }])
})

test('a browser that goes away ends the question', async (t) => {
  const { open, emulator } = await stage(t, { pieceDelayMs: 60_000, client: { closeDeadlineMs: 50 } })
  const chat = await open('ada')
  const reader = toUIMessageStreamResponse(chat, 'one two three').body.getReader()
  for (let read = ''; !read.includes('text-delta'); ) read = new TextDecoder().decode((await reader.read()).value)
  await reader.cancel()
  chat.ask('four five six').catch(() => {})
  await emulator.waitUntil(({ sessions }) => sessions[0].messages.some(({ text }) => text === 'four five six'))
})

test('wrong options say what to do', async (t) => {
  const { client, open } = await stage(t)
  assert.throws(() => avatar({ visitor: ADA }), /`avatar` takes a client/)
  assert.throws(() => avatar({ client, timeout: 5 }), /no option `timeout`; there are client, visitor/)
  const chat = await open('ada')
  assert.throws(() => toUIMessageStream(chat, 'Hello', { id: 'm' }), /no option `id`; there are replyId/)
  for (const [messages, message] of [
    [[], /has to be the user's/],
    [[{ role: 'assistant', parts: [] }], /has to be the user's/],
    [[{ role: 'user', parts: [{ type: 'file', url: 'x' }] }], /no part of the type `file`/],
    [[{ role: 'user', parts: [{ type: 'text', text: ' ' }] }], /no text/],
  ]) {
    assert.throws(() => lastUserText(messages), { kind: 'misuse', message })
  }
})

test('a call and a chat choose the id under which the question goes out', async (t) => {
  const { client, emulator } = await stage(t)
  const [generated, chatted] = [newMessageId(), newMessageId()]
  const providerOptions = { secondme: { visitor: ADA, messageId: generated } }
  await versions['AI SDK 7'].generateText({ model: avatar({ client }), prompt: 'Hello', providerOptions })
  await all(toUIMessageStream(await client.open(ADA), 'Hello again', { messageId: chatted }))
  const { sessions } = await emulator.state()
  const ids = sessions[0].messages.filter(({ author }) => author === 'visitor').map(({ messageId }) => messageId)
  assert.deepEqual(ids, [generated, chatted])
})

test('a quota that is used up keeps its class and its wait', async (t) => {
  const { client, emulator } = await stage(t)
  await emulator.fault({ at: 'auth', do: { status: 429, 'retry-after': 900 }, times: 9 })
  const model = avatar({ client, visitor: ADA })
  await assert.rejects(versions['AI SDK 6'].generateText({ model, prompt: 'Hello' }), (error) => {
    assert.ok(error instanceof RateLimitedError, error.name)
    return error.retryAfterMs > 0
  })
})
