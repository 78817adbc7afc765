// `toUIMessageStream` says what the website widget's server part says, in the same words: `spec/web-wire.json` has both.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { toUIMessageStreamResponse } from 'secondme-avatar/ai'

import { stage } from './support.mjs'
import { partsOf, site } from './web/browser.mjs'

const { words, cases } = JSON.parse(readFileSync(new URL('../../spec/web-wire.json', import.meta.url), 'utf8'))
const played = cases.filter(({ useChat }) => useChat)

/** The parts of an answer; the ids of its texts are numbered, and so are those of its sources. */
async function partsOfUseChat(response) {
  const parts = await partsOf({ chunks: response.body.pipeThrough(new TextDecoderStream()) })
  for (const part of parts) holds(part)
  return anonymous(parts)
}

function anonymous(parts) {
  const texts = [...new Set(parts.filter(({ type }) => type === 'text-start').map(({ id }) => id))]
  return parts.map(({ id, sourceId, messageId, ...part }) => ({
    ...part,
    ...(id !== undefined && { text: texts.indexOf(id) }),
    ...(sourceId !== undefined && { source: sourceId.replace(/^.*\//, '') }),
    ...(messageId !== undefined && { named: messageId !== '' }),
  }))
}

/** A part has the fields, and the words, that the wire has for it. */
function holds(part) {
  const { type, ...rest } = part
  const fields = type.startsWith('data-') ? rest.data : rest
  assert.deepEqual(Object.keys(fields).sort(), words.parts[type], `the fields of ${type}`)
  if (type === 'data-author') assert.ok(words.authors.includes(fields.author), fields.author)
  if (type === 'data-notice') assert.ok(words.notices.includes(fields.kind), fields.kind)
  if (type === 'error') assert.ok(words.failures.includes(fields.errorText), fields.errorText)
}

test('some of the cases of the wire are those of useChat', () => assert.ok(played.length >= 2))

for (const { name, brain, steps } of played)
  test(`with useChat: ${name}`, async (t) => {
    const { open } = await stage(t, { brain, avatarName: 'Nova' })
    const chat = await open('ada')
    for (const { call, answer } of steps) {
      if (call?.method !== 'POST') continue
      const [{ id, parts }] = call.json.messages
      const response = toUIMessageStreamResponse(chat, parts[0].text, { replyId: `${id}.1` })
      assert.deepEqual(await partsOfUseChat(response), anonymous(answer.parts))
    }
  })

test('with useChat: failures, the owner who does not answer and notices have the words of the wire', async (t) => {
  const { client, open, emulator } = await stage(t)
  const chat = await open('ada')
  const code = 'session.openai.error'
  await emulator.fault({ at: 'reply', do: { fail: { code, reason: 'The model is down' } } })
  const failed = await partsOfUseChat(toUIMessageStreamResponse(chat, 'Hello'))
  assert.deepEqual(failed.at(-3), { type: 'error', errorText: 'unavailable' })
  const owner = once(chat, 'takenOver')
  await emulator.owner.reply(chat, 'Wait')
  await owner
  const delivered = once(chat, 'delivered')
  const answer = partsOfUseChat(toUIMessageStreamResponse(chat, 'Hello?'))
  await delivered // The answer's minute begins here, and not when the service has the message.
  client.advanceClock(60_000)
  const parts = await answer
  assert.equal(parts.find(({ type }) => type === 'data-notice').data.kind, 'taken_over')
  assert.deepEqual(parts.at(-1), { type: 'finish', finishReason: 'stop' })
})

test('the server part of the widget has these fields and words in its answers too', async (t) => {
  const { client, emulator } = await stage(t)
  const { visit } = await site(t, client, { ask: { firstPieceDeadlineMs: 300 } })
  const ada = await visit()
  for (const part of await ada.ask('m1', 'Hello')) holds(part)
  await emulator.fault({ at: 'reply', do: { fail: { code: 'session.openai.error', reason: 'The model is down' } } })
  const failed = await ada.ask('m2', 'Hello')
  for (const part of failed) holds(part)
  assert.equal(failed.at(-3).errorText, 'unavailable')
  const { sessions } = await emulator.state()
  await emulator.owner.takeOver(sessions[0].sessionId)
  for (const part of await ada.ask('m3', 'Are you there?')) holds(part)
})
