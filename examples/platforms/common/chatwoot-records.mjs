/** What Chatwoot tells of its messages and conversations: in webhooks, and in the API's answers. */
import { digest } from './chats.mjs'

const SECOND = 1000
export const TYPES = ['incoming', 'outgoing', 'activity', 'template']

export function seconds(at) {
  return Math.floor(at / SECOND)
}

/** A message as the API and the dashboard's socket have it. */
export function pushed(chatwoot, message) {
  const { chat } = message
  return {
    id: message.id,
    content: message.text,
    account_id: chat.account,
    inbox_id: chat.inbox,
    conversation_id: chat.number,
    message_type: TYPES.indexOf(message.kind),
    created_at: seconds(message.at),
    updated_at: new Date(message.at).toISOString(),
    private: message.private,
    status: 'sent',
    source_id: message.source,
    content_type: 'text',
    content_attributes: message.attributes,
    sender_type: message.sender && { contact: 'Contact', user: 'User', agent_bot: 'AgentBot' }[message.sender.type],
    sender_id: message.sender?.id ?? null,
    ...(message.echo && { echo_id: message.echo }),
    ...(message.attachments.length && { attachments: attachmentsOf(chatwoot, message) }),
    ...(message.sender && { sender: { ...message.sender, thumbnail: '' } }),
  }
}

/** A message in a webhook: its type is a word here. */
export function messageEvent(chatwoot, event, message) {
  const { chat } = message
  const account = chatwoot.accounts.get(chat.account)
  const { id, name } = account.inboxes.get(chat.inbox)
  return {
    event,
    account: { id: account.id, name: account.name },
    additional_attributes: {},
    content_attributes: message.attributes,
    content_type: 'text',
    content: message.text,
    conversation: conversationOf(chatwoot, chat),
    created_at: new Date(message.at).toISOString(),
    id: message.id,
    inbox: { id, name },
    message_type: message.kind,
    private: message.private,
    sender: message.sender && senderOf(account, message.sender),
    source_id: message.source,
    ...(message.attachments.length && { attachments: attachmentsOf(chatwoot, message) }),
  }
}

/** A contact in a webhook has no type, a user and a bot have. */
function senderOf(account, sender) {
  const { id, name, email = null, type } = sender
  if (type === 'contact') {
    return {
      account: { id: account.id, name: account.name },
      additional_attributes: {},
      avatar: '',
      blocked: false,
      custom_attributes: {},
      email,
      id,
      identifier: sender.identifier ?? null,
      name,
      phone_number: null,
      thumbnail: '',
    }
  }
  return type === 'user' ? { id, name, email, type } : { id, name, type }
}

function attachmentsOf(chatwoot, message) {
  return message.attachments.map(({ name, type }, number) => ({
    id: message.id * 100 + number,
    message_id: message.id,
    file_type: type === 'image' || type === 'audio' || type === 'video' ? type : 'file',
    account_id: message.chat.account,
    extension: null,
    data_url: `${chatwoot.url}/rails/active_storage/blobs/${encodeURIComponent(name)}`,
    thumb_url: '',
    file_size: 1000,
  }))
}

/** A conversation in a webhook: it does not say which account it is of, only its last message does. */
export function conversationOf(chatwoot, chat) {
  const account = chatwoot.accounts.get(chat.account)
  const inbox = account.inboxes.get(chat.inbox)
  const contact = chatwoot.contacts.get(chat.contact)
  const last = chat.messages.findLast((message) => message.kind !== 'activity' && !message.private)
  const assignee = account.users.get(chat.assignee)
  return {
    additional_attributes: {},
    can_reply: true,
    channel: inbox.channel,
    contact_inbox: { id: contact.id, contact_id: contact.id, inbox_id: inbox.id, source_id: contact.source },
    id: chat.number,
    inbox_id: inbox.id,
    messages: last ? [pushed(chatwoot, last)] : [],
    labels: [],
    meta: {
      sender: { id: contact.id, name: contact.name, email: null, type: 'contact', thumbnail: '' },
      assignee: assignee ? { ...personOf(assignee), type: 'user' } : null,
      assignee_type: assignee ? 'User' : null,
      team: chat.team ? teamOf(account) : null,
      hmac_verified: false,
    },
    status: chat.status,
    custom_attributes: {},
    snoozed_until: null,
    unread_count: 0,
    first_reply_created_at: null,
    priority: null,
    waiting_since: seconds(chat.createdAt),
    agent_last_seen_at: 0,
    contact_last_seen_at: 0,
    last_activity_at: seconds(last?.at ?? chat.createdAt),
    timestamp: seconds(last?.at ?? chat.createdAt),
    created_at: seconds(chat.createdAt),
    updated_at: chat.updatedAt,
  }
}

export function personOf({ id, name, email }) {
  return { id, name, available_name: name, email, thumbnail: '', availability_status: 'online' }
}

export function teamOf(account) {
  return { id: account.team.id, name: account.team.name, account_id: account.id }
}

/** The accounts that there are, each with a bot, four inboxes, two agents, a team and its secrets. */
export function accountsOf() {
  return new Map([1, 2].map((id) => [id, account(id)]))
}

function account(id) {
  const token = (name) => digest(`token of ${name} in ${id}`, 24)
  const inbox = (number, name, channel) => ({ id: number, name, channel, identifier: digest(`inbox ${number}`, 24) })
  const user = (number, name) => ({ id: number, name, email: `${name.toLowerCase()}@example.com`, token: token(name) })
  return {
    id,
    name: `Shop ${id}`,
    bot: { id: id * 10, name: 'Avatar', token: token('bot') },
    users: new Map([user(id * 10 + 1, 'Carol'), user(id * 10 + 2, 'Dave')].map((person) => [person.id, person])),
    team: { id: id * 10 + 5, name: 'support' },
    inboxes: new Map(
      [
        inbox(id * 100 + 1, 'Website', 'Channel::WebWidget'),
        inbox(id * 100 + 2, 'App', 'Channel::Api'),
        inbox(id * 100 + 4, 'Phone', 'Channel::Sms'),
        // No bot is connected here.
        inbox(id * 100 + 3, 'Office', 'Channel::Api'),
      ].map((found) => [found.id, found]),
    ),
    webhooks: { bot: { secret: digest(`bot ${id}`, 32) }, account: { secret: digest(`account ${id}`, 32) } },
    conversations: 0,
  }
}
