/** The calls of Chatwoot's API, and which of them an agent bot may make. */
import { conversationOf, personOf, pushed, seconds, teamOf } from './chatwoot-records.mjs'

const LONGEST = 150_000
const MINUTE = 60_000
const MOST_A_MINUTE = 200
const PAGE = 20
const STATUSES = ['open', 'resolved', 'pending', 'snoozed']

export class Refusal extends Error {
  constructor(status, message, body) {
    super(message)
    this.status = status
    this.body = body ?? { error: message }
  }
}

const ACCOUNT = '/api/v1/accounts/:account'
const CONVERSATION = `${ACCOUNT}/conversations/:conversation`
const CONTACT = '/public/api/v1/inboxes/:inbox/contacts/:contact'

/** `[name, method, path, whether an agent bot's token is enough]`; the names are those of faults and of what was called. */
const ROUTES = [
  ['conversations.index', 'GET', `${ACCOUNT}/conversations`, false],
  ['conversations.show', 'GET', CONVERSATION, 'show'],
  ['messages.create', 'POST', `${CONVERSATION}/messages`, true],
  ['messages.index', 'GET', `${CONVERSATION}/messages`, false],
  ['toggle_status', 'POST', `${CONVERSATION}/toggle_status`, true],
  ['toggle_typing_status', 'POST', `${CONVERSATION}/toggle_typing_status`, 'typing'],
  ['assignments.create', 'POST', `${CONVERSATION}/assignments`, true],
  ['public.contacts.create', 'POST', '/public/api/v1/inboxes/:inbox/contacts', 'public'],
  ['public.contacts.show', 'GET', CONTACT, 'public'],
  ['public.conversations.create', 'POST', `${CONTACT}/conversations`, 'public'],
  ['public.conversations.index', 'GET', `${CONTACT}/conversations`, 'public'],
  ['public.messages.create', 'POST', `${CONTACT}/conversations/:conversation/messages`, 'public'],
  ['public.messages.index', 'GET', `${CONTACT}/conversations/:conversation/messages`, 'public'],
].map(([name, method, path, access]) => ({
  name,
  method,
  access,
  pattern: new RegExp(`^${path.replace(/:(\w+)/g, '(?<$1>[\\w-]+)')}$`),
}))

export function routeOf(method, path) {
  for (const route of ROUTES) {
    const found = route.method === method && path.match(route.pattern)
    if (found) return { ...route, params: { ...found.groups } }
  }
  return undefined
}

/** Who calls: `{account, user}` or `{account, bot}`. Chatwoot's own order: the token, the account, what a bot may. */
export function callerOf(chatwoot, { access, params, token }) {
  if (access === 'public') return {}
  const account = chatwoot.accounts.get(Number(params.account))
  const owners = [...chatwoot.accounts.values()].flatMap((one) => [
    { account: one, bot: one.bot, token: one.bot.token },
    ...[...one.users.values()].map((user) => ({ account: one, user, token: user.token })),
  ])
  const caller = token && owners.find((owner) => owner.token === token)
  if (!caller) throw new Refusal(401, 'Invalid Access Token')
  if (caller.account !== account) throw new Refusal(404, 'Account not found')
  const isOpenToBots = access === true || chatwoot.version[access]
  if (caller.bot && !isOpenToBots) throw new Refusal(401, 'Access to this endpoint is not authorized for bots')
  return caller
}

export const methods = {
  'conversations.index': (chatwoot, { status = 'open', inbox_id, page = 1 }, { caller }) => {
    const all = chatwoot.conversations(caller.account).filter((chat) => {
      const isMeant = status === 'all' || chat.status === status
      return isMeant && (!inbox_id || chat.inbox === Number(inbox_id))
    })
    const from = (Number(page) - 1) * (PAGE + 5)
    const payload = all.slice(from, from + PAGE + 5).map((chat) => shown(chatwoot, chat))
    const meta = { mine_count: 0, unassigned_count: all.length, assigned_count: 0, all_count: all.length }
    return { data: { meta, payload } }
  },
  'conversations.show': (chatwoot, _, { params, caller }) =>
    shown(chatwoot, chatOf(chatwoot, caller.account, params.conversation)),
  'messages.create': (chatwoot, args, { params, caller }) => {
    const chat = chatOf(chatwoot, caller.account, params.conversation)
    const kind = args.message_type ?? 'outgoing'
    if (kind !== 'incoming' && kind !== 'outgoing') throw new Refusal(422, `'${kind}' is not a valid message_type`)
    const { channel } = caller.account.inboxes.get(chat.inbox)
    if (kind === 'incoming' && channel !== 'Channel::Api') {
      throw new Refusal(422, 'Incoming messages are only allowed in Api inboxes')
    }
    const { type, ...author } = senderOf(chatwoot, chat, kind, caller)
    const message = chatwoot.add(chat, {
      text: textOf(chatwoot, chat, args),
      kind,
      private: isTrue(args.private),
      sender: { type, ...author },
      source: args.source_id ?? null,
      echo: args.echo_id,
      attributes: attributesOf(args),
      attachments: args.attachments ?? [],
    })
    return pushed(chatwoot, message)
  },
  'messages.index': (chatwoot, { before, after }, { params, caller }) => {
    const chat = chatOf(chatwoot, caller.account, params.conversation)
    const all = chat.messages.filter(({ id }) => (!before || id < Number(before)) && (!after || id > Number(after)))
    const payload = (after ? all.slice(0, PAGE * 5) : all.slice(-PAGE)).map((message) => pushed(chatwoot, message))
    return { meta: { labels: [], additional_attributes: {}, contact: null }, payload }
  },
  toggle_status: (chatwoot, { status }, { params, caller }) => {
    const chat = chatOf(chatwoot, caller.account, params.conversation)
    if (status && !STATUSES.includes(status)) throw new Refusal(422, `'${status}' is not a valid status`)
    chatwoot.setStatus(chat, status || (chat.status === 'open' ? 'resolved' : 'open'), caller)
    if (chat.status === 'open' && caller.user) chatwoot.assign(chat, caller.user.id)
    return { meta: {}, payload: { success: true, current_status: chat.status, conversation_id: chat.number } }
  },
  toggle_typing_status: (chatwoot, { typing_status, is_private }, { params, caller }) => {
    const chat = chatOf(chatwoot, caller.account, params.conversation)
    if (typing_status === 'on' && !isTrue(is_private)) chat.typing = (caller.bot ?? caller.user).name
    if (typing_status === 'off') chat.typing = null
    return undefined
  },
  'assignments.create': (chatwoot, args, { params, caller }) => {
    const chat = chatOf(chatwoot, caller.account, params.conversation)
    if ('assignee_id' in args) {
      const user = caller.account.users.get(Number(args.assignee_id))
      chatwoot.assign(chat, user?.id ?? null)
      return user ? { ...personOf(user), account_id: caller.account.id, role: 'agent' } : null
    }
    if (!('team_id' in args)) return null
    const isTeam = Number(args.team_id) === caller.account.team.id
    chatwoot.setTeam(chat, isTeam ? caller.account.team.id : null)
    return isTeam ? teamOf(caller.account) : null
  },
  'public.contacts.create': (chatwoot, { name, identifier }, { params }) => {
    const { account } = publicInbox(chatwoot, params.inbox)
    return publicContact(chatwoot.contact(account, name ?? identifier ?? 'visitor'))
  },
  'public.contacts.show': (chatwoot, _, { params }) => publicContact(contactOf(chatwoot, params.contact)),
  'public.conversations.create': (chatwoot, _, { params }) => {
    const { account, inbox } = publicInbox(chatwoot, params.inbox)
    return publicConversation(chatwoot, chatwoot.open(account, inbox, contactOf(chatwoot, params.contact)))
  },
  'public.conversations.index': (chatwoot, _, { params }) => {
    const { account } = publicInbox(chatwoot, params.inbox)
    const contact = contactOf(chatwoot, params.contact)
    const own = chatwoot.conversations(account).filter((chat) => chat.contact === contact.id)
    return own.map((chat) => publicConversation(chatwoot, chat))
  },
  'public.messages.create': (chatwoot, args, { params }) => {
    const { chat, contact } = publicChat(chatwoot, params)
    const said = { text: textOf(chatwoot, chat, args), echo: args.echo_id, attachments: args.attachments ?? [] }
    return publicMessage(chatwoot, chatwoot.hear(chat, contact, said))
  },
  'public.messages.index': (chatwoot, _, { params }) => {
    const { chat } = publicChat(chatwoot, params)
    const heard = chat.messages.filter((message) => !message.private)
    return heard.map((message) => publicMessage(chatwoot, message))
  },
}

function chatOf(chatwoot, account, number) {
  const chat = chatwoot.chats.find(`${account.id}/${number}`)
  if (!chat) throw new Refusal(404, 'Resource could not be found')
  return chat
}

function senderOf(chatwoot, chat, kind, caller) {
  if (kind === 'incoming') return chatwoot.contacts.get(chat.contact)
  const { id, name, email } = caller.bot ?? caller.user
  return caller.bot ? { id, name, type: 'agent_bot' } : { id, name, email, type: 'user' }
}

function textOf(chatwoot, chat, { content }) {
  if (content !== undefined && typeof content !== 'string') throw new Refusal(422, 'Content is no text')
  const text = content ?? ''
  if (text.length > LONGEST) throw new Refusal(422, `Content is too long (maximum is ${LONGEST} characters)`)
  const now = chatwoot.clock.now()
  if (chat.messages.filter(({ at }) => at > now - MINUTE).length >= MOST_A_MINUTE) {
    throw new Refusal(422, 'Too many messages')
  }
  return text
}

/** Of what a caller gives, only a few attributes are kept. */
function attributesOf({ content_attributes }) {
  const given = typeof content_attributes === 'string' ? JSON.parse(content_attributes) : (content_attributes ?? {})
  return given.in_reply_to ? { in_reply_to: given.in_reply_to } : {}
}

/** A form's fields are texts. */
function isTrue(value) {
  return value === true || value === 'true' || value === '1'
}

function shown(chatwoot, chat) {
  const { meta, messages, channel, ...conversation } = conversationOf(chatwoot, chat)
  return {
    ...conversation,
    meta: { ...meta, channel },
    messages,
    account_id: chat.account,
    uuid: `uuid-${chat.account}-${chat.number}`,
  }
}

function publicInbox(chatwoot, identifier) {
  for (const account of chatwoot.accounts.values()) {
    for (const inbox of account.inboxes.values()) if (inbox.identifier === identifier) return { account, inbox }
  }
  throw new Refusal(404, 'Resource could not be found')
}

function contactOf(chatwoot, source) {
  const contact = [...chatwoot.contacts.values()].find((one) => one.source === source)
  if (!contact) throw new Refusal(404, 'Resource could not be found')
  return contact
}

function publicChat(chatwoot, params) {
  const { account } = publicInbox(chatwoot, params.inbox)
  const contact = contactOf(chatwoot, params.contact)
  const chat = chatOf(chatwoot, account, params.conversation)
  if (chat.contact !== contact.id) throw new Refusal(404, 'Resource could not be found')
  return { chat, contact }
}

function publicContact({ id, source, name }) {
  return { id, source_id: source, name, email: null, pubsub_token: `pubsub-${source}` }
}

function publicConversation(chatwoot, chat) {
  const contact = publicContact(chatwoot.contacts.get(chat.contact))
  const messages = chat.messages.filter((message) => !message.private)
  return {
    id: chat.number,
    inbox_id: chat.inbox,
    messages: messages.map((message) => publicMessage(chatwoot, message)),
    contact,
    status: chat.status,
  }
}

function publicMessage(chatwoot, message) {
  const {
    id,
    content,
    message_type,
    content_type,
    content_attributes,
    conversation_id,
    attachments = [],
  } = pushed(chatwoot, message)
  const created_at = seconds(message.at)
  const { sender } = message
  return {
    id,
    content,
    message_type,
    content_type,
    content_attributes,
    created_at,
    conversation_id,
    attachments,
    sender,
  }
}
