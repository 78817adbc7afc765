// Keeps a message in a store while the service does not take it, and is killed: STORE BASE_URL API_KEY.

import { AvatarClient } from 'secondme-avatar'

const [store, baseUrl, apiKey] = process.argv.slice(2)
const client = new AvatarClient({ store, baseUrl, apiKey })
const chat = await client.open({ platform: 'test', userId: 'ada' })
const messageId = await chat.send('The invoice is paid', { durable: true })
console.log(`${messageId} ${chat.sessionId}`)
