/** What people say, as Chat SDK reads it. */

import { type Attachment, Message, parseMarkdown } from 'chat'
import { encode } from './thread-id.js'

/** A message of the topic `/v1.0/im/bot/messages/get`. */
export interface DingTalkEvent {
  readonly msgId: string
  readonly msgtype: string
  readonly conversationId: string
  /** `1`: a direct chat, `2`: a group. */
  readonly conversationType: string
  readonly conversationTitle?: string
  readonly senderStaffId?: string
  readonly senderId: string
  readonly senderNick?: string
  readonly senderCorpId?: string
  readonly chatbotUserId?: string
  readonly sessionWebhook?: string
  /** In milliseconds since 1970. */
  readonly sessionWebhookExpiredTime?: number
  readonly robotCode?: string
  readonly createAt?: number
  readonly text?: { readonly content?: string }
  readonly content?: Readonly<Record<string, unknown>>
}

/** A message of DingTalk's: an event, or one that was sent. */
export type DingTalkRawMessage = DingTalkEvent | { readonly outTrackId?: string }

export function threadOf({ conversationType, conversationId, senderStaffId, senderId }: DingTalkEvent): string {
  if (conversationType === '2') return encode({ kind: 'g', id: conversationId })
  return encode({ kind: 's', id: senderStaffId || senderId })
}

export function read(event: DingTalkEvent): Message<DingTalkRawMessage> {
  const { text, attachments } = content(event)
  const userId = event.senderStaffId || event.senderId
  const name = event.senderNick || userId
  return new Message<DingTalkRawMessage>({
    id: event.msgId,
    threadId: threadOf(event),
    text,
    formatted: parseMarkdown(text),
    raw: event,
    author: { userId, userName: name, fullName: name, isBot: false, isMe: false },
    metadata: { dateSent: new Date(event.createAt ?? Date.now()), edited: false },
    attachments,
    // DingTalk sends a bot nothing else of a group.
    isMention: event.conversationType === '2',
  })
}

interface Part {
  readonly text?: string
  readonly type?: string
  readonly downloadCode?: string
}

/** What is said, and what came with it. In a group a space stands where the mention was. */
function content({ msgtype, text, content: given = {} }: DingTalkEvent): { text: string; attachments: Attachment[] } {
  const file = (type: Attachment['type']) => ({ type, fetchMetadata: { downloadCode: String(given['downloadCode']) } })
  switch (msgtype) {
    case 'text':
      return { text: (text?.content ?? '').trim(), attachments: [] }
    case 'richText': {
      const parts = (given['richText'] ?? []) as Part[]
      const files = parts.filter(({ downloadCode }) => downloadCode !== undefined)
      return {
        text: parts
          .map((part) => part.text ?? '')
          .join('')
          .trim(),
        attachments: files.map(({ downloadCode }) => ({
          type: 'image',
          fetchMetadata: { downloadCode: `${downloadCode}` },
        })),
      }
    }
    case 'audio': {
      // DingTalk writes down what was spoken.
      const spoken = String(given['recognition'] ?? '').trim()
      return { text: spoken, attachments: spoken === '' ? [file('audio')] : [] }
    }
    case 'picture':
      return { text: '', attachments: [file('image')] }
    case 'video':
      return { text: '', attachments: [file('video')] }
    default:
      return { text: '', attachments: [file('file')] }
  }
}
