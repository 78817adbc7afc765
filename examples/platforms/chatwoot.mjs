/** Chatwoot, as an agent bot, its agents and its visitors see it: webhooks, the API of accounts, the API of inboxes. */
import { callerOf, methods, Refusal, routeOf } from './common/chatwoot-methods.mjs'
import { accountsOf, conversationOf, messageEvent } from './common/chatwoot-records.mjs'
import { Webhooks } from './common/chatwoot-webhooks.mjs'
import { digest } from './common/chats.mjs'
import { Platform, required } from './common/platform.mjs'
import { program } from './common/program.mjs'

/** What newer versions of Chatwoot do, and older ones do not. */
const VERSION = { show: true, typing: true, botUpdates: true, signed: true }

const SOURCED = ['Channel::WebWidget', 'Channel::Api']

const SECOND = 1000

class Chatwoot extends Platform {
  name = 'chatwoot'
  title = 'Chatwoot'
  accounts = accountsOf()
  contacts = new Map()
  version = { ...VERSION }
  #messageId = 0
  #touched = 0

  constructor(options) {
    super(options)
    const { webhook } = options
    this.delivery = new Webhooks(this.clock, {
      failed: (hook) => this.#failed(hook),
      isSigned: () => this.version.signed,
    })
    if (webhook) this.#hook({ url: webhook })
  }

  async start(port) {
    await super.start(port)
    this.bot = {
      apiUrl: this.url,
      accounts: [...this.accounts.values()].map(({ id, bot, users, team, inboxes, webhooks }) => ({
        id,
        botToken: bot.token,
        botSecret: webhooks.bot.secret,
        webhookSecret: webhooks.account.secret,
        agents: [...users.values()],
        team,
        inboxes: [...inboxes.values()],
      })),
    }
    return this
  }

  /** A visitor writes, in the conversation that they have, or in a new one. */
  say({ user, text, inbox, attachments }) {
    const [account, place] = this.#inbox(inbox)
    const contact = this.contact(account, user)
    const mine = (chat) => chat.contact === contact.id && chat.inbox === place.id
    const chat = this.conversations(account).findLast(mine) ?? this.open(account, place, contact)
    const message = this.hear(chat, contact, { text, attachments })
    return { message: message.id, conversation: chat.number, account: account.id, inbox: place.id, contact: contact.id }
  }

  /** What an agent does in the dashboard. */
  #act({ agent, account: id = 1, conversation, does, text = '' }) {
    const account = this.accounts.get(id)
    const user = [...(account?.users.values() ?? [])].find((one) => one.name === agent)
    const chat = this.chats.find(`${id}/${conversation}`)
    if (!user || !chat) throw new Error(`there is no ${user ? `conversation ${conversation}` : `agent ${agent}`}`)
    const { email, name } = user
    const said = { text, kind: 'outgoing', sender: { id: user.id, name, email, type: 'user' } }
    const actions = {
      reply: () => this.add(chat, said),
      note: () => this.add(chat, { ...said, private: true }),
      take: () => this.assign(chat, user.id),
      open: () => this.setStatus(chat, 'open', { user }) ?? this.assign(chat, user.id),
      resolve: () => this.setStatus(chat, 'resolved', { user }),
      pending: () => this.setStatus(chat, 'pending', { user }),
      snooze: () => this.setStatus(chat, 'snoozed', { user }),
      unassign: () => this.assign(chat, null),
    }
    if (!actions[does]) throw new Error(`does: one of ${Object.keys(actions).join(', ')}`)
    const message = actions[does]()
    return { message: message?.id ?? null, status: chat.status }
  }

  conversations(account) {
    const own = [...this.chats.all()].filter((chat) => chat.account === account.id)
    return own.sort((one, other) => one.number - other.number)
  }

  contact(account, name) {
    const id = Number.parseInt(digest(`${account.id} ${name}`, 7), 16)
    if (!this.contacts.has(id)) {
      this.contacts.set(id, { id, name, source: digest(`contact ${account.id} ${name}`, 24), type: 'contact' })
    }
    return this.contacts.get(id)
  }

  /** A new conversation: `pending` where a bot is connected. */
  open(account, inbox, contact) {
    account.conversations += 1
    const number = account.conversations
    const chat = this.chats.chat(`${account.id}/${number}`, contact.name, false)
    Object.assign(chat, {
      account: account.id,
      inbox: inbox.id,
      contact: contact.id,
      number,
      status: hasBot(inbox) ? 'pending' : 'open',
      assignee: null,
      team: null,
      typing: null,
      createdAt: this.clock.now(),
    })
    this.#touch(chat)
    this.#tell(chat, 'conversation_created', { kinds: ['account'] })
    return chat
  }

  /** What a visitor writes reopens a conversation that was resolved. */
  hear(chat, contact, said) {
    const inbox = this.accounts.get(chat.account).inboxes.get(chat.inbox)
    if (chat.status === 'resolved') this.setStatus(chat, hasBot(inbox) ? 'pending' : 'open')
    if (chat.status === 'snoozed') this.setStatus(chat, 'open')
    return this.add(chat, { ...said, kind: 'incoming', sender: contact })
  }

  /** When a conversation changed last, as Chatwoot's database has it: in seconds, and never the same twice. */
  #touch(chat) {
    this.#touched = Math.max(this.#touched + 1e-5, this.clock.now() / SECOND)
    chat.updatedAt = this.#touched
  }

  add(chat, { text, kind, sender = null, source = null, echo, attributes = {}, attachments = [], ...more }) {
    this.#messageId += 1
    this.#touch(chat)
    const isPrivate = more.private ?? false
    // Elsewhere than on websites and in the API, a message with a source is taken for an echo, and not sent.
    const { channel } = this.accounts.get(chat.account).inboxes.get(chat.inbox)
    const isEcho = kind === 'outgoing' && source !== null && !SOURCED.includes(channel)
    const message = this.chats.add(chat, {
      id: this.#messageId,
      user: sender?.id ?? null,
      name: sender?.name ?? 'Chatwoot',
      author: isPrivate ? `${sender.name}, in private` : (sender?.name ?? 'Chatwoot'),
      bot: sender?.type === 'agent_bot',
      text,
      kind,
      private: isPrivate,
      state: isEcho ? 'not sent' : 'done',
      sender,
      source,
      echo,
      attributes,
      attachments,
    })
    if (sender?.type === 'agent_bot' && !isPrivate) chat.typing = null
    if (kind !== 'activity') this.#push(chat, messageEvent(this, 'message_created', message))
    return message
  }

  setStatus(chat, status, by = {}) {
    if (chat.status === status) return undefined
    const change = changed('status', chat.status, status)
    chat.status = status
    this.#touch(chat)
    const who = by.user?.name ?? by.bot?.name ?? 'Chatwoot'
    this.#activity(chat, `Conversation was marked ${status} by ${who}`)
    if (status === 'open') this.#tell(chat, 'conversation_opened', { kinds: ['bot'] })
    if (status === 'resolved') this.#tell(chat, 'conversation_resolved', { kinds: ['bot'] })
    this.#tell(chat, 'conversation_status_changed', { kinds: ['account'], change })
    this.#updated(chat, change)
    return undefined
  }

  /** An agent who takes a conversation that a bot has, opens it. */
  assign(chat, assignee) {
    if (chat.assignee === assignee) return undefined
    const change = changed('assignee_id', chat.assignee, assignee)
    chat.assignee = assignee
    this.#touch(chat)
    const user = this.accounts.get(chat.account).users.get(assignee)
    this.#activity(chat, user ? `Assigned to ${user.name}` : 'Conversation unassigned')
    if (user && chat.status === 'pending') this.setStatus(chat, 'open', { user })
    this.#updated(chat, change)
    return undefined
  }

  setTeam(chat, team) {
    if (chat.team === team) return
    const change = changed('team_id', chat.team, team)
    chat.team = team
    this.#touch(chat)
    this.#updated(chat, change)
  }

  #activity(chat, text) {
    this.add(chat, { text, kind: 'activity' })
  }

  #updated(chat, change) {
    const kinds = this.version.botUpdates ? ['bot', 'account'] : ['account']
    this.#tell(chat, 'conversation_updated', { kinds, change })
  }

  #tell(chat, event, { kinds, change }) {
    const payload = { ...conversationOf(this, chat), event, ...(change && { changed_attributes: change }) }
    this.#push(chat, payload, kinds)
  }

  #push(chat, payload, kinds = ['bot', 'account']) {
    const account = this.accounts.get(chat.account)
    for (const kind of kinds) {
      if (kind === 'bot' && !hasBot(account.inboxes.get(chat.inbox))) continue
      this.delivery.push({ account, kind, payload })
    }
  }

  /** A bot that cannot be reached leaves the conversation to people. */
  #failed({ kind, account, payload }) {
    if (kind !== 'bot' || payload.event !== 'message_created') return
    const chat = this.chats.find(`${account.id}/${payload.conversation.id}`)
    if (chat?.status !== 'pending') return
    this.setStatus(chat, 'open')
    this.#activity(chat, 'Conversation was marked open by system due to an error with the agent bot.')
  }

  #inbox(id) {
    for (const account of this.accounts.values()) {
      const inbox = account.inboxes.get(id ?? 101)
      if (inbox) return [account, inbox]
    }
    throw new Error(`there is no inbox ${id}`)
  }

  #hook({ url, account, kind }) {
    for (const one of this.accounts.values()) {
      if (account !== undefined && one.id !== account) continue
      for (const which of kind ? [kind] : ['bot', 'account']) one.webhooks[which].url = url || undefined
    }
  }

  connected(connection) {
    connection.close(1008)
  }

  async recognise(request, url, body) {
    const route = routeOf(request.method, url.pathname)
    if (!route) return undefined
    const bearer = request.headers.authorization?.match(/^Bearer (.+)$/i)?.[1]
    const args = { ...Object.fromEntries(url.searchParams), ...(await read(request.headers['content-type'], body)) }
    return { ...route, args, token: request.headers.api_access_token ?? bearer }
  }

  async call(name, args, call) {
    try {
      return { body: methods[name](this, args, { params: call.params, caller: callerOf(this, call) }) }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { status: error.status, body: error.body }
    }
  }

  refusal({ status, retryAfter }) {
    if (status === 429) {
      return { status, headers: retryAfter ? { 'retry-after': `${retryAfter}` } : {}, body: 'Retry later\n' }
    }
    return { status, body: { error: 'Internal Server Error' } }
  }

  async control(name, body = {}) {
    if (name === 'act') return this.#act(body)
    if (name === 'version') return Object.assign(this.version, body)
    if (name === 'webhook') {
      required(body, 'url', 'string')
      this.#hook(body)
      return {}
    }
    if (name === 'webhooks') return { answers: this.delivery.answers, undelivered: this.delivery.undelivered }
    if (name === 'say' && body.inbox !== undefined) required(body, 'inbox', 'number')
    if (name !== 'fault') return super.control(name, body)
    const { hold, release, forge, drop, ...rest } = body
    if (hold) this.delivery.hold()
    if (release) this.delivery.release(release)
    if (forge) this.delivery.forge(forge)
    if (drop) this.delivery.drop(drop, body.times ?? 1)
    return drop ? {} : super.control(name, rest)
  }

  reset() {
    this.contacts.clear()
    for (const account of this.accounts.values()) account.conversations = 0
    this.version = { ...VERSION }
  }
}

function hasBot(inbox) {
  return inbox.name !== 'Office'
}

function changed(name, previous, current) {
  return [{ [name]: { previous_value: previous, current_value: current } }]
}

/** JSON, a form, or a form with files. */
async function read(type = '', body = Buffer.alloc(0)) {
  if (!body.length) return {}
  if (type.startsWith('application/json')) return JSON.parse(body)
  if (type.startsWith('application/x-www-form-urlencoded')) return Object.fromEntries(new URLSearchParams(`${body}`))
  const args = {}
  for (const [name, value] of await new Response(body, { headers: { 'content-type': type } }).formData()) {
    if (typeof value === 'string') args[name] = value
    else args.attachments = [...(args.attachments ?? []), { name: value.name, type: value.type.split('/')[0] }]
  }
  return args
}

/** Starts it: `{ port, webhook, quiet }`. */
export async function start({ port, ...options } = {}) {
  return new Chatwoot(options).start(port)
}

await program(import.meta.url, start)
