import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { WebSocketServer } from 'ws'
import { Calls } from './calls.mjs'
import { Chats } from './chats.mjs'
import { Clock } from './clock.mjs'
import { Delivery } from './delivery.mjs'

const LONGEST_BODY = 4 << 20
const PAGE = new URL('./page.html', import.meta.url)

/** What all platforms have in common. Each of them says what its calls do, and what its events look like. */
export class Platform {
  #server
  #sockets
  #quiet
  refusedSockets = 0
  refusedDeliveries = 0

  constructor({ quiet = false, webhook, limits = {}, againMs }) {
    this.#quiet = quiet
    this.clock = new Clock()
    this.calls = new Calls(this.clock, limits, (name) => this.isCounted(name))
    this.chats = new Chats(this.clock, (chat, message, how) => this.#show(chat, message, how))
    this.delivery = new Delivery(this.clock, {
      againMs,
      send: (connection, event) => this.send(connection, event),
      post: (event) => this.post(event),
    })
    this.delivery.webhook = webhook
  }

  async start(port = 0) {
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error) => {
        if (!response.headersSent) answer(response, { status: 500, body: { error: String(error?.stack ?? error) } })
      })
    })
    this.#sockets = new WebSocketServer({ noServer: true })
    this.#server.on('upgrade', (request, socket, head) => {
      this.#sockets.handleUpgrade(request, socket, head, (connection) => {
        connection.on('error', () => {})
        connection.on('close', () => this.delivery.disconnect(connection))
        this.connected(connection, new URL(request.url, this.url))
      })
    })
    await new Promise((ready, failed) => {
      this.#server.once('error', failed)
      this.#server.listen(port, '127.0.0.1', ready)
    })
    this.url = `http://127.0.0.1:${this.#server.address().port}`
    return this
  }

  async stop() {
    this.delivery.stop()
    this.clock.stop()
    for (const connection of this.#sockets.clients) connection.terminate()
    const closed = new Promise((done) => this.#server.close(done))
    this.#server.closeAllConnections()
    await closed
  }

  /** Does what a call of /control/NAME does. */
  async control(name, body = {}) {
    switch (name) {
      case 'say': {
        required(body, 'user', 'string')
        required({ text: '', ...body }, 'text', 'string')
        return this.say({ text: '', attachments: [], ...body, mention: body.mention ?? Boolean(body.group) })
      }
      case 'webhook':
        required(body, 'url', 'string')
        this.delivery.webhook = body.url
        this.delivery.flush()
        return {}
      case 'chats':
        return { now: this.clock.now(), chats: this.chats.read(), undelivered: this.delivery.undelivered }
      case 'calls':
        return this.calls.read(Number(body.after ?? 0))
      case 'fault':
        this.#fault(body)
        return {}
      case 'clock':
        required(body, 'advanceMs', 'number')
        this.clock.advance(body.advanceMs)
        return { now: this.clock.now() }
      case 'limits':
        this.calls.limit(body)
        return this.calls.limits
      case 'reset':
        this.calls.clear()
        this.chats.clear()
        this.delivery.clear()
        this.reset()
        return {}
      default:
        throw new Error(`there is no /control/${name}`)
    }
  }

  #fault({
    duplicate,
    dropAcks,
    redeliver,
    cutSockets,
    closeSockets,
    refuseSockets,
    expireStreams,
    expireWebhooks,
    refuseDeliveries,
    ...call
  }) {
    if (Object.keys(call).length) this.calls.addFault({ times: 1, ...call })
    if (duplicate) this.delivery.duplicate(duplicate)
    if (dropAcks) this.delivery.dropAcks(dropAcks)
    if (redeliver) this.delivery.redeliver(redeliver)
    if (refuseSockets) this.refusedSockets += refuseSockets
    if (expireStreams) this.expireStreams()
    if (expireWebhooks) this.expireWebhooks()
    if (refuseDeliveries) this.refusedDeliveries += refuseDeliveries
    for (const connection of cutSockets || closeSockets ? [...this.#sockets.clients] : []) {
      this.delivery.disconnect(connection)
      if (cutSockets) connection.terminate()
      else this.close(connection)
    }
  }

  async #handle(request, response) {
    const url = new URL(request.url, this.url)
    const chunks = []
    let length = 0
    for await (const chunk of request) {
      length += chunk.length
      if (length > LONGEST_BODY) return answer(response, { status: 413, body: { error: 'the body is too long' } })
      chunks.push(chunk)
    }
    const body = Buffer.concat(chunks)
    if (url.pathname === '/' && request.method === 'GET') {
      const page = (await readFile(PAGE, 'utf8')).replaceAll('{{platform}}', this.title)
      response.setHeader('content-type', 'text/html; charset=utf-8')
      return response.end(page)
    }
    if (url.pathname.startsWith('/control/')) return this.#controlled(url, body, response)
    await this.#called(request, url, body, response)
  }

  async #controlled(url, body, response) {
    try {
      const given = body.length ? JSON.parse(body) : Object.fromEntries(url.searchParams)
      answer(response, { body: await this.control(url.pathname.slice('/control/'.length), given) })
    } catch (error) {
      answer(response, { status: 400, body: { error: error.message } })
    }
  }

  async #called(request, url, body, response) {
    const call = await this.recognise(request, url, body)
    if (!call)
      return answer(response, { status: 404, body: { error: `${request.method} ${url.pathname} is not known here` } })
    const { name, args } = call
    const fault = this.calls.takeFault(name)
    if (fault.delayMs) await new Promise((done) => setTimeout(done, fault.delayMs))
    const note = (said) => this.calls.add({ name, status: said.status ?? 200, code: this.codeOf(said), body: args })
    const isOver = this.calls.isOver(name)
    if (fault.cut === 'before') {
      note({ status: 0 })
      return request.socket.destroy()
    }
    const said = fault.status
      ? this.refusal(fault, name)
      : isOver
        ? this.refusal({ status: this.overStatus, isOver: true }, name)
        : await this.call(name, args, call)
    note(said)
    if (fault.cut === 'after') return request.socket.destroy()
    answer(response, said)
  }

  #show(chat, message, how) {
    if (this.#quiet) return
    const place = chat.group ? `#${chat.name}` : chat.name
    const who = message.author ?? message.name
    const marks = [message.bot && 'bot', message.thread && 'in thread', how].filter(Boolean).join(', ')
    process.stdout.write(`[${place}] ${who}${marks ? ` (${marks})` : ''}: ${message.text}\n`)
    for (const { name } of message.attachments) process.stdout.write(`[${place}] ${who} sends ${name}\n`)
  }

  // What a platform may leave as it is.
  isCounted() {
    return true
  }
  overStatus = 429
  codeOf({ body }) {
    return body?.error ?? body?.code
  }
  close(connection) {
    connection.close(1000)
  }
  expireStreams() {}
  expireWebhooks() {}
  reset() {}
}

export function required(body, name, type) {
  if (typeof body[name] !== type) throw new Error(`${name}: a ${type} is needed`)
}

function answer(response, { status = 200, body = {}, headers = {} }) {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
  response.end(text)
}
