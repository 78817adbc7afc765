// Terminates workers with live conversations, again and again: `workers.mjs RUNS BASE_URL API_KEY`.

import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

import { AvatarClient, setLogger } from 'secondme-avatar'

if (isMainThread) {
  const [runs, baseUrl, apiKey] = process.argv.slice(2)
  const options = { baseUrl, apiKey, quota: 1_000_000 }
  const client = new AvatarClient(options)
  const chat = await client.open({ platform: 'test', userId: 'main' })
  for (let run = 0; run < Number(runs); run += 1) {
    const worker = new Worker(new URL(import.meta.url), { workerData: { run, options } })
    await once(worker, 'message')
    await worker.terminate()
    if (run % 10 === 0) await chat.ask(`still here after ${run}?`)
  }
  await client.close()
  console.log(`${runs} workers terminated`)
} else {
  const { run, options } = workerData
  if (run % 5 === 4) setLogger(() => {}, { filter: 'trace' })
  const client = new AvatarClient({ ...options, onCall: () => {} })
  const chats = await Promise.all(
    ['a', 'b', 'c'].map((name) => client.open({ platform: 'test', userId: `${name}${run}` })),
  )
  client.on('event', () => {})
  // Whatever can be under way is under way; what differs from run to run is how far.
  for (const chat of chats) {
    chat.on('event', () => {})
    ;(async () => {
      for await (const _ of chat.events());
    })()
    for (let number = 0; number < 10; number += 1) {
      chat.send(`message ${number}`).catch(() => {})
      chat.ask(`question ${number}`).catch(() => {})
      chat
        .stream(`stream ${number}`)
        .next()
        .catch(() => {})
    }
    chat.newSession().catch(() => {})
  }
  client.open({ platform: 'test', userId: `d${run}` }).catch(() => {})
  if (run % 5 === 1) chats[0].close()
  if (run % 5 === 2) client.close()
  if (run % 5 === 3) await chats[1].ask('the last one')
  parentPort.postMessage('all is under way')
}
