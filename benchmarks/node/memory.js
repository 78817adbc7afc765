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
const WARM_UP = 10
/** Long enough for every conversation to have sent a ping. */
const HEARTBEATS_MS = 17_000

export async function memory() {
  const runs = Number(process.env.REPEAT ?? 3)
  const each = { ours: [], 'by-hand': [] }
  for (let run = 0; run < runs; run += 1) {
    for (const what of Object.keys(each)) each[what].push(await measured(what))
  }
  // V8 gives back late what the opening of a thousand conversations by hand has left behind.
  for (const [when, at] of [
    ['a heartbeat later', 0],
    ['all garbage collected', 1],
  ]) {
    const [ours, byHand] = [each.ours, each['by-hand']].map((figures) => median(figures.map((pair) => pair[at])))
    const aside = `(${ours.toFixed(1)} KiB each, by hand ${byHand.toFixed(1)})`
    atMost(`1,000 live conversations, ${when}, memory of undici + ws by hand`, ours / byHand, 0.8, aside)
  }
}

async function measured(what) {
  const server = await emulator()
  const program = spawn(
    process.execPath,
    ['--expose-gc', fileURLToPath(import.meta.url), what, server.baseUrl, server.apiKey],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const [figures] = await once(program.stdout, 'data')
  await once(program, 'exit')
  await server.stop()
  return JSON.parse(figures)
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
  await heartbeats()
  const before = await collected()
  await openAll(WARM_UP, WARM_UP + CONVERSATIONS)
  await heartbeats()
  const after = [process.memoryUsage.rss(), await collected()]
  console.log(JSON.stringify(after.map((rss) => (rss - before) / 1024 / CONVERSATIONS)))
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

/** Connections that were needed for opening only are closed in the meantime. */
function heartbeats() {
  return new Promise((resolve) => setTimeout(resolve, HEARTBEATS_MS))
}

/** What is left when the garbage is collected, and V8 has had the time to give it back. */
async function collected() {
  for (let times = 0; times < 5; times += 1) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  return process.memoryUsage.rss()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await measure(...process.argv.slice(2))
