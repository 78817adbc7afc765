// A bridge that ends, and the keys under which it posts.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { UnavailableError } from 'secondme-avatar'
import { Bridge } from 'secondme-avatar/bridge'

import { Platform, TestClock } from './bridge/platform.mjs'
import { stage, until } from './support.mjs'

const LIMITS = { maxChars: 2000, updateIntervalMs: 1000 }

async function bridged(test, options = {}) {
  const { emulator, client } = await stage(test)
  const shown = new Platform(Date, LIMITS)
  const bridge = new Bridge(client, { platform: 'irc', outlet: shown, onError: () => {}, ...options })
  test.after(() => bridge.close({ deadlineMs: 0 }))
  const say = (user, text) => bridge.receive({ id: `${user} ${text}`, user: { id: user }, address: user, text })
  return { emulator, client, bridge, shown, say }
}

test('what the owner says while the bridge closes is told', async (t) => {
  const clock = new TestClock()
  const { emulator, bridge, shown, say } = await bridged(t, { clock })
  await say('bob', 'Hello')
  await bridge.idle()
  const [{ sessionId }] = (await emulator.state()).sessions
  await emulator.configure({ 'reply-delay': '3600s' })
  await say('ada', 'Hello')
  await until(async () => (await emulator.state()).sessions.length === 2)
  const closing = bridge.close({ deadlineMs: 3000 })
  await emulator.owner.reply(sessionId, 'I come back to you')
  await until(() => shown.texts('bob').length === 2)
  assert.match(shown.texts('bob')[1], /I come back to you/)
  await clock.advance(3000)
  await clock.advance(1000)
  await closing
})

test('an answer has the key of the id under which it was asked, and an apology one of its own', async (t) => {
  const { emulator, client, bridge, shown, say } = await bridged(t)
  const ids = []
  const open = client.open.bind(client)
  client.open = async (...of) => {
    const chat = await open(...of)
    const stream = chat.stream.bind(chat)
    chat.stream = (text, options) => {
      ids.push(options.messageId)
      // The service does not know it, and its id is spent.
      if (ids.length === 1) throw new UnavailableError('gone')
      return stream(text, options)
    }
    return chat
  }
  await say('ada', 'Hello')
  await bridge.idle()
  assert.equal(new Set(ids).size, 2)
  await emulator.fault({ at: 'message/send', do: { fail: 'some.code' }, times: 1 })
  await say('ada', 'And now?')
  await bridge.idle()
  const [answer, apology] = shown.details.map(({ key }) => key.split('.').slice(1))
  assert.deepEqual(answer, [ids[1], '0'])
  assert.deepEqual(apology, [ids.at(-1), 'broken', '0'])
})
