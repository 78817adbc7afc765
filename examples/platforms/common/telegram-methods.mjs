/** The methods of Telegram's Bot API. */
const LONGEST = 4096
const SECOND = 1000
/** What MarkdownV2 writes behind a backslash. */
const ESCAPED = /\\([_*[\]()~`>#+\-=|{}.!\\])/g

export class Refusal extends Error {
  constructor(code, message) {
    super(message)
    this.code = code
  }
}

export const methods = {
  getMe: ({ bot }) => ({
    id: bot.id,
    is_bot: true,
    first_name: bot.name,
    username: bot.username,
    can_join_groups: true,
    can_read_all_group_messages: false,
    supports_inline_queries: false,
  }),
  getUpdates: (telegram, args) => {
    if (telegram.delivery.webhook)
      throw new Refusal(409, "Conflict: can't use getUpdates method while webhook is active")
    if (telegram.poll) telegram.poll.refuse(new Refusal(409, 'Conflict: terminated by other getUpdates request'))
    const found = telegram.next(args)
    if (found.length || !Number(args.timeout)) return found
    return new Promise((answered, refused) => {
      const done = (end) => (value) => {
        cancel()
        telegram.poll = undefined
        end(value)
      }
      const cancel = telegram.clock.later(Number(args.timeout) * SECOND, () => done(answered)([]))
      telegram.poll = { args, answer: done(answered), refuse: done(refused) }
    })
  },
  setWebhook: (telegram, { url, secret_token }) => {
    telegram.hook(url, secret_token)
    const waiting = telegram.updates.splice(0)
    for (const { update } of waiting) telegram.delivery.push({ id: update.update_id, payload: update })
    return true
  },
  deleteWebhook: (telegram, { drop_pending_updates }) => {
    telegram.hook(undefined)
    if (drop_pending_updates) telegram.updates = []
    return true
  },
  getWebhookInfo: ({ delivery }) => ({
    url: delivery.webhook ?? '',
    has_custom_certificate: false,
    pending_update_count: delivery.undelivered,
  }),
  getChat: (telegram, { chat_id }) => {
    const { id, name, group } = chatOf(telegram, chat_id)
    return group ? { id, type: 'supergroup', title: name } : { id, type: 'private', first_name: name }
  },
  getChatMemberCount: (telegram, { chat_id }) => (chatOf(telegram, chat_id).group ? 3 : 2),
  sendChatAction: (telegram, { chat_id }) => Boolean(chatOf(telegram, chat_id)),
  setMessageReaction: (telegram, args) => Boolean(messageOf(telegram, args)),
  sendMessageDraft: (telegram, { chat_id, draft_id, ...args }) => {
    const chat = chatOf(telegram, chat_id)
    if (chat.group) throw new Refusal(400, 'Bad Request: drafts are for private chats')
    if (!draft_id) throw new Refusal(400, 'Bad Request: draft_id is empty')
    chat.draft = textOf(args)
    return true
  },
  sendMessage: (telegram, { chat_id, reply_parameters, ...args }) => {
    const chat = chatOf(telegram, chat_id)
    const text = textOf(args)
    delete chat.draft
    const number = telegram.messageId()
    const { bot } = telegram
    const thread = reply_parameters?.message_id ?? null
    const said = { id: `${chat.id}/${number}`, number, thread, user: bot.id, name: bot.name, bot: true, text }
    return telegram.asTelegram(telegram.chats.add(chat, said))
  },
  editMessageText: (telegram, args) => {
    const message = ownMessage(telegram, args)
    const text = textOf(args)
    if (text === message.text) throw new Refusal(400, 'Bad Request: message is not modified')
    telegram.chats.change(message, text)
    return telegram.asTelegram(message)
  },
  deleteMessage: (telegram, args) => {
    telegram.chats.remove(ownMessage(telegram, args))
    return true
  },
}

function chatOf(telegram, id) {
  const chat = telegram.chats.find(id)
  if (!chat) throw new Refusal(400, 'Bad Request: chat not found')
  return chat
}

function messageOf(telegram, { chat_id, message_id }) {
  const message = telegram.chats.message(`${chatOf(telegram, chat_id).id}/${message_id}`)
  if (!message) throw new Refusal(400, 'Bad Request: message to edit not found')
  return message
}

function ownMessage(telegram, args) {
  const message = messageOf(telegram, args)
  if (!message.bot) throw new Refusal(400, "Bad Request: message can't be edited")
  return message
}

/** What a person sees. Of MarkdownV2 the backslashes are taken away, the marks stay. */
function textOf({ text, parse_mode }) {
  const shown = parse_mode === 'MarkdownV2' ? String(text ?? '').replace(ESCAPED, '$1') : String(text ?? '')
  if (!shown.trim()) throw new Refusal(400, 'Bad Request: message text is empty')
  if (shown.length > LONGEST) throw new Refusal(400, 'Bad Request: message is too long')
  return shown
}
