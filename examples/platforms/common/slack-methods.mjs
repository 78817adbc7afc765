/** Slack's methods, with the limits and the errors that its documents name. */
const LONGEST_APPEND = 12_000
const LONGEST_UPDATE = 4_000
const LONGEST_POST = 40_000
const STREAM_LIFE = 5 * 60 * 1000
const TEXT_CHUNKS = ['markdown_text']

export class Refusal extends Error {
  constructor(code, more = {}, status = 200) {
    super(code)
    this.more = more
    this.status = status
  }
}

export const methods = {
  'auth.test': ({ bot, url }) => ({
    url: `${url}/`,
    team: 'Fake',
    user: bot.name,
    team_id: bot.teamId,
    user_id: bot.userId,
    bot_id: bot.botId,
    is_enterprise_install: false,
  }),
  'apps.connections.open': (slack) => {
    if (slack.refusedSockets > 0) {
      slack.refusedSockets -= 1
      throw new Refusal('internal_error', {}, 503)
    }
    return { url: `${slack.url.replace('http', 'ws')}/socket?ticket=t` }
  },
  'users.info': (slack, { user }) => ({ user: userOf(slack, user) }),
  'bots.info': ({ bot }) => ({ bot: { id: bot.botId, name: bot.name, user_id: bot.userId, app_id: bot.appId } }),
  'team.info': ({ bot }) => ({ team: { id: bot.teamId, name: 'Fake', domain: 'fake' } }),
  'conversations.info': (slack, { channel }) => ({ channel: channelOf(chatOf(slack, channel)) }),
  'conversations.open': (slack, { users }) => {
    const person = slack.chats.personById(String(users).split(',')[0])
    if (!person) throw new Refusal('user_not_found')
    return { channel: channelOf(slack.chats.chat(`D${person.id.slice(1)}`, person.name, false)) }
  },
  'conversations.replies': (slack, args) =>
    page(slack, args, (message) => [message.id, message.thread].includes(args.ts)),
  'conversations.history': (slack, args) => page(slack, args, (message) => !message.thread),
  'reactions.add': () => ({}),
  'reactions.remove': () => ({}),
  'assistant.threads.setStatus': (slack, { channel_id, thread_ts, status }) => {
    chatOf(slack, channel_id)
    const statuses = (slack.statuses[channel_id] ??= {})
    if (status) statuses[thread_ts] = status
    else delete statuses[thread_ts]
    return {}
  },
  'assistant.threads.setTitle': () => ({}),
  'assistant.threads.setSuggestedPrompts': () => ({}),
  'chat.postMessage': (slack, args) => {
    const text = shownText(args)
    if (!text) throw new Refusal('no_text')
    if (args.markdown_text?.length > LONGEST_APPEND || text.length > LONGEST_POST) throw new Refusal('msg_too_long')
    const chat = chatOf(slack, args.channel)
    const message = newMessage(slack, chat, args, { text, raw: args })
    return { channel: chat.id, ts: message.id, message: asSlack(slack, message) }
  },
  'chat.postEphemeral': (slack, args) => {
    chatOf(slack, args.channel)
    return { message_ts: slack.ts() }
  },
  'chat.update': (slack, args) => {
    const message = ownMessage(slack, args)
    if (message.streamed && !isExpired(slack, message)) throw new Refusal('streaming_state_conflict')
    const text = shownText(args)
    if (!text) throw new Refusal('no_text')
    if (args.text?.length > LONGEST_UPDATE && !args.blocks) throw new Refusal('msg_too_long')
    if (args.markdown_text?.length > LONGEST_APPEND) throw new Refusal('msg_too_long')
    message.streamed = undefined
    message.state = 'done'
    message.raw = args
    slack.chats.change(message, text)
    return { channel: message.chat.id, ts: message.id, text, message: asSlack(slack, message) }
  },
  'chat.delete': (slack, args) => {
    const message = ownMessage(slack, args)
    slack.chats.remove(message)
    return { channel: message.chat.id, ts: message.id }
  },
  'chat.startStream': (slack, args) => {
    const chat = chatOf(slack, args.channel)
    if (!args.thread_ts)
      throw new Refusal('invalid_arguments', { response_metadata: { messages: ['thread_ts is required'] } })
    if (chat.group && !args.recipient_team_id) throw new Refusal('missing_recipient_team_id')
    if (chat.group && !args.recipient_user_id) throw new Refusal('missing_recipient_user_id')
    const text = piece(args)
    const message = newMessage(slack, chat, args, { text, state: 'growing' })
    message.streamed = slack.clock.now()
    return { channel: chat.id, ts: message.id }
  },
  'chat.appendStream': (slack, args) => {
    const message = stream(slack, args)
    slack.chats.change(message, message.text + piece(args))
    message.streamed = slack.clock.now()
    return { channel: message.chat.id, ts: message.id }
  },
  'chat.stopStream': (slack, args) => {
    const message = stream(slack, args)
    slack.chats.change(message, message.text + piece(args))
    message.streamed = undefined
    slack.chats.finish(message)
    return { channel: message.chat.id, ts: message.id, message: asSlack(slack, message) }
  },
}

function newMessage(slack, chat, args, more) {
  if (args.thread_ts && slack.chats.message(args.thread_ts)?.chat !== chat) throw new Refusal('thread_not_found')
  const statuses = slack.statuses[chat.id]
  if (statuses) delete statuses[args.thread_ts]
  return slack.chats.add(chat, {
    id: slack.ts(),
    thread: args.thread_ts ?? null,
    user: slack.bot.userId,
    name: slack.bot.name,
    bot: true,
    ...(args.username && { author: args.username }),
    ...(args.client_msg_id && { key: args.client_msg_id }),
    ...more,
  })
}

function chatOf(slack, id) {
  const chat = slack.chats.find(id)
  if (!chat) throw new Refusal('channel_not_found')
  return chat
}

function ownMessage(slack, { channel, ts }) {
  const message = slack.chats.message(ts)
  if (!message || message.chat !== chatOf(slack, channel)) throw new Refusal('message_not_found')
  if (!message.bot) throw new Refusal('cant_update_message')
  return message
}

/** The message while pieces can be added to it. */
function stream(slack, args) {
  const message = ownMessage(slack, args)
  if (!message.streamed) throw new Refusal('message_not_in_streaming_state')
  if (!isExpired(slack, message)) return message
  message.streamed = undefined
  slack.chats.finish(message)
  throw new Refusal('message_not_in_streaming_state')
}

function isExpired(slack, message) {
  return message.expired || slack.clock.now() - message.streamed >= STREAM_LIFE
}

function piece({ markdown_text, chunks }) {
  const given = (chunks ?? []).filter(({ type }) => TEXT_CHUNKS.includes(type)).map(({ text }) => text)
  const text = [markdown_text ?? '', ...given].join('')
  if (text.length > LONGEST_APPEND) throw new Refusal('msg_too_long')
  return text
}

/** What a person sees of a message: markdown as it is, and Slack's own text without its escapes. */
function shownText({ markdown_text, blocks, text }) {
  if (markdown_text !== undefined) return markdown_text
  const shown = (blocks ?? []).map(blockText).filter(Boolean)
  return shown.length ? shown.join('\n') : unescaped(text ?? '')
}

function blockText(block) {
  if (block.type === 'markdown') return block.text
  const texts = [block.text, ...(block.fields ?? []), ...(block.elements ?? [])]
  return texts.map(elementText).filter(Boolean).join('')
}

function elementText(element) {
  if (typeof element?.text === 'string') return element.type === 'mrkdwn' ? unescaped(element.text) : element.text
  return (element?.elements ?? []).map(elementText).join('')
}

function unescaped(text) {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
}

function asSlack(slack, message) {
  const { bot } = slack
  return {
    type: 'message',
    ts: message.id,
    user: message.user,
    text: message.raw?.text ?? message.text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
    team: bot.teamId,
    ...(message.thread && { thread_ts: message.thread }),
    ...(message.bot && { bot_id: bot.botId, app_id: bot.appId }),
    ...(message.raw?.metadata && { metadata: message.raw.metadata }),
    ...(message.raw?.blocks && { blocks: message.raw.blocks }),
  }
}

function page(slack, { channel, oldest = '0', latest, limit = 100, cursor }, belongs) {
  const fits = (message) =>
    belongs(message) && Number(message.id) > Number(oldest) && (!latest || Number(message.id) <= Number(latest))
  const all = chatOf(slack, channel).messages.filter(fits)
  const from = Number(cursor || 0)
  const to = from + Number(limit)
  const next = to < all.length ? `${to}` : ''
  const messages = all.slice(from, to).map((message) => asSlack(slack, message))
  return { messages, has_more: Boolean(next), response_metadata: { next_cursor: next } }
}

function userOf(slack, id) {
  const person = slack.chats.personById(id)
  const name = person?.name ?? (id === slack.bot.userId ? slack.bot.name : undefined)
  if (!name) throw new Refusal('user_not_found')
  return {
    id,
    name,
    real_name: name,
    team_id: slack.bot.teamId,
    profile: { display_name: name, real_name: name },
    is_bot: !person,
  }
}

function channelOf({ id, name, group }) {
  return { id, name: group ? name : undefined, is_channel: group, is_im: !group, is_member: true, is_private: false }
}
