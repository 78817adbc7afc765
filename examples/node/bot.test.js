// Tests of a bot, against the service on this machine: no account, no key, no network.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { RateLimitedError } from 'secondme-avatar'
import { startEmulator } from 'secondme-avatar/testing'

import { bot } from './bot.js'

test('the bot passes on what the avatar answers', async (t) => {
  const emulator = await startEmulator({
    brain: { script: { rules: [{ when: { contains: ['price'] }, then: [{ say: 'it is 12 € a month.' }] }] } },
  })
  const client = emulator.client()
  t.after(async () => {
    await client.close()
    await emulator.stop()
  })
  const answer = await bot(client, () => {}).answer('Ada', 'What is the price?')
  assert.equal(answer, 'Ada, it is 12 € a month.')
})

test('the team hears when the owner steps in', async (t) => {
  const emulator = await startEmulator()
  const client = emulator.client()
  t.after(async () => {
    await client.close()
    await emulator.stop()
  })
  const told = new Promise((resolve) => {
    bot(client, resolve)
  })
  const chat = await client.open({ platform: 'web', userId: 'Ada' })
  await emulator.owner.reply(chat, 'Let me take this one')
  assert.equal(await told, 'The owner answers in person: Let me take this one')
})

test('a service that refuses is an error that says when to come back', async (t) => {
  const emulator = await startEmulator({ settings: { 'retry-after': 'seconds' } })
  const client = emulator.client()
  t.after(async () => {
    await client.close()
    await emulator.stop()
  })
  await emulator.fault({ at: 'auth', do: 'quota', times: 10 })
  await assert.rejects(bot(client, () => {}).answer('Ada', 'Hello'), RateLimitedError)
})
