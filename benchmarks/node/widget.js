// What 2,000 visitors cost who stream at the same time through the server part of the website widget, over HTTP, beside the
// library alone with as many streams, and node:http alone: resident memory of a process that holds nothing else. And how
// much later a first piece is there. `node --expose-gc widget.js library|server|http BASE_URL KEY STORE` is such a
// process; it works on request.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, get, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AvatarClient } from 'secondme-avatar'
import { avatarWidget, toNodeListener } from 'secondme-avatar/web'

import { model } from './model.js'
import { atLeast, atMost, median } from './report.js'
import { emulator } from './servers.js'

const VISITORS = Number(process.env.WIDGET_VISITORS ?? 2000)
/** Who stream before anything is measured: pools, the runtime and the allocator warm up. */
const WARM_UP = 50
/** So many begin at once. */
const AT_ONCE = 20
const FIRST_PIECES = 200
/** Opening takes a while, and an answer waits for all others. */
const LONG_MS = 3_600_000
const PATIENT = {
  openDeadlineMs: LONG_MS,
  askDeadlineMs: LONG_MS,
  firstPieceDeadlineMs: LONG_MS,
  replyIdleMs: LONG_MS,
}
const WHAT = `${VISITORS.toLocaleString('en')} visitors streaming at once`
/** V8 gives back what its young generation has grown by once the program has allocated little for 5 s. */
const SETTLED_MS = 8000

export async function widget() {
  const runs = Number(process.env.REPEAT ?? 3)
  const each = { library: [], server: [], http: [] }
  let [right, crossed] = [VISITORS, 0]
  for (let run = 0; run < runs; run += 1) {
    for (const what of Object.keys(each)) {
      const result = await measured(what)
      each[what].push(result.kib)
      right = Math.min(right, result.right)
      crossed = Math.max(crossed, result.crossed)
    }
  }
  for (const [when, at] of [
    ['all garbage collected', 'settled'],
    ['as it stands', 'standing'],
  ]) {
    const [library, server, http] = Object.values(each).map((figures) => median(figures.map((kib) => kib[at])))
    const aside = `(${server.toFixed(1)} KiB each, the library ${library.toFixed(1)}, node:http alone ${http.toFixed(1)})`
    atMost(`widget, ${WHAT}, ${when}: memory of each, of the library alone`, server / library, 2, aside)
  }
  atLeast(`widget, ${WHAT}: answers that are right`, right, VISITORS, '')
  atMost(`widget, ${WHAT}: words of another visitor`, crossed, 0, '')
  const later = await firstPieces()
  const beside = `(ms; ${later.server.toFixed(2)} over HTTP, with the library ${later.library.toFixed(2)})`
  atMost('widget, the first piece over HTTP, later than with the library', later.server - later.library, 5, beside)
}

/** One process with all its visitors. */
async function measured(what) {
  const brain = await model()
  const service = await emulator(brain.settings)
  const folder = mkdtempSync(join(tmpdir(), 'secondme-avatar-bench-'))
  const program = fork(
    fileURLToPath(import.meta.url),
    [what, service.baseUrl, service.apiKey, join(folder, 'avatar.db')],
    { execArgv: ['--expose-gc'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  )
  const ask = async (message) => {
    program.send(message)
    return (await once(program, 'message'))[0]
  }
  try {
    const { base } = await ask({ do: 'begin' })
    const begin = what === 'library' ? (from, to) => ask({ do: 'stream', from, to }) : overHttp(base)
    await begin(0, WARM_UP)
    const before = await ask({ do: 'memory' })
    await begin(WARM_UP, WARM_UP + VISITORS)
    const after = await ask({ do: 'memory' })
    const kib = Object.fromEntries(Object.keys(after).map((at) => [at, (after[at] - before[at]) / 1024 / VISITORS]))
    if (what === 'http') return { kib, right: VISITORS, crossed: 0 }
    brain.end()
    const { texts } = await (what === 'library' ? ask({ do: 'texts' }) : begin.texts())
    return { kib, ...judged(texts.slice(WARM_UP), WARM_UP) }
  } finally {
    program.kill()
    await service.stop()
    brain.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

function word(number) {
  return `secret-word-${number}`
}

/** The own word stands at the beginning and the end of an answer, and no other one between. */
function judged(texts, first) {
  const right = texts.filter((text, at) => {
    const own = word(first + at)
    return text.startsWith(`${own} `) && text.endsWith(` ${own}`)
  }).length
  const crossed = texts.filter((text, at) =>
    [...text.matchAll(/secret-word-([0-9]+)/g)].some(([, number]) => Number(number) !== first + at),
  ).length
  return { right, crossed }
}

/** Visitors with a cookie each, whose answers are read in this process. */
function overHttp(base) {
  const answers = []
  const begin = async (from, to) => {
    for (let at = from; at < to; at += AT_ONCE) {
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, to - at) }, (_, number) => one(at + number)))
    }
  }
  const one = async (number) => {
    const cookie = await visited(base)
    const answer = { text: '', ended: undefined }
    answers[number] = answer
    await new Promise((heard, failed) => {
      answer.ended = new Promise((end) => {
        const asked = request(base, { method: 'POST', agent: false, headers: { cookie, ...JSON_TYPE } })
        asked.on('error', failed)
        asked.on('response', (response) => {
          if (response.statusCode !== 200) failed(new Error(`the answer is ${response.statusCode}`))
          response.setEncoding('utf8')
          let all = ''
          response.on('data', (chunk) => {
            all += chunk
            if (all.includes('"text-delta"')) heard()
          })
          response.on('end', () => {
            answer.text = [...all.matchAll(/^data: (\{.*"text-delta".*\})$/gm)]
              .map(([, part]) => JSON.parse(part).delta)
              .join('')
            end()
          })
        })
        asked.end(question(`m${number}`, word(number)))
      })
    })
  }
  begin.texts = async () => {
    await Promise.all(answers.map(({ ended }) => ended))
    return { texts: answers.map(({ text }) => text) }
  }
  return begin
}

const JSON_TYPE = { 'content-type': 'application/json' }

function question(id, text) {
  return JSON.stringify({ messages: [{ id, role: 'user', parts: [{ type: 'text', text }] }] })
}

async function visited(base) {
  const [answer] = await once(get(base, { agent: false }), 'response')
  answer.resume()
  return answer.headers['set-cookie'][0].split(';')[0]
}

/** The middle of the times from a question to its first piece, one after the other. */
async function firstPieces() {
  const service = await emulator()
  const folder = mkdtempSync(join(tmpdir(), 'secondme-avatar-bench-'))
  const client = new AvatarClient({
    baseUrl: service.baseUrl,
    apiKey: service.apiKey,
    store: join(folder, 'avatar.db'),
  })
  const served = await serving(client)
  try {
    const chat = await client.open({ platform: 'bench', userId: 'first' })
    const cookie = await visited(served.base)
    const times = { library: [], server: [] }
    for (let number = 0; number < FIRST_PIECES; number += 1) {
      let begun = performance.now()
      const pieces = chat.stream(word(number))
      await pieces.next()
      times.library.push(performance.now() - begun)
      await pieces.reply()
      begun = performance.now()
      const asked = request(served.base, { method: 'POST', headers: { cookie, ...JSON_TYPE } })
      asked.end(question(`m${number}`, word(number)))
      const [answer] = await once(asked, 'response')
      answer.setEncoding('utf8')
      let all = ''
      for await (const chunk of answer) {
        const isFirst = !all.includes('"text-delta"')
        all += chunk
        if (isFirst && all.includes('"text-delta"')) times.server.push(performance.now() - begun)
      }
    }
    return { library: median(times.library), server: median(times.server) }
  } finally {
    await served.stop()
    await client.close()
    await service.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function serving(client) {
  const many = 1_000_000
  const part = avatarWidget(client, {
    ask: { deadlineMs: LONG_MS, firstPieceDeadlineMs: LONG_MS },
    secret: 'a secret of the figures, of 32 bytes or more',
    messagesPerMinute: many,
    addressMessagesPerMinute: many,
    newVisitorsPerMinute: many,
    callsPerMinute: many,
  })
  await part.start()
  const server = createServer(toNodeListener(part)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = async () => {
    await part.close({ deadlineMs: 0 })
    server.closeAllConnections()
    server.close()
  }
  return { base: `http://127.0.0.1:${server.address().port}/avatar`, stop }
}

/** The process that is measured. */
function measure(what, baseUrl, apiKey, store) {
  const client = new AvatarClient({ baseUrl, apiKey, store, quota: 1_000_000, ...PATIENT })
  const answers = []
  const one = async (number) => {
    const chat = await client.open({ platform: 'bench', userId: `${number}` })
    await new Promise((heard) => {
      answers[number] = read(chat.stream(word(number)), heard)
    })
  }
  const tasks = {
    async begin() {
      if (what === 'http') return { base: await byHand() }
      return what === 'server' ? { base: (await serving(client)).base } : {}
    },
    async stream({ from, to }) {
      for (let at = from; at < to; at += AT_ONCE) {
        await Promise.all(Array.from({ length: Math.min(AT_ONCE, to - at) }, (_, number) => one(at + number)))
      }
      return {}
    },
    async texts() {
      return { texts: await Promise.all(answers) }
    },
    async memory() {
      const standing = process.memoryUsage.rss()
      return { standing, settled: await collected() }
    },
  }
  process.on('message', async (message) => process.send(await tasks[message.do](message)))
  process.on('disconnect', () => process.exit())
}

async function read(pieces, heard) {
  let text = ''
  for await (const piece of pieces) {
    text += piece
    heard()
  }
  return text
}

/** What is left when the garbage is collected, and V8 has had the time to give it back. */
async function collected() {
  for (let waited = 0; waited < SETTLED_MS; waited += 1000) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
  return process.memoryUsage.rss()
}

/** The same streams with nothing behind them: what node:http itself takes for each. */
async function byHand() {
  const streams = []
  const server = createServer(async (request, response) => {
    if (request.method === 'GET') return response.writeHead(200, { 'set-cookie': 'visitor=of-the-figures' }).end()
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    const [{ id, parts }] = JSON.parse(body).messages
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(`data: ${JSON.stringify({ type: 'text-delta', id, delta: parts[0].text })}\n\n`)
    streams.push(response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${server.address().port}/avatar`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) measure(...process.argv.slice(2))
