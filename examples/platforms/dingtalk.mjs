/** DingTalk, as a bot sees it: the stream connection, session webhooks, AI cards. */
import { createHmac, randomUUID } from 'node:crypto'
import { digest } from './common/chats.mjs'
import { Platform, required } from './common/platform.mjs'
import { program } from './common/program.mjs'
import { methods, Refusal, routes } from './common/dingtalk-methods.mjs'

const SECOND = 1000
const REDELIVERY = 5 * SECOND
const WEBHOOK_LIFE = 2 * 60 * 60 * SECOND
const ROBOT = '/v1.0/im/bot/messages/get'
const TOKEN = 'dingtalk-token'
const CORP = 'dingcorp'
const OPEN_CALLS = new Set(['token', 'connection.open', 'webhook'])

class DingTalk extends Platform {
  name = 'dingtalk'
  title = 'DingTalk'
  overStatus = 403
  cards = new Map()
  sessions = new Map()
  #ids = 0

  constructor(options) {
    super({ ...options, limits: { callsPerSecond: 20 }, againMs: REDELIVERY })
  }

  async start(port) {
    await super.start(port)
    this.bot = {
      clientId: 'dingavatar',
      clientSecret: 'dingtalk-secret',
      endpoint: this.url,
      robotCode: 'dingavatar',
      cardTemplateId: 'avatar-card.schema',
      corpId: CORP,
      name: 'Avatar',
      userId: '$:LWCP_v1:$avatar',
      token: TOKEN,
    }
    return this
  }

  id(kind) {
    this.#ids += 1
    return `${kind}${digest(`${this.url}${this.#ids}`, 24)}==`
  }

  say({ user, text, group, mention, thread, attachments, event }) {
    if (thread) throw new Error('thread: a bot hears of no threads in DingTalk')
    const staff = `staff${digest(user, 16)}`
    const person = this.chats.person(user, staff)
    const name = group ?? user
    const chat = this.chats.chat(`cid${digest(`${group ? 'group' : 'single'} ${name}`, 24)}==`, name, Boolean(group))
    chat.staff = group ? undefined : staff
    const id = event ?? this.id('msg')
    const said = { id, user: person.id, name: user, bot: false, text, attachments }
    const message = this.chats.add(chat, said)
    const ids = { message: message.id, chat: chat.id, user: person.id, thread: null }
    // A bot hears nothing of a group in which it is not mentioned.
    if (group && !mention) return { ...ids, event: null }
    const session = digest(`session ${id}`, 24)
    this.sessions.set(session, { chat, until: this.clock.now() + WEBHOOK_LIFE })
    const data = {
      conversationId: chat.id,
      conversationType: group ? '2' : '1',
      ...(group && { conversationTitle: group, isInAtList: true }),
      atUsers: group ? [{ dingtalkId: this.bot.userId }] : [],
      chatbotCorpId: CORP,
      chatbotUserId: this.bot.userId,
      msgId: id,
      senderNick: user,
      isAdmin: false,
      senderStaffId: staff,
      senderCorpId: CORP,
      senderId: `$:LWCP_v1:$${digest(user, 16)}`,
      sessionWebhook: `${this.url}/robot/sendBySession?session=${session}`,
      sessionWebhookExpiredTime: this.sessions.get(session).until,
      createAt: Date.now(),
      robotCode: this.bot.robotCode,
      ...content(group ? ` ${text}` : text, attachments),
    }
    this.delivery.push({ id, payload: data })
    return { ...ids, event: id }
  }

  post({ payload }) {
    const timestamp = `${Date.now()}`
    const key = this.bot.clientSecret
    const sign = createHmac('sha256', key).update(`${timestamp}\n${key}`).digest('base64')
    return { body: JSON.stringify(payload), headers: { timestamp, sign } }
  }

  connected(connection) {
    connection.messages = new Map()
    connection.on('message', (data) => {
      const { code, headers } = JSON.parse(data)
      const id = code === 200 && connection.messages.get(headers?.messageId)
      if (id) this.delivery.acknowledge(id)
    })
    connection.send(frame('SYSTEM', 'ping', { opaque: randomUUID() }))
    this.delivery.connect(connection)
  }

  send(connection, event) {
    const messageId = randomUUID()
    connection.messages.set(messageId, event.id)
    connection.send(frame('CALLBACK', ROBOT, event.payload, messageId))
  }

  close(connection) {
    connection.send(frame('SYSTEM', 'disconnect', { reason: 'the connection is old' }))
    connection.close(1000)
  }

  recognise(request, url, body) {
    const found = routes.find(([, method, path]) => request.method === method && url.pathname === path)
    if (!found) return undefined
    const args = { ...Object.fromEntries(url.searchParams), ...(body.length && JSON.parse(body)) }
    return { name: found[0], args, token: request.headers['x-acs-dingtalk-access-token'] }
  }

  async call(name, args, { token }) {
    try {
      if (!OPEN_CALLS.has(name) && token !== TOKEN) throw new Refusal('InvalidAuthentication', 'the access token', 401)
      return { body: methods[name](this, args) }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const body = { code: error.code, message: error.message, requestid: randomUUID() }
      return { status: error.status, body }
    }
  }

  refusal({ status, retryAfter, code, isOver }, name) {
    const limited = isOver || status === 403 || status === 429
    const known = limited
      ? 'Forbidden.AccessDenied.QpsLimitForApi'
      : status >= 500
        ? 'ServiceUnavailable'
        : 'param.error'
    const headers = retryAfter ? { 'retry-after': `${retryAfter}` } : {}
    if (name === 'webhook' && limited)
      return { status: 200, headers, body: { errcode: 130101, errmsg: 'send too fast' } }
    return { status, headers, body: { code: code ?? known, message: 'refused', requestid: randomUUID() } }
  }

  codeOf({ body }) {
    return body?.code ?? body?.errcode
  }

  isCounted(name) {
    return name !== 'token' && name !== 'connection.open'
  }

  expireWebhooks() {
    for (const session of this.sessions.values()) session.until = 0
  }

  async control(name, body) {
    if (name === 'say' && body?.event !== undefined) required(body, 'event', 'string')
    return super.control(name, body)
  }

  reset() {
    this.cards.clear()
    this.sessions.clear()
  }
}

function frame(type, topic, data, messageId = randomUUID()) {
  const headers = {
    appId: 'app',
    connectionId: 'c',
    contentType: 'application/json',
    messageId,
    time: `${Date.now()}`,
    topic,
  }
  return JSON.stringify({ specVersion: '1.0', type, headers, data: JSON.stringify(data) })
}

/** The words, and what came with them. */
function content(text, attachments) {
  const [first] = attachments
  if (!first) return { msgtype: 'text', text: { content: text } }
  const downloadCode = digest(first.name, 24)
  if (text.trim()) {
    const pictures = attachments.map(({ name }) => ({ type: 'picture', downloadCode: digest(name, 24) }))
    return { msgtype: 'richText', content: { richText: [{ text }, ...pictures] } }
  }
  if (first.type === 'image')
    return { msgtype: 'picture', content: { downloadCode, pictureDownloadCode: downloadCode } }
  if (first.type === 'audio') return { msgtype: 'audio', content: { downloadCode, duration: 2000 } }
  return { msgtype: 'file', content: { downloadCode, fileName: first.name } }
}

/** Starts it: `{ port, webhook, quiet }`. */
export async function start({ port, ...options } = {}) {
  return new DingTalk(options).start(port)
}

await program(import.meta.url, start)
