/** Feishu's calls, with the limits and the codes that its documents name. */
const HOUR = 3_600_000
const SECOND = 1000
const STREAM_LIFE = 10 * 60 * 1000
const LONGEST_CARD = 30 * 1024
const LONGEST_TEXT = 150 * 1024
const MOST_EDITS = 20

export class Refusal extends Error {
  constructor(code, message, status = 200, headers = {}) {
    super(message)
    this.code = code
    this.status = status
    this.headers = headers
  }
}

const MESSAGES = '/open-apis/im/v1/messages'
const CARDS = '/open-apis/cardkit/v1/cards'
const ELEMENT = `${CARDS}/(?<card>[^/]+)/elements/(?<element>[^/]+)`

/** Name, method and path of each. */
export const routes = [
  ['connection.open', 'POST', '/callback/ws/endpoint'],
  ['token', 'POST', '/open-apis/auth/v3/(tenant|app)_access_token/internal'],
  ['bot.info', 'GET', '/open-apis/bot/v3/info'],
  ['user.list', 'GET', '/open-apis/contact/v3/users/(?:batch|basic_batch)'],
  ['user.get', 'GET', '/open-apis/contact/v3/users/(?<user>[^/]+)'],
  ['chat.get', 'GET', '/open-apis/im/v1/chats/(?<chat>[^/]+)'],
  ['message.create', 'POST', MESSAGES],
  ['message.list', 'GET', MESSAGES],
  ['message.reply', 'POST', `${MESSAGES}/(?<message>[^/]+)/reply`],
  ['reaction.add', 'POST', `${MESSAGES}/(?<message>[^/]+)/reactions`],
  ['reaction.delete', 'DELETE', `${MESSAGES}/(?<message>[^/]+)/reactions/[^/]+`],
  ['message.update', 'PUT', `${MESSAGES}/(?<message>[^/]+)`],
  ['message.patch', 'PATCH', `${MESSAGES}/(?<message>[^/]+)`],
  ['message.delete', 'DELETE', `${MESSAGES}/(?<message>[^/]+)`],
  ['message.get', 'GET', `${MESSAGES}/(?<message>[^/]+)`],
  ['card.create', 'POST', CARDS],
  ['card.find', 'POST', `${CARDS}/id_convert`],
  ['card.update', 'PUT', `${CARDS}/(?<card>[^/]+)`],
  ['card.settings', 'PATCH', `${CARDS}/(?<card>[^/]+)/settings`],
  ['card.content', 'PUT', `${ELEMENT}/content`],
  ['card.element', 'PUT', ELEMENT],
].map(([name, method, path]) => [name, method, new RegExp(`^${path}/?$`)])

export const methods = {
  'connection.open': (feishu, { AppID, AppSecret }) => {
    if (feishu.refusedSockets > 0) {
      feishu.refusedSockets -= 1
      throw new Refusal(1, 'system busy', 503)
    }
    if (AppID !== feishu.bot.appId || AppSecret !== feishu.bot.appSecret) throw new Refusal(514, 'app is not known')
    const url = `${feishu.url.replace('http', 'ws')}/ws?device_id=d&service_id=33&ticket=t`
    return { data: { URL: url, ClientConfig: feishu.config } }
  },
  token: ({ bot }, { app_id, app_secret }) => {
    if (app_id !== bot.appId || app_secret !== bot.appSecret) throw new Refusal(10003, 'invalid param')
    return { tenant_access_token: bot.token, app_access_token: bot.token, expire: 7200 }
  },
  'bot.info': ({ bot }) => ({ bot: { open_id: bot.openId, app_name: bot.name, activate_status: 2, avatar_url: '' } }),
  'user.list': (feishu, { user_ids }) => ({
    data: {
      items: [user_ids ?? []]
        .flat()
        .map((id) => user(feishu, id))
        .filter(Boolean),
    },
  }),
  'user.get': (feishu, args) => {
    const found = user(feishu, args.path.user)
    if (!found) throw new Refusal(41050, 'no user authority error')
    return { data: { user: found } }
  },
  'chat.get': (feishu, args) => {
    const { name, group } = chatOf(feishu, args.path.chat)
    return { data: { name, chat_mode: group ? 'group' : 'p2p', chat_type: 'private', user_count: '2' } }
  },
  'message.create': (feishu, args) => send(feishu, args, receiver(feishu, args), null),
  'message.reply': (feishu, args) => {
    const root = messageOf(feishu, args.path.message)
    if (args.reply_in_thread) root.threadId ??= feishu.id('omt')
    return send(feishu, args, root.chat, root)
  },
  'message.update': (feishu, args) => {
    const message = ownMessage(feishu, args.path.message)
    if (message.edits.length >= MOST_EDITS)
      throw new Refusal(230072, 'The message has reached the number of times it can be edited.')
    if (message.card) throw new Refusal(230054, 'This operation is not supported for this message type.')
    feishu.chats.change(message, textOf(args))
    return { data: asFeishu(feishu, message) }
  },
  'message.patch': (feishu, args) => {
    const message = ownMessage(feishu, args.path.message)
    if (!message.card) throw new Refusal(230054, 'This operation is not supported for this message type.')
    show(feishu, message, checkedCard(args.content))
    return {}
  },
  'message.delete': (feishu, args) => {
    feishu.chats.remove(ownMessage(feishu, args.path.message))
    return {}
  },
  'message.get': (feishu, args) => ({ data: { items: [asFeishu(feishu, messageOf(feishu, args.path.message))] } }),
  'message.list': (feishu, { container_id, start_time = 0, page_size = 20, page_token = 0, sort_type }) => {
    const since = ({ at }) => at >= Number(start_time) * SECOND
    const all = chatOf(feishu, container_id).messages.filter(since)
    if (sort_type === 'ByCreateTimeDesc') all.reverse()
    const to = Number(page_token) + Number(page_size)
    const items = all.slice(Number(page_token), to).map((message) => asFeishu(feishu, message))
    return { data: { items, has_more: to < all.length, page_token: `${to}` } }
  },
  'reaction.add': (feishu, args) => {
    messageOf(feishu, args.path.message)
    return { data: { reaction_id: feishu.id('r') } }
  },
  'reaction.delete': () => ({}),
  'card.create': (feishu, { type, data }) => {
    if (type !== 'card_json') throw new Refusal(200350, 'type is not card_json')
    const json = checkedCard(data)
    if (json.schema !== '2.0') throw new Refusal(200380, 'schema is not 2.0')
    const id = feishu.id('card')
    feishu.cards.set(id, { id, json, sequence: 0, opened: feishu.clock.now(), times: [] })
    return { data: { card_id: id } }
  },
  'card.find': (feishu, { message_id }) => {
    const card = [...feishu.cards.values()].find(({ message }) => message?.id === message_id)
    if (!card) throw new Refusal(300313, 'card not found')
    return { data: { card_id: card.id } }
  },
  'card.update': (feishu, args) => {
    const card = nextOf(feishu, args)
    renew(feishu, card, checkedCard(args.card?.data))
    return {}
  },
  'card.settings': (feishu, args) => {
    const card = nextOf(feishu, args)
    const { config = {} } = JSON.parse(args.settings)
    renew(feishu, card, { ...card.json, config: { ...card.json.config, ...config } })
    return {}
  },
  'card.content': (feishu, args) => {
    const card = nextOf(feishu, args)
    if (!card.json.config?.streaming_mode) throw new Refusal(300309, 'card streaming mode is closed')
    if (feishu.clock.now() - card.opened > STREAM_LIFE) {
      card.json.config.streaming_mode = false
      if (card.message) feishu.chats.finish(card.message)
      throw new Refusal(200850, 'card streaming timeout')
    }
    if (typeof args.content !== 'string' || !args.content) throw new Refusal(300306, 'content is empty')
    change(feishu, card, args.path.element, { content: args.content })
    return {}
  },
  'card.element': (feishu, args) => {
    change(feishu, nextOf(feishu, args), args.path.element, JSON.parse(args.element))
    return {}
  },
}

function user(feishu, id) {
  const person = feishu.chats.personById(id)
  return person && { open_id: person.id, user_id: person.id, name: person.name, en_name: person.name }
}

function chatOf(feishu, id) {
  const chat = feishu.chats.find(id)
  if (!chat) throw new Refusal(230002, 'Bot/User can NOT be out of the chat.', 400)
  return chat
}

function receiver(feishu, { receive_id, receive_id_type }) {
  if (receive_id_type === 'chat_id') return chatOf(feishu, receive_id)
  if (receive_id_type !== 'open_id') throw new Refusal(230001, 'invalid receive_id_type', 400)
  const found = feishu.chats
    .read()
    .find(({ group, messages }) => !group && messages.some((message) => message.user === receive_id))
  if (!found) throw new Refusal(230013, 'Bot has NO availability to this user.', 400)
  return feishu.chats.find(found.id)
}

function messageOf(feishu, id) {
  const message = feishu.chats.message(id)
  if (!message) throw new Refusal(230011, 'The message was withdrawn.', 400)
  return message
}

function ownMessage(feishu, id) {
  const message = messageOf(feishu, id)
  if (!message.bot) throw new Refusal(230050, 'The message is not sent by this bot.', 400)
  return message
}

/** One message for each `uuid` within an hour. */
function send(feishu, args, chat, root) {
  const { msg_type, content, uuid } = args
  const known = uuid && feishu.sent.get(uuid)
  if (known && feishu.clock.now() - known.at < HOUR) return { data: asFeishu(feishu, known) }
  const common = {
    id: feishu.id('om'),
    thread: root?.id ?? null,
    user: feishu.bot.openId,
    name: feishu.bot.name,
    bot: true,
    key: uuid,
  }
  const message =
    msg_type === 'interactive'
      ? sendCard(feishu, chat, common, content)
      : feishu.chats.add(chat, { ...common, text: textOf({ msg_type, content }) })
  if (root?.threadId) message.threadId = root.threadId
  if (uuid) feishu.sent.set(uuid, message)
  return { data: asFeishu(feishu, message) }
}

function sendCard(feishu, chat, common, content) {
  const given = JSON.parse(content)
  const card = given.type === 'card' ? feishu.cards.get(given.data?.card_id) : undefined
  if (given.type === 'card' && !card)
    throw new Refusal(230099, 'Failed to create card content, ext=ErrCode: 11310; ErrMsg: cardid is invalid', 400)
  if (card?.message) throw new Refusal(230099, 'Failed to create card content: the card was sent before', 400)
  const json = card ? card.json : checkedCard(content)
  const state = card && json.config?.streaming_mode ? 'growing' : 'done'
  const message = feishu.chats.add(chat, { ...common, state, card: json, ...seen(json) })
  if (card) card.message = message
  return message
}

function textOf({ msg_type, content }) {
  if (Buffer.byteLength(content ?? '') > LONGEST_TEXT)
    throw new Refusal(230025, 'The length of the message content reaches its limit.', 400)
  const given = JSON.parse(content)
  if (msg_type === 'text') return given.text
  if (msg_type !== 'post') throw new Refusal(230001, `msg_type ${msg_type}`, 400)
  const { title, content: lines } = given.content ? given : Object.values(given)[0]
  const text = lines.map((line) => line.map((part) => part.text ?? '').join('')).join('\n')
  return title ? `${title}\n${text}` : text
}

function checkedCard(text) {
  let json
  try {
    json = JSON.parse(text)
  } catch {
    throw new Refusal(200621, 'parse card json err', 400)
  }
  if (Buffer.byteLength(text) > LONGEST_CARD) throw new Refusal(200860, 'card content size is over the limit', 400)
  return json
}

/** The card, if the call is the next one: sequences rise, and a card takes some calls in a second. */
function nextOf(feishu, { path, sequence }) {
  const card = feishu.cards.get(path.card)
  if (!card) throw new Refusal(300313, 'card not found')
  const limit = feishu.calls.limits.cardPerSecond
  const now = feishu.clock.now()
  card.times = [...card.times.filter((at) => at > now - SECOND), now]
  if (limit > 0 && card.times.length > limit) {
    throw new Refusal(99991400, 'request trigger frequency limit', 429, { 'x-ogw-ratelimit-reset': '1' })
  }
  if (!Number.isInteger(sequence) || sequence <= card.sequence || sequence >= 2 ** 31) {
    throw new Refusal(300317, 'sequence number compare failed')
  }
  card.sequence = sequence
  return card
}

function change(feishu, card, id, values) {
  const elements = card.json.body?.elements ?? []
  if (!elements.some(({ element_id }) => element_id === id)) throw new Refusal(300314, 'element not found')
  const changed = elements.map((element) => (element.element_id === id ? { ...element, ...values } : element))
  renew(feishu, card, { ...card.json, body: { ...card.json.body, elements: changed } })
}

function renew(feishu, card, json) {
  if (Buffer.byteLength(JSON.stringify(json)) > LONGEST_CARD)
    throw new Refusal(200860, 'card content size is over the limit')
  if (json.config?.streaming_mode && !card.json.config?.streaming_mode) card.opened = feishu.clock.now()
  card.json = json
  if (!card.message) return
  show(feishu, card.message, json)
  if (!json.config?.streaming_mode) feishu.chats.finish(card.message)
}

function show(feishu, message, json) {
  const { text, ...more } = seen(json)
  Object.assign(message, more, { card: json })
  feishu.chats.change(message, text)
}

/** What a person sees of a card: its first element is the text, what follows is its foot. */
function seen({ header, body, elements }) {
  const texts = (body?.elements ?? elements ?? [])
    .map(({ content, text }) => content ?? text?.content)
    .filter((text) => text !== undefined)
  const title = header?.title?.content
  const person = ['orange', 'red', 'yellow', 'carmine'].includes(header?.template)
  return {
    text: texts[0] ?? '',
    ...(title && { author: title, person }),
    ...(texts.length > 1 && { footer: texts.slice(1).join('\n') }),
  }
}

function asFeishu(feishu, message) {
  const body = message.card ? { elements: [[{ tag: 'text', text: message.text }]] } : { text: message.text }
  const sender = message.bot
    ? { id: feishu.bot.appId, id_type: 'app_id', sender_type: 'app' }
    : { id: message.user, id_type: 'open_id', sender_type: 'user' }
  return {
    message_id: message.id,
    chat_id: message.chat.id,
    msg_type: message.card ? 'interactive' : 'text',
    create_time: `${message.at}`,
    update_time: `${message.at}`,
    deleted: false,
    updated: message.edits.length > 0,
    sender: { ...sender, tenant_key: feishu.bot.tenantKey },
    body: { content: JSON.stringify(body) },
    ...(message.thread && { root_id: message.thread, parent_id: message.thread }),
    ...(message.threadId && { thread_id: message.threadId }),
  }
}
