// What a test stands on: the real emulator, a real server part, and real Chromium.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { startEmulator } from 'secondme-avatar/testing'
import { BRAIN } from './brain.mjs'
import { openPage, Visit } from './visit.mjs'

/** Nothing of one address is refused: all tests come from one. */
const GENEROUS = {
  messagesPerMinute: 1000,
  addressMessagesPerMinute: 10_000,
  newVisitorsPerMinute: 1000,
  callsPerMinute: 100_000,
}
const ICON = { type: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg"/>' }
/** Of 32 bytes. */
const SECRET = 'a secret of the tests, kept by all'

const here = (file) => fileURLToPath(new URL(file, import.meta.url))

/** The widget as it was built. */
const WIDGET = here('../../../dist')

/** The programs that serve the shop, one for each language of the server part. */
const PROGRAMS = {
  node: () => [process.execPath, here('serve.mjs')],
  python: () => [process.env.WIDGET_PYTHON ?? 'python3', here('serve.py')],
}

/** The languages whose server part is there: Python's where its environment was named. */
export const LANGUAGES = process.env.WIDGET_PYTHON ? ['node', 'python'] : ['node']

/** Tests of one browser that run side by side, each with an emulator, a server and a context of its own. */
export const SIDE_BY_SIDE = { concurrency: Number(process.env.WIDGET_PAGES ?? 4) }

export let browser

/** Starts the browser of a file's tests before them, and ends it after. */
export function withBrowser() {
  before(async () => {
    browser = await launch()
  })
  after(() => browser.close())
}

/** What Chromium is started with. */
export function launchOptions() {
  // As root, as in CI, Chromium has no sandbox.
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  const args = [...sandbox, '--disable-gpu', '--disable-dev-shm-usage']
  return { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args }
}

export function launch() {
  return chromium.launch(launchOptions())
}

/** The shop's server, which can be killed and started again at the same address with the same store. */
export class Server {
  #folder = mkdtempSync(join(tmpdir(), 'avatar-shop-'))
  #options
  #program
  #running
  log = ''

  constructor(language, emulator, options) {
    const { baseUrl, apiKey } = emulator
    this.#program = PROGRAMS[language]()
    const store = join(this.#folder, 'avatar.db')
    const pages = { '/': shopPage(), '/icon.svg': ICON, ...options.pages }
    this.#options = { baseUrl, apiKey, store, secret: SECRET, files: WIDGET, ...GENEROUS, ...options, pages }
  }

  /** The breaks of the policy that browsers have reported. */
  async reports() {
    return (await fetch(`${this.origin}/reports`)).json()
  }

  async start() {
    this.#options.port ??= await freePort()
    const [program, ...args] = this.#program
    const env = { ...process.env, NO_PROXY: '127.0.0.1,localhost' }
    // A child of `node --test` would take itself for a part of it.
    delete env.NODE_TEST_CONTEXT
    const running = spawn(program, [...args, JSON.stringify(this.#options)], { env, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#running = running
    running.stderr.on('data', (text) => {
      this.log += text
    })
    const told = once(createInterface(running.stdout), 'line')
    const ended = once(running, 'close').then(() => Promise.reject(new Error(`the shop's server ended: ${this.log}`)))
    ended.catch(() => undefined)
    const [line] = await Promise.race([told, ended])
    this.port = JSON.parse(line).port
    this.origin = `${this.#options.secure ? 'https' : 'http'}://localhost:${this.port}`
  }

  /** Without a signal's name at once, as a crash does. */
  async stop(signal = 'SIGKILL') {
    const running = this.#running
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const ended = once(running, 'close')
    running.kill(signal)
    await ended
  }

  async end() {
    await this.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** A certificate for this machine, which no one has signed. */
export function certificate() {
  const folder = mkdtempSync(join(tmpdir(), 'avatar-certificate-'))
  try {
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name))
    const what = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=localhost']
    const files = ['-keyout', key, '-out', cert, '-days', '1', '-addext', 'subjectAltName=DNS:localhost']
    execFileSync('openssl', ['req', '-x509', ...what, ...files], { stdio: 'pipe' })
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** One that a server may take again after it was killed. */
async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  await once(probe, 'close')
  return port
}

/** A page with the widget on it: `attributes` of its script, and the document's own. */
export function shopPage({ lang = 'en', dir = 'ltr', origin = '', attributes = '', head = '', body = '' } = {}) {
  const script = `<script src="${origin}/avatar/widget.js" ${attributes} async></script>`
  const icon = '<link rel="icon" href="/icon.svg">'
  return {
    type: 'text/html; charset=utf-8',
    body: `<!doctype html><html lang="${lang}" dir="${dir}"><head><title>The shop</title>${icon}${head}${script}</head>
<body><header><a href="/">Home</a></header><main><h1>The shop</h1><p>Things.</p></main>${body}</body></html>`,
  }
}

/** The same outside of a test. */
export async function withStage(options, work) {
  const ends = []
  browser = await launch()
  try {
    const staged = await stage({ after: (end) => ends.unshift(end) }, options)
    await work({ ...staged, browser })
  } finally {
    for (const end of ends) await end()
    await browser.close()
  }
}

/** An emulator, a server and the means to visit the shop, for as long as a test lasts. */
export async function stage(test, { language = 'node', brain = BRAIN, emulator: emulated, ...served } = {}) {
  const emulator = await startEmulator({ brain, ...emulated })
  const server = new Server(language, emulator, served)
  test.after(async () => {
    await server.end()
    await emulator.stop()
  })
  await server.start()
  const visit = async ({ path = '/', origin = server.origin, ...options } = {}) => {
    const page = await openPage(browser, origin + path, options)
    const visited = new Visit(page, emulator)
    test.after(() => visited.leave())
    return visited
  }
  return { emulator, server, visit }
}

/** Waits until the service has heard just this of all visitors, in this order. */
export async function heardAll(emulator, texts, patienceMs = 90_000) {
  const said = ({ sessions }) =>
    sessions.flatMap(({ messages }) => messages.filter((one) => one.author === 'visitor').map((one) => one.text))
  const state = await emulator.waitUntil((now) => said(now).length >= texts.length, patienceMs)
  assert.deepEqual(said(state), texts)
}
