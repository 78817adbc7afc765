// What the console costs a browser: `make bench-console`. Each figure is from one run, and none is asserted. With
// TRACE=FOLDER what the browser did is written there, for its own view of a trace.
import { writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { conversation, crowd } from './crowd.mjs'
import { launch, openPage, startEmulator } from './support.mjs'

const CONVERSATIONS = 1000
const FRAMES_A_SECOND = 100
const SECONDS = 15
const ENTRIES = 100_000
/** Conversations whose entries, less than 2,000, are copied as a scenario. */
const COPIED = 150
const CAUSES = ['devtools.timeline', 'v8', 'disabled-by-default-v8.gc']

const emulator = await startEmulator()
const browser = await launch()
const { sessions, end } = await crowd(emulator, CONVERSATIONS, 100)
await emulator.control('POST', 'settings', { journal: ENTRIES })

const page = await openPage(browser, emulator.origin)
await page.locator('.inbox .row').first().waitFor()
const paint = await page.evaluate(
  () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN,
)
report('first paint', `${paint.toFixed(0)} ms`)

/** Tasks of the page over 50 ms while something happens: on the clock, and in processor time, which a busy machine changes little. */
async function watched(name, work) {
  await browser.startTracing(page, { categories: ['toplevel', ...(process.env.TRACE ? CAUSES : [])] })
  await work()
  const trace = await browser.stopTracing()
  if (process.env.TRACE) writeFileSync(join(process.env.TRACE, `${name.replaceAll(/\W+/g, '-')}.json`), trace)
  const { traceEvents } = JSON.parse(trace)
  const main = traceEvents.filter((one) => one.name === 'thread_name' && one.args.name === 'CrRendererMain')
  const isMain = (event) => main.some((one) => one.pid === event.pid && one.tid === event.tid)
  const tasks = traceEvents.filter((one) => one.ph === 'X' && one.name.endsWith('RunTask') && isMain(one))
  const figures = ['dur', 'tdur'].map((field) => {
    const lengths = tasks.map((task) => (task[field] ?? 0) / 1000)
    const over = (limit) => lengths.filter((length) => length > limit).length
    return `${over(50)} tasks over 50 ms, ${over(100)} over 100 ms, the longest ${Math.max(0, ...lengths).toFixed(0)} ms`
  })
  report(name, `${figures[0]}; in processor time ${figures[1]}`)
}

async function frames(seconds) {
  let said = 0
  const began = Date.now()
  while (Date.now() - began < seconds * 1000) {
    const due = Math.min(FRAMES_A_SECOND * seconds, ((Date.now() - began) * FRAMES_A_SECOND) / 1000)
    const work = []
    for (; said < due; said++)
      work.push(emulator.control('POST', 'owner/reply', { sessionId: sessions[said % 100], text: `word ${said}` }))
    await Promise.all(work)
    await pause(10)
  }
  return said
}

const load = `${CONVERSATIONS} conversations, ${FRAMES_A_SECOND} frames a second, ${SECONDS} s`
await watched(`${load}, the list`, () => frames(SECONDS))
await page.getByRole('tab', { name: 'Journal' }).click()
await watched(`${load}, list and journal`, () => frames(SECONDS))
await page.locator('.inbox .row').first().click()
await watched(`${load}, a conversation open`, () => frames(SECONDS))

// All of it in one conversation, which is open.
const COME = 3_000
await watched(`${COME} messages in the open conversation`, async () => {
  const sessionId = new URL(page.url()).searchParams.get('session')
  for (let n = 0; n < COME; n += 100) {
    const text = (offset) => `one ${n + offset + 1}.`
    await Promise.all(
      Array.from({ length: 100 }, (_, offset) =>
        emulator.control('POST', 'owner/reply', { sessionId, text: text(offset) }),
      ),
    )
  }
  await page.locator('.thread .bubble').getByText(`one ${COME}.`).waitFor()
})

// The page keeps what the emulator's journal no longer has room for.
const entries = async () => Number((await page.locator('.journal-count').textContent()).match(/\d+/)?.[0] ?? 0)
while ((await entries()) < ENTRIES) {
  await Promise.all(
    Array.from({ length: 90 }, (_, n) =>
      emulator.control('POST', 'owner/reply', { sessionId: sessions[n], text: 'more' }),
    ),
  )
  await pause(100)
}
await watched(`scrolling ${ENTRIES} entries`, () =>
  page.locator('.journal-list').evaluate(async (list) => {
    for (let step = 0; step <= 200; step++) {
      list.scrollTop = (list.scrollHeight * step) / 200
      await new Promise(requestAnimationFrame)
    }
  }),
)
await watched(`searching ${ENTRIES} entries`, async () => {
  await page.getByLabel('Search requests and frames').fill('word 1234')
  await page
    .locator('.journal-count')
    .getByText(/ of \d+ entries/)
    .waitFor()
})
for (let n = 0; n < COPIED; n++) await conversation(emulator, { name: `Late ${n}`, channel: 'late' })
await page.getByLabel('Search requests and frames').fill('')
await page.getByLabel('Visitor id').fill('late_')
const copyButton = page.getByRole('button', { name: 'Copy as scenario', exact: true })
await copyButton.waitFor()
const count = await page.locator('.journal-count').textContent()
await watched(`copying ${count.match(/\d+ of \d+/)?.[0]} entries as a scenario`, async () => {
  await copyButton.click()
  await page.locator('.notice').getByText('Copied').waitFor()
})
end()
await browser.close()
await emulator.stop()

function report(what, figure) {
  console.log(`${what}: ${figure} (load ${loadavg()[0]?.toFixed(1)})`)
}
