// One question, one answer.

import { AvatarClient } from 'secondme-avatar'

const client = new AvatarClient() // SECONDME_API_KEY, SECONDME_BASE_URL
// The same user of the same platform is always the same visitor.
const chat = await client.open({ platform: 'web', userId: 'user-1', name: 'Grace' })
console.log(`${chat.avatarName}: ${chat.opening}`)

const reply = await chat.ask('Hello, tell me about yourself')
console.log(`${chat.avatarName}: ${reply.text}`)

await client.close()
