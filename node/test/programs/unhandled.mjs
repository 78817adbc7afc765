// A rejection is not handled.

import { startEmulator } from 'secondme-avatar/testing'

const emulator = await startEmulator()
const client = emulator.client()
const chat = await client.open({ platform: 'test', userId: 'ada' })
await chat.close()
chat.ask('Hello?')
