/** Slack, as a bot sees it: events (signed, or by Socket Mode), messages, streams. */
import { createHmac, randomUUID } from 'node:crypto'
import { digest } from './common/chats.mjs'
import { Platform } from './common/platform.mjs'
import { program } from './common/program.mjs'
import { methods, Refusal } from './common/slack-methods.mjs'

const SECOND = 1000
const REDELIVERY = 3 * SECOND
const PING = 5 * SECOND
const TEAM = 'T0AVATAR'
const APP = 'A0AVATAR'
const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

class Slack extends Platform {
  name = 'slack'
  title = 'Slack'
  statuses = {}
  #lastTs = 0
  #ping

  constructor(options) {
    super({ ...options, againMs: REDELIVERY })
  }

  async start(port) {
    await super.start(port)
    this.bot = {
      token: 'xoxb-avatar',
      appToken: 'xapp-1-avatar',
      signingSecret: digest('signing', 32),
      apiUrl: `${this.url}/api/`,
      userId: 'U0AVATAR',
      botId: 'B0AVATAR',
      name: 'avatar',
      teamId: TEAM,
      appId: APP,
    }
    // Slack's SDK for Node takes a connection without pings for dead.
    this.#ping = setInterval(() => {
      for (const connection of this.delivery.connections) connection.ping()
    }, PING)
    return this
  }

  async stop() {
    clearInterval(this.#ping)
    await super.stop()
  }

  /** A time that is a message's id as well, so each is a different one. */
  ts() {
    this.#lastTs = Math.max(this.#lastTs + 1, this.clock.now() * 1000)
    return `${Math.floor(this.#lastTs / 1e6)}.${String(this.#lastTs % 1e6).padStart(6, '0')}`
  }

  say({ user, text, group, mention, thread, attachments, event }) {
    const person = this.chats.person(user, `U${digest(user, 10).toUpperCase()}`)
    const chat = group
      ? this.chats.chat(`C${digest(group, 10).toUpperCase()}`, group, true)
      : this.chats.chat(`D${digest(user, 10).toUpperCase()}`, user, false)
    if (thread && this.chats.message(thread)?.chat !== chat)
      throw new Error(`there is no message ${thread} in this chat`)
    const ts = this.ts()
    this.chats.add(chat, { id: ts, thread: thread ?? null, user: person.id, name: user, bot: false, text, attachments })
    const said = (mention && group ? `<@${this.bot.userId}> ` : '') + text.replace(/[&<>]/g, (sign) => ESCAPES[sign])
    const id = event ?? `Ev${randomUUID().replaceAll('-', '').slice(0, 12).toUpperCase()}`
    const files = attachments.map(({ name, type }) => ({
      id: `F${digest(ts + name, 10).toUpperCase()}`,
      name,
      mimetype: type === 'image' ? 'image/png' : 'application/octet-stream',
      url_private: `${this.url}/files/${encodeURIComponent(name)}`,
    }))
    const isMention = group && mention
    const inner = {
      type: isMention ? 'app_mention' : 'message',
      ...(!isMention && { channel_type: group ? 'channel' : 'im' }),
      channel: chat.id,
      user: person.id,
      text: said,
      ts,
      event_ts: ts,
      team: TEAM,
      client_msg_id: randomUUID(),
      ...(thread && { thread_ts: thread }),
      ...(files.length && { files, subtype: isMention ? undefined : 'file_share' }),
    }
    const payload = {
      token: 'verification',
      team_id: TEAM,
      api_app_id: APP,
      type: 'event_callback',
      event_id: id,
      event_time: Math.floor(this.clock.now() / SECOND),
      event_context: `4-${id}`,
      is_ext_shared_channel: false,
      authorizations: [
        { enterprise_id: null, team_id: TEAM, user_id: this.bot.userId, is_bot: true, is_enterprise_install: false },
      ],
      event: inner,
    }
    this.delivery.push({ id, payload })
    return { message: ts, event: id, chat: chat.id, user: person.id, thread: thread ?? null }
  }

  post(event) {
    const body = JSON.stringify(event.payload)
    // The receiver looks at its own clock.
    const time = Math.floor(Date.now() / SECOND)
    const sign = createHmac('sha256', this.bot.signingSecret).update(`v0:${time}:${body}`).digest('hex')
    const again = event.attempts > 0 && {
      'x-slack-retry-num': `${event.attempts}`,
      'x-slack-retry-reason': 'http_timeout',
    }
    return { body, headers: { 'x-slack-request-timestamp': `${time}`, 'x-slack-signature': `v0=${sign}`, ...again } }
  }

  connected(connection) {
    connection.send(
      JSON.stringify({
        type: 'hello',
        num_connections: this.delivery.connections.length + 1,
        connection_info: { app_id: APP },
        debug_info: { host: 'fake', approximate_connection_time: 3600 },
      }),
    )
    connection.envelopes = new Map()
    connection.on('message', (data) => {
      const id = connection.envelopes.get(parsed(data)?.envelope_id)
      if (id) this.delivery.acknowledge(id)
    })
    this.delivery.connect(connection)
  }

  send(connection, event) {
    const envelope = randomUUID()
    connection.envelopes.set(envelope, event.id)
    connection.send(
      JSON.stringify({
        envelope_id: envelope,
        type: 'events_api',
        accepts_response_payload: false,
        retry_attempt: event.attempts,
        retry_reason: event.attempts ? 'timeout' : '',
        payload: event.payload,
      }),
    )
  }

  close(connection) {
    connection.send(JSON.stringify({ type: 'disconnect', reason: 'refresh_requested', debug_info: { host: 'fake' } }))
    connection.close(1000)
  }

  recognise(request, url, body) {
    const name = url.pathname.match(/^\/api\/([\w.]+)$/)?.[1]
    if (!name) return undefined
    const args = read(request.headers['content-type'] ?? '', body, url)
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? args.token
    return { name, args, token }
  }

  async call(name, args, { token }) {
    const method = methods[name]
    const expected = name === 'apps.connections.open' ? this.bot.appToken : this.bot.token
    try {
      if (!method) throw new Refusal('unknown_method')
      if (!token) throw new Refusal('not_authed')
      if (token !== expected) throw new Refusal('invalid_auth')
      return { body: { ok: true, ...method(this, args) } }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { status: error.status, body: { ok: false, error: error.message, ...error.more } }
    }
  }

  refusal({ status, retryAfter = 1, code }) {
    if (status === 429) {
      return { status, headers: { 'retry-after': `${retryAfter}` }, body: { ok: false, error: code ?? 'ratelimited' } }
    }
    return { status, body: { ok: false, error: code ?? (status >= 500 ? 'internal_error' : 'fatal_error') } }
  }

  isCounted(name) {
    return name !== 'apps.connections.open' && name !== 'auth.test'
  }

  expireStreams() {
    for (const chat of this.chats.read()) {
      for (const { id } of chat.messages) {
        const message = this.chats.message(id)
        if (message.streamed) message.expired = true
      }
    }
  }

  async control(name, body) {
    const said = await super.control(name, body)
    if (name === 'chats') for (const chat of said.chats) chat.status = this.statuses[chat.id] ?? {}
    return said
  }

  reset() {
    this.statuses = {}
  }
}

function parsed(data) {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}

/** Arguments come as JSON or as a form, in which what is no text is JSON. */
function read(type, body, url) {
  if (type.startsWith('application/json')) return body.length ? JSON.parse(body) : {}
  const form = new URLSearchParams(type.includes('form-urlencoded') ? body.toString() : '')
  const args = { ...Object.fromEntries(url.searchParams), ...Object.fromEntries(form) }
  for (const name of ['blocks', 'chunks', 'attachments', 'metadata']) {
    if (typeof args[name] === 'string') args[name] = JSON.parse(args[name])
  }
  return args
}

/** Starts it: `{ port, webhook, quiet }`. */
export async function start({ port, ...options } = {}) {
  return new Slack(options).start(port)
}

await program(import.meta.url, start)
