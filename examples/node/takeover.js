// A bot that keeps quiet while the avatar's owner speaks in person.
//
// It passes on what the avatar says. When the owner takes over it says so, once; when the avatar answers again, it goes
// on.

import { AvatarClient } from 'secondme-avatar'

const client = new AvatarClient()
const chat = await client.open({ platform: 'feishu', userId: 'ou_abc' })

chat.on('takenOver', () => console.log('bot: the owner is here, I keep quiet'))
chat.on('ownerReply', ({ text }) => console.log(`owner: ${text}`))
chat.on('handedBack', () => console.log('bot: the avatar is back'))
chat.on('reply', ({ text }) => console.log(`avatar: ${text}`))

await chat.send('Can I talk with a human?')
