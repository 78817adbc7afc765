// Logs: to stderr if SECONDME_LOG says so, or to a logger of its own.

import { setLogger } from 'secondme-avatar'
import { startEmulator } from 'secondme-avatar/testing'

const [to, filter] = process.argv.slice(2)
if (to === 'own') setLogger(({ level, target, message }) => console.log(`${level} ${target} ${message}`), { filter })
const emulator = await startEmulator()
const client = emulator.client()
const chat = await client.open({ platform: 'test', userId: 'ada' })
await chat.ask('my secret words')
await emulator.closeSockets({ abrupt: true })
for await (const { type } of chat) if (type === 'reconnected') break
await client.close()
await emulator.stop()
