// A bot that keeps quiet while the avatar's owner speaks in person.
//
// It passes on what the avatar says. When the owner takes over it says so, once; when the avatar answers again, it goes
// on.

import { AvatarClient } from 'secondme-avatar'

const client = new AvatarClient()
const chat = await client.open({ platform: 'feishu', userId: 'ou_abc' })
let takenOver = false

chat.on('ownerReply', ({ text }) => {
  if (!takenOver) console.log('bot: the owner is here, I keep quiet')
  takenOver = true
  console.log(`owner: ${text}`)
})

chat.on('reply', ({ text }) => {
  if (takenOver) console.log('bot: the avatar is back')
  takenOver = false
  console.log(`avatar: ${text}`)
})

await chat.send('Can I talk with a human?')
