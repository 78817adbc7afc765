// What the website widget costs a browser: `make bench-widget`. No figure is asserted: they are the machine's as much
// as the page's, and the load is printed beside them.
//   node main.mjs [first|flood|sizes …]

import { readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { constants, gzipSync } from 'node:zlib'
import { noteArrivals } from '../../node/widget/test/browser/support/in-page.mjs'
import { withStage } from '../../node/widget/test/browser/support/stage.mjs'

const ASKS = 50
const PIECES_A_SECOND = 100
const SECONDS = 20
const DELAY = `${1000 / PIECES_A_SECOND}ms`
/** Nothing is refused here. */
const GENEROUS = { messagesPerMinute: 10_000 }

const BRAIN = {
  script: {
    rules: [
      {
        when: { contains: 'flood of sentences' },
        then: [
          { say: { pieces: Array.from({ length: PIECES_A_SECOND * SECONDS }, (_, n) => words(n)), delay: DELAY } },
        ],
      },
      {
        when: { contains: 'flood without an end' },
        then: [
          { say: { pieces: Array.from({ length: PIECES_A_SECOND * SECONDS }, (_, n) => `word ${n} `), delay: DELAY } },
        ],
      },
      { when: 'any', then: [{ say: { think: '50ms', pieces: ['First ', 'and ', 'last.'], delay: '30ms' } }] },
    ],
  },
}

/** Text as avatars write it: sentences, now and then something bold, a list, a paragraph. */
function words(n) {
  if (n % 400 === 399) return '\n\n## On\n\n'
  if (n % 60 === 59) return '.\n\n- '
  return n % 15 === 14 ? `**word ${n}** ` : `word ${n} `
}

const ROWS = { sizes, first, flood }
const wanted = process.argv.slice(2)
for (const name of wanted.length > 0 ? wanted : Object.keys(ROWS)) await ROWS[name]()

/** What a page of a site loads, and what is loaded when the panel is opened. */
function sizes() {
  const size = (name) => {
    const file = fileURLToPath(new URL(`../../node/widget/dist/${name}`, import.meta.url))
    return gzipSync(readFileSync(file), { level: constants.Z_BEST_COMPRESSION }).length
  }
  const before = size('widget.js')
  const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`
  report('before the panel is opened, gzipped', `${kB(before)} (bar: 8 kB)`)
  report('whole, gzipped', `${kB(before + size('session.js') + size('panel.js'))} (bar: 60 kB)`)
}

/** From the moment at which the emulator sends the first piece: to the program of the page, and to the frame that shows it. */
async function first() {
  await withStage({ brain: BRAIN, ...GENEROUS }, async ({ emulator, visit }) => {
    const shop = await visit()
    await shop.page.evaluate(noteArrivals, 'First')
    await shop.open()
    await shop.ask('Hello', 'last.')
    const stages = { 'in the program of the page': [], 'on the screen': [] }
    for (let n = 0; n < ASKS; n++) {
      const { sessionId } = await shop.sessionOf(n === 0 ? 'Hello' : `Question ${n - 1}`)
      const since = (await emulator.journal()).at(-1).n + 1
      await shop.page.evaluate(() => globalThis.arrivals.splice(0))
      const seen = shop.shown('First', n + 2)
      await shop.ask(`Question ${n}`, 'last.')
      const entries = await emulator.journal({ since })
      const sent = entries.find(
        ({ what, frame, sessionId: of }) => what === 'frame-out' && frame.sender === 'umm' && of === sessionId,
      )
      const [arrived] = await shop.page.evaluate(() => globalThis.arrivals)
      stages['in the program of the page'].push(arrived - sent.atMs)
      stages['on the screen'].push((await seen) - sent.atMs)
    }
    for (const [stage, delays] of Object.entries(stages)) {
      delays.sort((one, other) => one - other)
      const at = (part) => `${delays[Math.min(delays.length - 1, Math.floor(delays.length * part))].toFixed(0)} ms`
      const bar = stage === 'on the screen' ? ' (bar: 50 ms)' : ''
      report(
        `first piece ${stage} after the emulator sent it, ${ASKS} questions`,
        `median ${at(0.5)}, p95 ${at(0.95)}, worst ${at(1)}${bar}`,
      )
    }
  })
}

/** Text as avatars write it, and one paragraph that only grows, of which nothing is ever finished. */
async function flood() {
  for (const what of ['flood of sentences', 'flood without an end'])
    await withStage({ brain: BRAIN, ...GENEROUS }, ({ browser, visit }) => flooded(what, browser, visit))
}

/** Tasks of the page over 50 ms, on the clock and in processor time, which a busy machine changes little. */
async function flooded(what, browser, visit) {
  const shop = await visit()
  await shop.open()
  await shop.ask('Hello', 'last.')
  await shop.page.evaluate(() => {
    globalThis.long = []
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) globalThis.long.push(duration)
    }).observe({ type: 'longtask' })
  })
  await browser.startTracing(shop.page, { categories: ['toplevel'] })
  const began = Date.now()
  await shop.say(what)
  const last = `word ${PIECES_A_SECOND * SECONDS - 2}`
  while ((await shop.whole('avatar', last).count()) === 0) await pause(250)
  const took = (Date.now() - began) / 1000
  const { traceEvents } = JSON.parse(await browser.stopTracing())
  const main = traceEvents.filter((one) => one.name === 'thread_name' && one.args.name === 'CrRendererMain')
  const isMain = (event) => main.some((one) => one.pid === event.pid && one.tid === event.tid)
  const tasks = traceEvents.filter((one) => one.ph === 'X' && one.name.endsWith('RunTask') && isMain(one))
  const long = await shop.page.evaluate(() => globalThis.long)
  const worst = (lengths) => `${Math.max(0, ...lengths).toFixed(0)} ms`
  const processor = tasks.map(({ tdur = 0 }) => tdur / 1000)
  const name = `${what}, ${PIECES_A_SECOND} pieces a second for ${SECONDS} s (whole after ${took.toFixed(1)} s)`
  report(`${name}, long tasks`, `${long.length}, worst ${worst(long)} (bar: none over 50 ms)`)
  report(
    `${name}, tasks in processor time`,
    `${processor.filter((length) => length > 50).length} over 50 ms, worst ${worst(processor)}, ` +
      `${(processor.reduce((sum, one) => sum + one, 0) / 1000).toFixed(1)} s in all`,
  )
}

function report(what, figure) {
  console.log(`${what}: ${figure} (load ${loadavg()[0]?.toFixed(1)})`)
}
