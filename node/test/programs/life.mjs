// Programs that are to end, or not to end: the first argument says which. The others are the emulator's base URL and key.

import { once } from 'node:events'

import { AvatarClient } from 'secondme-avatar'

const [which, baseUrl, apiKey] = process.argv.slice(2)
const client = new AvatarClient({ baseUrl, apiKey })
const open = (options) => client.open({ platform: 'test', userId: which }, options)

const programs = {
  async 'closes its client'() {
    await (await open()).ask('Hello')
    await client.close()
  },
  async 'closes its conversation only'() {
    const chat = await open()
    chat.on('reply', () => {})
    await chat.ask('Hello')
    await chat.close()
  },
  async 'never opens anything'() {
    client.on('reply', () => {})
  },
  async 'cannot open'() {
    await open().catch(({ kind }) => console.log(kind))
  },
  async 'gives its opening up'() {
    const controller = new AbortController()
    const opening = open({ signal: controller.signal })
    setImmediate(() => controller.abort())
    await opening.catch(({ name }) => console.log(name))
  },
  async 'has a conversation and unrefs its client'() {
    await open()
    client.unref()
  },
  async 'unrefs, then refs, then closes'() {
    const chat = await open()
    client.unref().ref()
    await once(chat, 'ownerReply')
    await client.close()
  },
  async 'is live'() {
    const chat = await open()
    let heard = 0
    chat.on('ownerReply', ({ text }) => {
      heard += 1
      console.log(text)
      if (heard === 3) client.close()
    })
    console.log(chat.sessionId)
  },
  async 'is live and holds nothing'() {
    console.log((await open()).sessionId)
  },
  async 'waits for an event'() {
    const chat = await open()
    console.log(chat.sessionId)
    for await (const event of chat) {
      if (event.type === 'ownerReply') break
    }
    await client.close()
  },
  async 'calls process.exit amid everything'() {
    const chat = await open()
    for (let number = 0; number < 50; number += 1) chat.send(`message ${number}`).catch(() => {})
    chat.on('event', () => process.exit(3))
  },
  async 'throws amid everything'() {
    const chat = await open()
    chat.ask('Hello').catch(() => {})
    throw new Error('of the program')
  },
}

// A top-level await: a process that ended before it would end with code 13.
await programs[which]()
process.on('exit', () => console.log('the end'))
