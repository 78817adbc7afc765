// One question, one answer, one after the other: how long it takes, beside a client written by hand.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { AvatarClient } from 'secondme-avatar'

import { ByHand } from './by-hand.js'
import { atMost, median } from './report.js'
import { emulator } from './servers.js'

const ASKS = Number(process.env.ASKS ?? 300)
const RUNS = Number(process.env.REPEAT ?? 5)

export async function ask() {
  const server = await emulator()
  const client = new AvatarClient({ apiKey: server.apiKey, baseUrl: server.baseUrl, quota: 1_000_000 })
  const http = ByHand.pool(server.baseUrl)
  const ours = await client.open({ platform: 'bench', userId: 'ours' })
  const theirs = await ByHand.open(http, server.apiKey, 'bench_6ba7b810-9dad-11d1-80b4-00c04fd430c8')
  const ratios = []
  const times = { ours: [], theirs: [] }
  for (let run = 0; run <= RUNS; run += 1) {
    const [mine, hand] = [await middle(ours), await middle(theirs)]
    if (run === 0) continue
    ratios.push(mine / hand)
    times.ours.push(mine)
    times.theirs.push(hand)
  }
  const aside = `(${median(times.ours).toFixed(3)} ms, by hand ${median(times.theirs).toFixed(3)} ms)`
  atMost('ask, round trip p50, of undici + ws by hand', median(ratios), 0.7, aside)
  theirs.close()
  await client.close()
  await http.pool.destroy()
  await server.stop()
}

async function middle(chat) {
  const times = []
  for (let number = 0; number < ASKS; number += 1) {
    const started = performance.now()
    await chat.ask(`question ${number}`)
    times.push(performance.now() - started)
  }
  return median(times)
}

/** How late the event loop is while many conversations ask at a time, as many questions on either side. */
export async function delay() {
  const ratios = []
  const delays = { ours: [], theirs: [] }
  const server = await emulator()
  const client = new AvatarClient({ apiKey: server.apiKey, baseUrl: server.baseUrl, quota: 1_000_000 })
  const http = ByHand.pool(server.baseUrl)
  const ours = await Promise.all(numbers(100).map((number) => client.open({ platform: 'bench', userId: `${number}` })))
  const ids = numbers(100).map((number) => `bench_6ba7b810-9dad-11d1-80b4-${String(number).padStart(12, '0')}`)
  const theirs = await Promise.all(ids.map((id) => ByHand.open(http, server.apiKey, id)))
  for (let run = 0; run <= RUNS; run += 1) {
    const [mine, hand] = [await lateness(ours), await lateness(theirs)]
    if (run === 0) continue
    ratios.push(mine / hand)
    delays.ours.push(mine)
    delays.theirs.push(hand)
  }
  const aside = `(${median(delays.ours).toFixed(2)} ms, by hand ${median(delays.theirs).toFixed(2)} ms)`
  atMost('event-loop delay p99, 100 conversations that ask, of undici + ws by hand', median(ratios), 1, aside)
  for (const chat of theirs) chat.close()
  await client.close()
  await http.pool.destroy()
  await server.stop()
}

async function lateness(chats) {
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  await Promise.all(
    chats.map(async (chat) => {
      for (let number = 0; number < 20; number += 1) await chat.ask(`question ${number}`)
    }),
  )
  histogram.disable()
  // It counts the millisecond that it sleeps.
  return histogram.percentile(99) / 1e6 - 1
}

function numbers(count) {
  return Array.from({ length: count }, (_, number) => number)
}
