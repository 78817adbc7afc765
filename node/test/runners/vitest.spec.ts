// What a test looks like with vitest.

import { type AvatarClient, RateLimitedError } from 'secondme-avatar'
import { type Emulator, startEmulator } from 'secondme-avatar/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'

let emulator: Emulator
let client: AvatarClient

beforeAll(async () => {
  emulator = await startEmulator()
  client = emulator.client({ openDeadlineMs: 100 })
})
afterAll(async () => {
  await client.close()
  await emulator.stop()
})

test('the avatar answers', async () => {
  const chat = await client.open({ platform: 'test', userId: 'ada' }, { deadlineMs: 10_000 })
  const heard: string[] = []
  chat.on('reply', ({ text }) => heard.push(text))
  await expect(chat.ask('Hello')).resolves.toMatchObject({ author: 'avatar', text: 'You said: Hello' })
  await expect.poll(() => heard).toEqual(['You said: Hello'])
})

test('a refusal is an error of its class', async () => {
  await emulator.fault({ at: 'auth', do: 'quota' })
  await expect(client.open({ platform: 'test', userId: 'bob' })).rejects.toThrow(RateLimitedError)
})
