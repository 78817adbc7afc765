// An answer as it is being said.

import { AvatarClient } from 'secondme-avatar'

const client = new AvatarClient()
const chat = await client.open({ platform: 'web', userId: 'user-1' })

const pieces = chat.stream('Hello, tell me about yourself')
for await (const piece of pieces) {
  if (pieces.author === 'owner') process.stdout.write('(in person) ')
  process.stdout.write(piece)
}
console.log()
// All of it, with cards and sources.
const { text } = await pieces.reply()
console.log(`${text.length} characters in all`)

await client.close()
