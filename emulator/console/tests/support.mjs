// A real browser, beside the real emulator.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, afterEach, before } from 'node:test'
import { chromium } from 'playwright-core'
import { startEmulator } from './emulator.mjs'

export { startEmulator }

/** The emulator and the browser of this file's tests. */
export let emulator
export let browser

/** Starts both before the tests, with these options of the emulator, and ends them after. */
export function stage(...options) {
  before(async () => {
    emulator = await startEmulator(...options)
    browser = await launch()
  })
  after(async () => {
    await browser.close()
    await emulator.stop()
  })
}

/** Another emulator takes the place of the one that is gone. */
export async function startAnother(...options) {
  emulator = await startEmulator(...options)
}

/** After each test: nothing went wrong in its page, which is closed, and the emulator is as at the start. */
export function leave(pageOf) {
  afterEach(async () => {
    const page = pageOf()
    assert.deepEqual(page.wrong, [])
    await page.close()
    await emulator.control('POST', 'reset')
  })
}

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'

export function launch() {
  // As root, as in CI, Chromium has no sandbox.
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return chromium.launch({ executablePath: CHROMIUM, args: [...sandbox, '--disable-gpu', '--disable-dev-shm-usage'] })
}

/** A page that fails the test where anything goes wrong in it: an error, or a break of the content security policy. */
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    // Colours on their way from one to another are neither.
    reducedMotion: 'reduce',
    permissions: ['clipboard-read', 'clipboard-write'],
    ...options,
  })
  const page = await context.newPage()
  const wrong = []
  page.on('pageerror', (error) => wrong.push(`${error}`))
  page.on('console', (message) => {
    // What a test lets fail on purpose is told as a resource that failed to load.
    if (message.type() === 'error' && !/Failed to load resource|WebSocket connection/.test(message.text()))
      wrong.push(message.text())
  })
  page.setDefaultTimeout(15_000)
  if (process.env.CONSOLE_DIST) await fromDist(page)
  await page.goto(url)
  return Object.assign(page, { wrong, close: () => context.close() })
}

/** While the page is worked on: its files as they were built last, under the emulator's headers. */
async function fromDist(page) {
  await page.route(/\/_emulator\/console\//, async (route) => {
    const response = await route.fetch()
    const file = new URL(`../dist/${new URL(route.request().url()).pathname.split('/').at(-1)}`, import.meta.url)
    await route.fulfill({ response, body: readFileSync(file) })
  })
}

/** Plays a visitor in the page. */
export async function enter(page, name, channel = 'web') {
  await page.getByRole('tab', { name: /Visitor|访客/ }).click()
  const another = page.getByRole('button', { name: /Another visitor|再加一位访客/ })
  if (await another.isVisible()) await another.click()
  await page.getByLabel(/^(Name|名字)$/).fill(name)
  await page.getByLabel(/^(Channel|渠道)$/).fill(channel)
  await page.getByRole('button', { name: /Start the chat|开始聊天/ }).click()
  await page
    .locator('.visitor-head')
    .getByText(/Connected|已连接/)
    .waitFor()
}

/** Says something as the visitor whose chat is open. */
export async function say(page, text) {
  const box = page.getByLabel(/Message of the visitor|访客的消息/)
  await box.fill(text)
  await box.press('Enter')
}
