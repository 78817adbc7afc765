// A browser, as far as a server sees it, and servers for it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'

import { avatarWidget, toNodeListener } from 'secondme-avatar/web'

export const SECRET = 'a secret of the test, 32 bytes or more'

/** A website with the widget, for as long as a test lasts. */
export async function site(test, client, options = {}, { serve = toNodeListener } = {}) {
  const errors = []
  const widget = avatarWidget(client, {
    ...(options.visitorOf === undefined && { secret: SECRET }),
    onError: (error, context) => errors.push({ error, ...context }),
    ...options,
  })
  const { base, stop } = await listening(serve(widget))
  test.after(async () => {
    await widget.close({ deadlineMs: 0 })
    await stop()
  })
  return { widget, base, errors, stop, visit: (name) => Browser.visit(base, name) }
}

/** Serves until it is stopped. */
export async function listening(listener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { base: `http://127.0.0.1:${server.address().port}/avatar`, stop, server }
}

/** Makes a call; the body of the answer is there, or comes as a stream of texts. */
export async function call(base, { method = 'GET', path = '', query, headers = {}, json, body, chunked } = {}) {
  const text = json === undefined ? body : JSON.stringify(json)
  const type = json === undefined ? {} : { 'content-type': 'application/json' }
  const length = text === undefined || chunked ? {} : { 'content-length': Buffer.byteLength(text) }
  const asked = request(`${base}${path}${query === undefined ? '' : `?${query}`}`, {
    method,
    agent: false,
    headers: { ...type, ...length, ...headers },
  })
  asked.on('error', () => {})
  if (chunked) asked.flushHeaders()
  asked.end(text)
  const [answer] = await once(asked, 'response', { signal: AbortSignal.timeout(60_000) })
  if (answer.headers['content-encoding'] === undefined) answer.setEncoding('utf8')
  return {
    status: answer.statusCode,
    headers: answer.headers,
    leave: () => asked.destroy(),
    chunks: answer,
    async text() {
      let all = ''
      for await (const chunk of answer) all += chunk
      return all
    },
    async json() {
      return JSON.parse(await this.text())
    },
  }
}

/** The messages of an event stream: `{ id, data }`; comments are left out. */
export async function* messagesOf(chunks) {
  let rest = ''
  for await (const chunk of chunks) {
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop()
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)))
      if (fields.data !== undefined) yield fields
    }
  }
}

/** The parts of a UI Message Stream up to its end, with texts that follow each other joined. */
export async function partsOf(answer, seen = () => {}) {
  const parts = []
  let isDone = false
  for await (const { data } of messagesOf(answer.chunks)) {
    assert.ok(!isDone, 'something comes behind [DONE]')
    isDone = data === '[DONE]'
    if (isDone) continue
    const part = JSON.parse(data)
    seen(part)
    const last = parts.at(-1)
    if (part.type === 'text-delta' && last?.type === 'text-delta' && last.id === part.id) last.delta += part.delta
    else parts.push(part)
  }
  assert.ok(isDone, 'the stream broke off')
  return parts
}

export function textOf(parts) {
  return parts.map(({ delta = '' }) => delta).join('')
}

/** An event stream that is open. */
export class Events {
  #messages
  #answer
  lastId

  constructor(answer) {
    this.#answer = answer
    this.#messages = messagesOf(answer.chunks)
  }

  /** The next event, but for what grows. */
  async next() {
    for (;;) {
      const event = await this.any()
      if (event?.type !== 'growing' && event?.type !== 'piece') return event
    }
  }

  /** The next event of all. */
  async any() {
    let timer
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('no event came')), 60_000)
    })
    const { value, done } = await Promise.race([this.#messages.next(), late])
    clearTimeout(timer)
    if (done) return undefined
    this.lastId = value.id ?? this.lastId
    return JSON.parse(value.data)
  }

  /** The next event of a type. */
  async of(type) {
    for (;;) {
      const event = await this.next()
      assert.ok(event !== undefined, `the stream ended before there was ${type}`)
      if (event.type === type) return event
    }
  }

  leave() {
    this.#answer.leave()
  }
}

export class Browser {
  #base
  cookie

  constructor(base, cookie) {
    this.#base = base
    this.cookie = cookie
  }

  static async visit(base) {
    const answer = await call(base)
    assert.equal(answer.status, 200, await answer.text())
    return new Browser(base, answer.headers['set-cookie'][0].split(';')[0])
  }

  /** The same browser, when the server has another address. */
  at(base) {
    return new Browser(base, this.cookie)
  }

  call({ headers = {}, ...given } = {}) {
    const cookie = this.cookie === undefined ? {} : { cookie: this.cookie }
    return call(this.#base, { ...given, headers: { ...cookie, ...headers } })
  }

  say(id, text) {
    return this.call({ method: 'POST', json: question(id, text) })
  }

  /** Says something, and reads the whole answer. */
  async ask(id, text, seen) {
    const answer = await this.say(id, text)
    assert.equal(answer.status, 200)
    return partsOf(answer, seen)
  }

  async events(lastEventId) {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
    const answer = await this.call({ path: '/events', headers })
    assert.equal(answer.status, 200)
    return new Events(answer)
  }

  async history(query) {
    const answer = await this.call({ path: '/history', query })
    assert.equal(answer.status, 200)
    return answer.json()
  }
}

/** What `useChat` sends. */
export function question(id, text) {
  return {
    id: 'chat',
    trigger: 'submit-message',
    messages: [{ id, role: 'user', parts: [{ type: 'text', text }] }],
  }
}
