// What the tests need of a browser.
import { afterEach, beforeEach, mock } from 'node:test'
import { Session } from '../lib/session.js'

export const SERVER = 'https://shop.example/avatar'
/** Under which names a session keeps things in the browser. */
export const KEPT = `secondme-avatar:${SERVER}`

/** A storage like `localStorage`; `isFull` refuses all that is written. */
export class FakeStorage {
  #values = new Map()
  isFull = false

  getItem(key) {
    return this.#values.get(key) ?? null
  }
  setItem(key, value) {
    if (this.isFull) throw new DOMException('full', 'QuotaExceededError')
    this.#values.set(key, String(value))
  }
  removeItem(key) {
    this.#values.delete(key)
  }
}

export function message(id, author, text, rest = {}) {
  return { id, author, name: '', text, at: 1000, sources: [], cards: [], inReplyTo: null, ...rest }
}

const HEADERS = { 'content-type': 'text/event-stream; charset=utf-8' }
const encoder = new TextEncoder()

/** A server part in the place of `fetch`: what it is told to answer, and what it was asked. */
export class FakeServer {
  asked = []
  events = []
  replies = []
  messages = []
  info = { avatarName: 'Mira', ownerName: 'Ada', isOwnerPresent: false, hasHistory: false, maxTextChars: 10_000 }
  /** Answers a call in the place of the server, or throws as a broken network does. */
  before = () => undefined

  fetch = async (address, init = {}) => {
    const { pathname, searchParams } = new URL(address)
    const call = `${init.method ?? 'GET'} ${pathname}`
    const body = init.body === undefined ? undefined : JSON.parse(init.body)
    this.asked.push({ call, body, headers: init.headers ?? {}, before: searchParams.get('before') })
    const answer = this.before(call, body, init.signal)
    if (answer !== undefined) return answer
    if (call === 'GET /avatar') return Response.json(this.info)
    if (call === 'GET /avatar/history') return Response.json({ messages: this.messages, before: null })
    if (call === 'GET /avatar/events') return this.#stream(this.events, init.signal)
    if (call === 'GET /avatar/widget/stream') return new Response(null, { status: 204 })
    return this.#stream(this.replies, init.signal)
  }

  /** Writes into the newest stream of a kind. */
  event(event, id = '') {
    write(this.events.at(-1), event, id)
  }
  part(part, index = this.replies.length - 1) {
    write(this.replies[index], part)
  }
  reply(question, text, index) {
    const id = `${question}.1`
    const parts = ['start', 'text-start', 'text-delta', 'text-end', 'finish']
    for (const type of parts) this.part({ type, id, messageId: id, delta: text }, index)
    this.end(this.replies, index)
  }
  end(streams, index = streams.length - 1) {
    streams[index].close()
  }
  cut(streams, index = streams.length - 1) {
    streams[index].error(new TypeError('network error'))
  }
  posted() {
    return this.asked.filter(({ call }) => call === 'POST /avatar').map(({ body }) => body.messages[0])
  }
  count(call) {
    return this.asked.filter((asked) => asked.call === call).length
  }

  #stream(streams, signal) {
    const body = new ReadableStream({
      start: (controller) => {
        streams.push(controller)
        signal?.addEventListener('abort', () => {
          try {
            controller.error(new DOMException('aborted', 'AbortError'))
          } catch {}
        })
      },
    })
    return new Response(body, { headers: HEADERS })
  }
}

function write(controller, value, id = '') {
  controller.enqueue(encoder.encode(`${id === '' ? '' : `id: ${id}\n`}data: ${JSON.stringify(value)}\n\n`))
}

/** What no one answers, until the one who asks gives up. */
export function silence(signal) {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
  })
}

export function refused(status, headers = {}) {
  return Response.json({ error: { code: 'x', message: 'x' } }, { status, headers })
}

/** The page that a session is on. Returns what makes its events. */
export function fakePage() {
  const page = new EventTarget()
  const document = Object.assign(new EventTarget(), { hidden: false, title: 'Shop' })
  globalThis.localStorage = new FakeStorage()
  globalThis.sessionStorage = new FakeStorage()
  globalThis.document = document
  globalThis.addEventListener = page.addEventListener.bind(page)
  return {
    document,
    tell: (type, fields = {}) => page.dispatchEvent(Object.assign(new Event(type), fields)),
    hide(hidden) {
      document.hidden = hidden
      document.dispatchEvent(new Event('visibilitychange'))
    },
  }
}

export const timers = mock.timers
/** Of the test that runs: its server, its page, and the session on it. */
export let server
export let page
export let session
/** The element that shows the session. */
export const user = {}

/** A page with a server for each test of a file. */
export function withPage() {
  beforeEach(() => {
    timers.enable({ apis: ['setTimeout'] })
    server = new FakeServer()
    page = fakePage()
    session = undefined
    mock.method(globalThis, 'fetch', server.fetch)
  })
  afterEach(async () => {
    session?.leave(user)
    await settled()
    mock.restoreAll()
    timers.reset()
  })
}

/** Loads the page: a session on it, whose panel is open or closed. */
export function begin({ isOpen = true } = {}) {
  session?.leave(user)
  session = new Session(SERVER)
  session.use(user, isOpen)
  session.start(isOpen)
}

/** Loads the page, and waits until the conversation is there and its events come. */
export async function ready() {
  const streams = server.events.length
  begin()
  await until(timers, () => session.state.phase === 'ready' && server.events.length > streams)
}

/** Waits for a condition, while the mocked clock goes on by 100 ms a step. */
export async function until(timers, condition, what) {
  for (let step = 0; step < 2000; step += 1) {
    if (condition()) return
    await settled()
    timers.tick(100)
  }
  throw new Error(`it does not come: ${what ?? condition}`)
}

/** Everything has happened that needs no time. */
export async function settled() {
  for (let round = 0; round < 12; round += 1) await new Promise((resolve) => setImmediate(resolve))
}
