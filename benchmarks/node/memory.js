// What a thousand conversations cost that are live and idle, heartbeats running: resident memory of a process that
// holds nothing else. `node --expose-gc memory.js ours|by-hand BASE_URL KEY` is that process.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { AvatarClient, Visitor } from 'secondme-avatar'

import { ByHand } from './by-hand.js'
import { atMost, median } from './report.js'
import { emulator } from './servers.js'

const CONVERSATIONS = 1000
/** Opened before anything is measured: pools, the runtime and the allocator warm up. */
const WARM_UP = 100
/** Long enough for every conversation to have sent a ping. */
const HEARTBEATS_MS = 17_000

export async function memory() {
  const runs = Number(process.env.REPEAT ?? 3)
  const each = { ours: [], 'by-hand': [] }
  for (let run = 0; run < runs; run += 1) {
    for (const what of Object.keys(each)) each[what].push(await measured(what))
  }
  const [ours, byHand] = [median(each.ours), median(each['by-hand'])]
  const aside = `(${ours.toFixed(1)} KiB each, by hand ${byHand.toFixed(1)})`
  atMost('1,000 live conversations, memory each, of undici + ws by hand', ours / byHand, 0.8, aside)
}

async function measured(what) {
  const server = await emulator()
  const program = spawn(
    process.execPath,
    ['--expose-gc', fileURLToPath(import.meta.url), what, server.baseUrl, server.apiKey],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const [figure] = await once(program.stdout, 'data')
  await once(program, 'exit')
  await server.stop()
  return Number(figure)
}

async function measure(what, baseUrl, key) {
  const open = what === 'ours' ? opensOurs(baseUrl, key) : opensByHand(baseUrl, key)
  const chats = []
  const openAll = async (from, to) => {
    for (let at = from; at < to; at += 10) {
      chats.push(...(await Promise.all(Array.from({ length: 10 }, (_, number) => open(at + number)))))
    }
  }
  await openAll(0, WARM_UP)
  const before = await settled()
  await openAll(WARM_UP, WARM_UP + CONVERSATIONS)
  const after = await settled()
  console.log((after - before) / 1024 / CONVERSATIONS)
  process.exit(chats.length === WARM_UP + CONVERSATIONS ? 0 : 1)
}

function opensOurs(baseUrl, apiKey) {
  const client = new AvatarClient({ baseUrl, apiKey, quota: 1_000_000 })
  return (number) => client.open({ platform: 'bench', userId: `${number}` })
}

function opensByHand(baseUrl, key) {
  const http = ByHand.pool(baseUrl)
  return (number) => ByHand.open(http, key, Visitor.forUser('bench', `${number}`).id)
}

/** What is left once the heartbeats have gone out and the garbage is collected. */
async function settled() {
  await new Promise((resolve) => setTimeout(resolve, HEARTBEATS_MS))
  for (let times = 0; times < 3; times += 1) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return process.memoryUsage.rss()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await measure(...process.argv.slice(2))
