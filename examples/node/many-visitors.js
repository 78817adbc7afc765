// A bot with many visitors: one listener receives what is said to all of them.

import { AvatarClient } from 'secondme-avatar'

const client = new AvatarClient({ maxLive: 500, idleAfterMs: 10 * 60_000 })

// In a bot they go back to the user: the tag is what finds the way.
client.on('reply', ({ tag, text }) => console.log(`${tag}: ${text}`))
client.on('ownerReply', ({ tag, text }) => console.log(`${tag}: ${text}`))

// In a bot, these are the messages that the platform brings.
for (const user of ['ada', 'grace', 'mary']) {
  passOn(user, 'Hello').catch((error) => console.log(`${user}: not sent: ${error.message}`))
}

/**
 * @param {string} user
 * @param {string} text
 */
async function passOn(user, text) {
  // A visitor whose conversation is open already gets that one.
  const chat = await client.open({ platform: 'slack', userId: user, name: user, tag: user })
  await chat.send(text)
}
