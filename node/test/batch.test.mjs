import assert from 'node:assert/strict'
import { test } from 'node:test'

import { next, stage } from './support.mjs'

test('texts of every script and length come as they were said, however many come at once', async (t) => {
  const { client, open, emulator } = await stage(t)
  const texts = [
    'plain',
    '',
    'naïve',
    '你好，世界',
    '😀 and 👩‍👩‍👧',
    '"quoted"\n\\',
    'é'.repeat(1500),
    '😀'.repeat(700),
    'a'.repeat(5000),
  ]
  const events = client.events()
  const chats = [await open('ada'), await open('grace'), await open('edsger')]
  // Nothing is read meanwhile, so that they come in one batch.
  const last = chats[2].events()
  const expected = []
  for (const text of texts) {
    for (const chat of chats) {
      await emulator.push(chat, { hint: text })
      expected.push([chat.visitorId, text])
    }
  }
  for (const _ of texts) await next(last, 'notice')
  const seen = []
  while (seen.length < expected.length) {
    const { visitorId, text, kind, raw } = await next(events, 'notice')
    assert.equal(kind, 'hint')
    assert.equal(JSON.parse(raw).type, 'hint')
    seen.push([visitorId, text])
  }
  for (const chat of chats) {
    const of = (all) => all.filter(([visitorId]) => visitorId === chat.visitorId)
    assert.deepEqual(of(seen), of(expected))
  }
})

test('a reply has its parts, cards beside text too, and nothing where the service said nothing', async (t) => {
  const { open, emulator } = await stage(t)
  const script = `
rules:
  - when: { contains: card }
    then:
      - say: { text: A card., whole: true, cards: [{ template: StandardCard, params: { id: 7 } }] }
  - when: any
    then:
      - say: Words alone.`
  await emulator.configure({ brain: { script } })
  const chat = await open('ada')
  const events = chat.events()
  const said = await chat.ask('Say something')
  const words = await next(events, 'reply')
  assert.deepEqual(words.parts, [{ type: 'text', text: words.text }])
  assert.deepEqual([words.sources, words.speech], [[], []])
  await chat.ask('Show a card')
  const card = await next(events, 'reply')
  assert.deepEqual(
    card.parts.map(({ type }) => type),
    ['text', 'card'],
  )
  // The event is the reply, field for field.
  const { type, conversation, visitorId, tag, sessionId, ...reply } = words
  assert.deepEqual(reply, said)
  assert.deepEqual(Object.keys(reply), Object.keys(said))
})
