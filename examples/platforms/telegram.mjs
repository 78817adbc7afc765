/** Telegram's Bot API, as a bot sees it: getUpdates or a webhook, messages and their edits. */
import { digest } from './common/chats.mjs'
import { Platform } from './common/platform.mjs'
import { program } from './common/program.mjs'
import { methods, Refusal } from './common/telegram-methods.mjs'

const SECOND = 1000
const REDELIVERY = 3 * SECOND

class Telegram extends Platform {
  name = 'telegram'
  title = 'Telegram'
  secret
  updates = []
  poll
  lostAcks = 0
  #updateId = 1000
  #messageId = 0
  #offset = 0

  constructor(options) {
    super({ ...options, againMs: REDELIVERY })
    if (options.webhook) this.hook(options.webhook)
  }

  async start(port) {
    await super.start(port)
    this.bot = { token: '7000000001:avatar', apiUrl: this.url, username: 'avatar_bot', id: 7000000001, name: 'Avatar' }
    return this
  }

  async stop() {
    this.poll?.answer([])
    await super.stop()
  }

  messageId() {
    this.#messageId += 1
    return this.#messageId
  }

  say({ user, text, group, mention, thread, attachments, event }) {
    const person = this.chats.person(user, Number.parseInt(digest(user, 8), 16))
    const id = group ? -Number.parseInt(digest(group, 8), 16) : person.id
    const chat = this.chats.chat(id, group ?? user, Boolean(group))
    const root = thread && this.chats.message(`${id}/${thread}`)
    if (thread && !root) throw new Error(`there is no message ${thread} in this chat`)
    const number = this.messageId()
    const said = {
      id: `${id}/${number}`,
      number,
      thread: thread ?? null,
      user: person.id,
      name: user,
      bot: false,
      text,
      attachments,
    }
    const message = this.chats.add(chat, said)
    const ids = { message: number, chat: id, user: person.id, thread: thread ?? null }
    // Privacy mode: a bot hears of a group what mentions it, and answers to its own messages.
    if (group && !mention && !root?.bot) return { ...ids, event: null }
    this.#updateId += 1
    const written = group && mention ? `@${this.bot.username} ${text}` : text
    const entities =
      group && mention ? [{ type: 'mention', offset: 0, length: this.bot.username.length + 1 }] : undefined
    const update = {
      update_id: event ? Number(event) : this.#updateId,
      message: {
        ...this.asTelegram(message),
        from: { id: person.id, is_bot: false, first_name: user, language_code: 'en' },
        ...content(written, entities, attachments),
        ...(root && { reply_to_message: this.asTelegram(root) }),
      },
    }
    if (this.delivery.webhook) this.delivery.push({ id: update.update_id, payload: update })
    else this.queue(update)
    return { ...ids, event: update.update_id }
  }

  /** Puts an update where the next getUpdates finds it. */
  queue(update) {
    this.updates.push({ update })
    this.poll?.answer(this.next(this.poll.args))
  }

  /** The updates from `offset` on; those before it have been heard. */
  next({ offset = 0, limit = 100 }) {
    if (offset > this.#offset && this.lostAcks > 0) this.lostAcks -= 1
    else {
      this.#offset = Math.max(this.#offset, offset)
      this.updates = this.updates.filter(({ update }) => update.update_id >= this.#offset)
    }
    return this.updates.slice(0, limit).map(({ update }) => update)
  }

  hook(url, secret) {
    this.delivery.webhook = url || undefined
    this.secret = secret
  }

  post({ payload }) {
    const headers = this.secret ? { 'x-telegram-bot-api-secret-token': this.secret } : {}
    return { body: JSON.stringify(payload), headers }
  }

  connected(connection) {
    connection.close(1008)
  }

  send() {}

  recognise(request, url, body) {
    const [, token, name] = url.pathname.match(/^\/bot([^/]+)\/(\w+)$/) ?? []
    if (!name) return undefined
    const isJson = request.headers['content-type']?.startsWith('application/json')
    const form = isJson ? {} : Object.fromEntries(new URLSearchParams(body.toString()))
    const args = { ...Object.fromEntries(url.searchParams), ...(isJson && body.length ? JSON.parse(body) : form) }
    return { name, args, token: decodeURIComponent(token) }
  }

  async call(name, args, { token }) {
    try {
      if (token !== this.bot.token) throw new Refusal(401, 'Unauthorized')
      if (!methods[name]) throw new Refusal(404, 'Not Found: method not found')
      return { body: { ok: true, result: await methods[name](this, args) } }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { status: error.code, body: { ok: false, error_code: error.code, description: error.message } }
    }
  }

  refusal({ status, retryAfter = 1 }) {
    const body = {
      ok: false,
      error_code: status,
      description: status === 429 ? `Too Many Requests: retry after ${retryAfter}` : 'refused',
    }
    return { status, body: status === 429 ? { ...body, parameters: { retry_after: retryAfter } } : body }
  }

  codeOf({ body }) {
    return body?.error_code
  }

  isCounted(name) {
    return name !== 'getUpdates' && name !== 'getMe'
  }

  async control(name, body = {}) {
    if (name !== 'fault' || this.delivery.webhook) return super.control(name, body)
    const { duplicate, redeliver, dropAcks, ...rest } = body
    if (dropAcks) this.lostAcks += dropAcks
    if (redeliver || duplicate)
      throw new Error('duplicate, redeliver: with a webhook; without one, dropAcks has an update come again')
    return super.control(name, rest)
  }

  asTelegram(message) {
    const { id, name, group } = message.chat
    return {
      message_id: message.number,
      date: Math.floor(message.at / SECOND),
      chat: group ? { id, type: 'supergroup', title: name } : { id, type: 'private', first_name: name },
      from: {
        id: message.user,
        is_bot: message.bot,
        first_name: message.name,
        ...(message.bot && { username: this.bot.username }),
      },
      text: message.text,
    }
  }

  reset() {
    this.updates = []
  }
}

/** The words, and what came with them. */
function content(text, entities, [first]) {
  if (!first) return { text, ...(entities && { entities }) }
  const file_id = digest(first.name, 24)
  const file = { file_id, file_unique_id: file_id.slice(0, 8), file_size: 1000 }
  const caption = text ? { caption: text, ...(entities && { caption_entities: entities }) } : {}
  if (first.type === 'image') return { text: undefined, photo: [{ ...file, width: 10, height: 10 }], ...caption }
  if (first.type === 'audio') return { text: undefined, voice: { ...file, duration: 2 }, ...caption }
  return { text: undefined, document: { ...file, file_name: first.name }, ...caption }
}

/** Starts it: `{ port, webhook, quiet }`. */
export async function start({ port, ...options } = {}) {
  return new Telegram(options).start(port)
}

await program(import.meta.url, start)
