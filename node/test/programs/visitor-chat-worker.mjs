// A worker that speaks through Visitor Chat, with a function that gives tokens. Without a token it never answers.

import { parentPort, workerData } from 'node:worker_threads'

import { AvatarClient } from 'secondme-avatar'

const { token, ...options } = workerData
const client = AvatarClient.visitorChat({
  ...options,
  token({ visitorId }) {
    if (visitorId.startsWith('other_')) throw new Error('mine')
    if (token !== undefined) return token
    parentPort.postMessage('asked')
    return new Promise(() => {})
  },
})
const chat = await client.open({ platform: 'test', userId: 'ada' })
const { text } = await chat.ask('Hello')
const error = await client.open({ platform: 'other', userId: 'bob' }).catch((error) => error)
await client.close()
parentPort.postMessage({ text, cause: error.cause.message })
