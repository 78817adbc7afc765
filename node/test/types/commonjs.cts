// The same types reach CommonJS.

import avatar = require('secondme-avatar')
import testing = require('secondme-avatar/testing')

export async function text(): Promise<string> {
  const emulator: testing.Emulator = await testing.startEmulator()
  const client: avatar.AvatarClient = emulator.client()
  const chat: avatar.Conversation = await client.open({ platform: 'test', userId: 'ada' })
  return (await chat.ask('Hello')).text
}
