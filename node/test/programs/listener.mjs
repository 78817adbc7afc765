// A listener throws.

import { startEmulator } from 'secondme-avatar/testing'

if (process.argv[2] !== 'careless') {
  process.on('uncaughtException', ({ message }) => console.log(`uncaught: ${message}`))
}

const emulator = await startEmulator()
const client = emulator.client()
const chat = await client.open({ platform: 'test', userId: 'ada' })
chat.once('event', () => {
  throw new Error('of the listener')
})
chat.on('reply', ({ text }) => console.log(`heard: ${text}`))
await chat.ask('one')
await chat.ask('two')
await client.close()
await emulator.stop()
