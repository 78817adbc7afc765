// What a user would write by hand after reading the vendor's page, with undici and ws, and with the care that it asks
// for: one pool of connections that are kept, answers read as text and parsed once.

import { Pool } from 'undici'
import { WebSocket } from 'ws'

/** One visitor's conversation: the page's steps 0 to 5 in its order, a ping every 15 s, replies put together. */
export class ByHand {
  #waiting = []
  #text = ''
  #sent = 0

  constructor(http, visitor) {
    this.http = http
    this.visitor = visitor
  }

  static pool(baseUrl) {
    const { origin, pathname } = new URL(baseUrl)
    return { pool: new Pool(origin, { connections: 64 }), path: pathname.replace(/\/$/, '') }
  }

  static async open(http, key, visitor) {
    const chat = new ByHand(http, visitor)
    const auth = await chat.call('/rest/open/avatar/auth', { visitorId: visitor }, { authorization: `Bearer ${key}` })
    chat.userId = auth.visitorUserId
    chat.headers = { token: auth.visitorToken, fp: visitor }
    const context = await chat.call('/rest/os/avatar/chat/init', { shareCode: auth.avatarShareCode })
    chat.mindId = context.mindId
    const socket = await chat.call('/rest/general/ws/create', {
      userId: auth.visitorUserId,
      channel: ['ALL'],
      apiVersion: '1.3.0',
      sdkVersion: '1.0.0',
    })
    chat.wsId = socket.wsId
    // The id has 64 bits: as a number of JavaScript's it would be another one.
    const session = await chat.call(
      '/rest/general/session/create',
      `{"mindId":${auth.visitorMindId},"mindType":"shadow","mode":"PERSONAL","sessionType":"SHARE","memberUserIds":["${auth.ownerUserId}"]}`,
    )
    chat.sessionId = session.sessionId
    const avatar = await chat.call(`/rest/os/avatar/public/${auth.avatarShareCode}`)
    await chat.call('/rest/os/avatar/chat/start', { avatarId: avatar.id, sessionId: session.sessionId })
    await chat.connect(socket.address)
    return chat
  }

  connect(address) {
    this.socket = new WebSocket(address, { perMessageDeflate: false })
    this.socket.on('message', (data) => this.frame(JSON.parse(data)))
    this.beat = setInterval(() => this.socket.send(JSON.stringify({ type: 'ping', wsId: this.wsId })), 15_000)
    return new Promise((resolve, reject) => {
      this.socket.once('open', resolve)
      this.socket.once('error', reject)
    })
  }

  frame(frame) {
    if (frame.type !== 'msg') return
    this.socket.send(JSON.stringify({ type: 'ack', seqId: frame.seqId, wsId: this.wsId }))
    const isEcho = frame.sender === 'client' && frame.sendUserId === this.userId
    if (isEcho || frame.sessionId !== this.sessionId) return
    for (const { modal } of frame.multipleData ?? []) this.#text += modal.answer
    if (frame.index === -1 || frame.index === undefined) {
      const text = this.#text
      this.#text = ''
      this.#waiting.shift()?.(text)
    }
  }

  async ask(text) {
    const reply = new Promise((resolve) => this.#waiting.push(resolve))
    const now = Date.now()
    this.#sent += 1
    const id = `${this.#sent}${Math.trunc(Math.random() * 1e9)}_____${now}`
    await this.call('/rest/general/message/send', {
      timestamp: now,
      seqId: id,
      sessionId: this.sessionId,
      userId: this.userId,
      messageId: id,
      mindId: this.mindId,
      index: 0,
      sendUserId: this.userId,
      dataType: 'text',
      sender: 'client',
      type: 'msg',
      wsId: this.wsId,
      data: { content: text },
    })
    return reply
  }

  async call(path, body, headers = this.headers) {
    const { statusCode, body: answer } = await this.http.pool.request({
      path: this.http.path + path,
      method: body === undefined ? 'GET' : 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: typeof body === 'object' ? JSON.stringify(body) : body,
    })
    const { code, data, ...rest } = await answer.json()
    if (code !== 0) throw new Error(`${path}: ${statusCode} ${JSON.stringify(rest)}`)
    return data
  }

  close() {
    clearInterval(this.beat)
    this.socket.terminate()
  }
}
