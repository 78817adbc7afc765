// From a frame on the wire to an event in the program's hands: `chat.on` and `for await`, beside ws and undici's
// WebSocket with JSON.parse, which read the fields that a bot needs and put replies together.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { AvatarClient } from 'secondme-avatar'
import { request, WebSocket as UndiciSocket } from 'undici'
import { WebSocket } from 'ws'

import { atLeast, atMost, median } from './report.js'
import { flood } from './servers.js'

const REPLIES = Number(process.env.REPLIES ?? 30_000)
const RUNS = Number(process.env.REPEAT ?? 5)

const ways = {
  ws: (server, acknowledges) => bare(server, acknowledges, openWs),
  undici: (server, acknowledges) => bare(server, acknowledges, openUndici),
  'chat.on': (server, acknowledges) => ours(server, acknowledges, listen),
  'for await': (server, acknowledges) => ours(server, acknowledges, loop),
}

export async function events() {
  const server = await flood()
  for (const acknowledges of [false, true]) {
    const [rates, delays] = [0, 0].map(() => Object.fromEntries(Object.keys(ways).map((way) => [way, []])))
    for (let run = 0; run < RUNS; run += 1) {
      for (const way of Object.keys(ways)) {
        const { rate, delay } = await alone(server, way, acknowledges)
        rates[way].push(rate)
        delays[way].push(delay)
      }
    }
    const switched = `acknowledgements ${acknowledges ? 'on' : 'off'}`
    for (const mine of ['chat.on', 'for await']) {
      for (const theirs of ['ws', 'undici']) {
        const ratios = rates[mine].map((rate, run) => rate / rates[theirs][run])
        const aside = `(${median(rates[mine]).toFixed(2)} M frames/s, by hand ${median(rates[theirs]).toFixed(2)})`
        const bar = acknowledges && theirs === 'ws' ? 6 : 2
        atLeast(`events by ${mine}, ${switched}, of ${theirs} + JSON.parse`, median(ratios), bar, aside)
      }
    }
    const [mine, theirs] = [median(delays['chat.on']), median(delays.ws)]
    const aside = `(${mine.toFixed(1)} ms, by hand ${theirs.toFixed(1)} ms)`
    atMost(`event-loop delay p99 meanwhile, ${switched}, of ws + JSON.parse`, mine / theirs, 1, aside)
  }
  await server.stop()
}

/**
 * One way in a process of its own, as a program has it. In one process the ways slow each other down: after a WebSocket of
 * undici's has read as many frames, the library is a third as fast there, and ws two thirds.
 */
async function alone(server, way, acknowledges) {
  const program = [fileURLToPath(import.meta.url), JSON.stringify({ server, way, acknowledges })]
  const child = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(child.stdout, 'data')
  await once(child, 'exit')
  return JSON.parse(line)
}

/** The process's own work: a round to warm up, whose figures do not count, and one that does. */
async function measureOne({ server, way, acknowledges }) {
  await ways[way](server, acknowledges)
  const lateness = monitorEventLoopDelay({ resolution: 1 })
  lateness.enable()
  const seconds = await ways[way](server, acknowledges)
  lateness.disable()
  const rate = (REPLIES * server.frames_per_reply) / seconds / 1e6
  process.stdout.write(JSON.stringify({ rate, delay: lateness.percentile(99) / 1e6 }))
}

function begin(server) {
  return request(`${server.base_url}/_bench/begin`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ replies: REPLIES }),
  }).then(({ body }) => body.dump())
}

async function ours(server, acknowledge, read) {
  const client = new AvatarClient({ apiKey: 'sk-benchmark', baseUrl: server.base_url, acknowledge })
  const chat = await client.open({ platform: 'bench', userId: 'node' })
  const done = read(chat)
  await begin(server)
  const seconds = await done
  await client.close()
  return seconds
}

function listen(chat) {
  return new Promise((resolve) => {
    let started
    let replies = 0
    chat.on('event', (event) => {
      started ??= performance.now()
      if (event.type === 'reply') {
        replies += 1
        if (replies === REPLIES) resolve((performance.now() - started) / 1000)
      }
    })
  })
}

async function loop(chat) {
  let started
  let replies = 0
  for await (const event of chat) {
    started ??= performance.now()
    if (event.type === 'reply') {
      replies += 1
      if (replies === REPLIES) break
    }
  }
  return (performance.now() - started) / 1000
}

async function bare(server, acknowledges, open) {
  const create = await request(`${server.base_url}/rest/general/ws/create`, { method: 'POST', body: '{}' })
  const { data } = await create.body.json()
  let done
  const finished = new Promise((resolve) => {
    done = resolve
  })
  let started
  let replies = 0
  let replyId = ''
  let reply = ''
  const socket = await open(data.address, (text) => {
    started ??= performance.now()
    const frame = JSON.parse(text)
    if (acknowledges) socket.send(JSON.stringify({ type: 'ack', seqId: frame.seqId, wsId: data.wsId }))
    const isOwner = frame.sender === 'client' && frame.sendUserId !== 'del3p'
    if (frame.type !== 'msg' || isOwner || frame.sessionId !== 'session-1') throw new Error('a frame that was not sent')
    if (frame.messageId !== replyId) {
      replyId = frame.messageId
      reply = ''
    }
    for (const { modal } of frame.multipleData) reply += modal.answer
    if (frame.index === -1) {
      if (reply === '') throw new Error('an empty reply')
      replies += 1
      if (replies === REPLIES) done((performance.now() - started) / 1000)
    }
  })
  await begin(server)
  const seconds = await finished
  await socket.end()
  return seconds
}

async function openWs(address, take) {
  const socket = new WebSocket(address, { perMessageDeflate: false })
  socket.on('message', take)
  await new Promise((resolve) => socket.once('open', resolve))
  return {
    send: (text) => socket.send(text),
    async end() {
      socket.terminate()
    },
  }
}

async function openUndici(address, take) {
  const socket = new UndiciSocket(address)
  socket.addEventListener('message', ({ data }) => take(data))
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }))
  return {
    send: (text) => socket.send(text),
    async end() {
      socket.close()
    },
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await measureOne(JSON.parse(process.argv[2]))
  process.exit()
}
