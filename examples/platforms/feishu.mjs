/** Feishu (Lark), as a bot sees it: the long connection or the webhook, messages, cards that grow. */
import { createCipheriv, createHash, randomBytes, randomUUID } from 'node:crypto'
import { digest } from './common/chats.mjs'
import { Platform } from './common/platform.mjs'
import { program } from './common/program.mjs'
import { methods, Refusal, routes } from './common/feishu-methods.mjs'
import { CONTROL, DATA, decode, encode } from './common/feishu-frames.mjs'

const SECOND = 1000
const REDELIVERY = 5 * SECOND
const SERVICE = 33
const TOKEN = 't-avatar'
const TENANT = 'tenant_avatar'
const OPEN_CALLS = new Set(['token', 'connection.open'])
const UNCOUNTED = new Set(['token', 'connection.open', 'bot.info', 'user.list', 'user.get'])

class Feishu extends Platform {
  name = 'feishu'
  title = 'Feishu'
  cards = new Map()
  sent = new Map()
  config = { ReconnectCount: -1, ReconnectInterval: 1, ReconnectNonce: 0, PingInterval: 120 }
  #ids = 0

  constructor(options) {
    super({ ...options, limits: { cardPerSecond: 10 }, againMs: REDELIVERY })
  }

  async start(port) {
    await super.start(port)
    this.bot = {
      appId: 'cli_0123456789abcdef',
      appSecret: 'feishu-secret',
      domain: this.url,
      verificationToken: 'verification',
      encryptKey: '',
      openId: 'ou_avatar',
      name: 'Avatar',
      tenantKey: TENANT,
      token: TOKEN,
    }
    return this
  }

  id(kind) {
    this.#ids += 1
    return `${kind}_${digest(`${this.url}${this.#ids}`, 24)}`
  }

  say({ user, text, group, mention, thread, attachments, event }) {
    const person = this.chats.person(user, `ou_${digest(user, 32)}`)
    const name = group ?? user
    const chat = this.chats.chat(`oc_${digest(`${group ? 'group' : 'p2p'} ${name}`, 32)}`, name, Boolean(group))
    const root = thread && this.chats.message(thread)
    if (thread && root?.chat !== chat) throw new Error(`there is no message ${thread} in this chat`)
    const message = this.chats.add(chat, {
      id: this.id('om'),
      thread: thread ?? null,
      user: person.id,
      name: user,
      bot: false,
      text,
      attachments,
    })
    const id = event ?? randomUUID()
    const isMentioned = group && mention
    const bot = { open_id: this.bot.openId, union_id: 'on_avatar', user_id: '' }
    // What is too old is not heard by the SDKs, which look at their own clocks.
    const now = `${Date.now()}`
    const payload = {
      schema: '2.0',
      header: {
        event_id: id,
        event_type: 'im.message.receive_v1',
        create_time: now,
        token: this.bot.verificationToken,
        app_id: this.bot.appId,
        tenant_key: TENANT,
      },
      event: {
        sender: {
          sender_id: { open_id: person.id, union_id: `on_${digest(user, 32)}`, user_id: digest(user, 8) },
          sender_type: 'user',
          tenant_key: TENANT,
        },
        message: {
          message_id: message.id,
          ...(root && { root_id: root.id, parent_id: root.id, ...(root.threadId && { thread_id: root.threadId }) }),
          create_time: now,
          update_time: now,
          chat_id: chat.id,
          chat_type: group ? 'group' : 'p2p',
          ...content(`${isMentioned ? '@_user_1 ' : ''}${text}`, attachments),
          ...(isMentioned && { mentions: [{ key: '@_user_1', id: bot, name: this.bot.name, tenant_key: TENANT }] }),
        },
      },
    }
    this.delivery.push({ id, payload })
    return { message: message.id, event: id, chat: chat.id, user: person.id, thread: thread ?? null }
  }

  post({ payload }) {
    const key = this.bot.encryptKey
    if (!key) return { body: JSON.stringify(payload), headers: {} }
    const iv = randomBytes(16)
    const cipher = createCipheriv('aes-256-cbc', createHash('sha256').update(key).digest(), iv)
    const sealed = Buffer.concat([iv, cipher.update(JSON.stringify(payload)), cipher.final()]).toString('base64')
    const body = JSON.stringify({ encrypt: sealed })
    const time = `${Math.floor(Date.now() / SECOND)}`
    const nonce = randomUUID()
    const signature = createHash('sha256').update(`${time}${nonce}${key}${body}`).digest('hex')
    return {
      body,
      headers: { 'X-Lark-Request-Timestamp': time, 'X-Lark-Request-Nonce': nonce, 'X-Lark-Signature': signature },
    }
  }

  connected(connection) {
    connection.messages = new Map()
    connection.on('message', (data) => {
      const { method, headers, payload } = decode(data)
      if (method === CONTROL && headers.type === 'ping') {
        connection.send(encode(CONTROL, { type: 'pong' }, this.config, SERVICE))
      }
      const id = method === DATA && payload?.code === 200 && connection.messages.get(headers.message_id)
      if (id) this.delivery.acknowledge(id)
    })
    this.delivery.connect(connection)
  }

  send(connection, event) {
    const message = randomUUID()
    connection.messages.set(message, event.id)
    const headers = { type: 'event', message_id: message, sum: 1, seq: 0, trace_id: randomUUID() }
    connection.send(encode(DATA, headers, event.payload, SERVICE))
  }

  recognise(request, url, body) {
    for (const [name, method, pattern] of routes) {
      const found = request.method === method && url.pathname.match(pattern)
      if (!found) continue
      const args = { ...query(url), ...(body.length && JSON.parse(body)), path: { ...found.groups } }
      return { name, args, token: request.headers.authorization?.replace(/^Bearer /, '') }
    }
    return undefined
  }

  async call(name, args, { token }) {
    try {
      if (!OPEN_CALLS.has(name) && token !== TOKEN) throw new Refusal(99991663, 'Invalid access token', 400)
      return { body: { code: 0, msg: 'success', ...methods[name](this, args) } }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { status: error.status, headers: error.headers, body: { code: error.code, msg: error.message, data: {} } }
    }
  }

  refusal({ status, retryAfter = 1, code }) {
    if (status === 429) {
      const headers = { 'x-ogw-ratelimit-reset': `${retryAfter}`, 'x-ogw-ratelimit-limit': '10' }
      return { status, headers, body: { code: code ?? 99991400, msg: 'request trigger frequency limit' } }
    }
    return { status, body: { code: code ?? (status >= 500 ? 2200 : 230001), msg: 'refused on demand' } }
  }

  isCounted(name) {
    return !UNCOUNTED.has(name)
  }

  expireStreams() {
    for (const card of this.cards.values()) card.opened = Number.NEGATIVE_INFINITY
  }

  async control(name, body = {}) {
    if (name === 'webhook' && body.encryptKey !== undefined) this.bot.encryptKey = body.encryptKey
    return super.control(name, body)
  }

  reset() {
    this.cards.clear()
    this.sent.clear()
  }
}

/** The words and what came with them: pictures stand in the text, all else is a message of its own kind. */
function content(text, attachments) {
  const [first] = attachments
  if (!first) return { message_type: 'text', content: JSON.stringify({ text }) }
  const key = `img_${digest(first.name, 16)}`
  if (text) {
    const images = attachments.map(({ name }) => ({ tag: 'img', image_key: `img_${digest(name, 16)}` }))
    const post = { title: '', content: [[{ tag: 'text', text, style: [] }], images] }
    return { message_type: 'post', content: JSON.stringify(post) }
  }
  if (first.type === 'image') return { message_type: 'image', content: JSON.stringify({ image_key: key }) }
  const file = { file_key: `file_${digest(first.name, 16)}`, file_name: first.name }
  if (first.type === 'audio') return { message_type: 'audio', content: JSON.stringify({ ...file, duration: 2000 }) }
  return { message_type: 'file', content: JSON.stringify(file) }
}

/** What comes several times is a list. */
function query({ searchParams }) {
  return Object.fromEntries([...searchParams.keys()].map((name) => [name, read(searchParams.getAll(name))]))
}

function read(values) {
  return values.length > 1 ? values : values[0]
}

/** Starts it: `{ port, webhook, quiet }`. */
export async function start({ port, ...options } = {}) {
  return new Feishu(options).start(port)
}

await program(import.meta.url, start)
