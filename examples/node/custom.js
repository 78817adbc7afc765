// Any custom integration. Here the platform is a terminal: a line `USER TEXT` is what a person says.

import { createInterface } from 'node:readline'

import { AvatarClient, Visitor } from 'secondme-avatar'

const client = new AvatarClient({ store: 'avatar.db' }) // Sessions go on after a restart.
/** @type {(user: string | undefined, text: string) => void} */
const tell = (user, text) => console.log(`${user}: ${text}`) // Your platform's way to a person.
// What no question waits for: the owner in person, or the avatar of its own accord.
client.on('ownerReply', ({ asked, tag, text }) => asked || tell(tag, text))
client.on('reply', ({ asked, tag, text }) => asked || tell(tag, text))
await client.recover({ all: true }) // Also what was said since the last run.

const answer = async (/** @type {string} */ user, /** @type {string} */ text) => {
  const visitor = Visitor.forUser('custom', user, { tag: user })
  const chat = await client.open(visitor)
  const path = `/rest/general/message/latest?sessionId=${chat.sessionId}` // A call that has no method here.
  if (text === '/raw') return tell(user, JSON.stringify(await client.request('GET', path, undefined, { visitor })))
  for await (const piece of chat.stream(text)) tell(user, piece)
}
let answers = Promise.resolve()
for await (const line of createInterface({ input: process.stdin })) {
  const [user = '', text = ''] = line.split(/ (.*)/)
  const sorry = () => tell(user, 'Sorry, there is no answer just now.')
  answers = Promise.all([answers, answer(user, text).catch(sorry)]).then(() => {})
}
await answers.finally(() => client.close())
