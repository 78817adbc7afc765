// A function that lives for one request, on Lambda, Vercel or the like: each invocation may be in another process.
// SECONDME_API_KEY has the key, AVATAR_STORE the URL of a Redis.

import { AvatarClient } from 'secondme-avatar'

/** @param {{ user: string, text: string }} request */
export async function handler({ user, text }) {
  const client = new AvatarClient({ store: process.env.AVATAR_STORE })
  /** @type {string[]} */
  const meanwhile = []
  // What the owner has said since the last invocation comes while the conversation opens.
  client.on('ownerReply', (event) => meanwhile.push(event.text))
  try {
    const chat = await client.open({ platform: 'web', userId: user })
    const reply = await chat.ask(text)
    return { meanwhile, answer: reply.text }
  } finally {
    await client.close()
  }
}
