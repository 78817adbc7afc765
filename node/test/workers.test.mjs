import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'

import { startEmulator } from 'secondme-avatar/testing'

import { run } from './support.mjs'

const emulator = await startEmulator({ settings: { 'quota-per-minute': 1_000_000 } })
test.after(() => emulator.stop())

test('workers are terminated with live conversations, and nothing crashes', async () => {
  const runs = process.env.RUNS ?? '20'
  const { code, signal, out, err } = await run('programs/workers.mjs', runs, emulator.baseUrl, emulator.apiKey)
  assert.deepEqual([code, signal, out], [0, null, `${runs} workers terminated\n`], err)
})

test('a worker has clients of its own, and ends when they are closed', async () => {
  const program = `
    const { AvatarClient } = require('secondme-avatar')
    const { parentPort, workerData } = require('node:worker_threads')
    const client = new AvatarClient(workerData)
    client.open({ platform: 'test', userId: 'worker' }).then(async (chat) => {
      parentPort.postMessage((await chat.ask('Hello')).text)
      await client.close()
    })`
  const { baseUrl, apiKey } = emulator
  const workers = Array.from({ length: 3 }, () => new Worker(program, { eval: true, workerData: { baseUrl, apiKey } }))
  const ends = workers.map((worker) => once(worker, 'exit'))
  const messages = workers.map((worker) => once(worker, 'message'))
  for (const message of messages) assert.deepEqual(await message, ['You said: Hello'])
  for (const end of ends) assert.deepEqual(await end, [0])
})
