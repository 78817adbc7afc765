// Ends, or has its worker terminated, while a seal that never answers is asked.

import { isMainThread, Worker, workerData } from 'node:worker_threads'

import { AvatarClient } from 'secondme-avatar'

const [how, store, baseUrl, apiKey] = isMainThread ? process.argv.slice(2) : workerData

async function askEndlessly(asked) {
  const seal = {
    seal() {
      asked()
      return new Promise(() => {})
    },
    unseal: (bytes) => bytes,
  }
  const client = new AvatarClient({ apiKey, baseUrl, store, seal })
  const chat = await client.open({ platform: 'test', userId: 'ada' })
  await chat.send('a word', { durable: true })
}

if (!isMainThread) {
  const { parentPort } = await import('node:worker_threads')
  askEndlessly(() => parentPort.postMessage('asked'))
} else if (how === 'main') {
  askEndlessly(() => {
    process.stdout.write('asked\n', () => process.exit(0))
  })
} else {
  const worker = new Worker(new URL(import.meta.url), { workerData: [how, store, baseUrl, apiKey] })
  worker.once('message', async (message) => {
    await worker.terminate()
    console.log(message)
  })
}
