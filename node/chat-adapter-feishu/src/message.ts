/** What people say, as Chat SDK reads it. */

import { type Attachment, Message, parseMarkdown } from 'chat'
import { encode } from './thread-id.js'

interface Person {
  readonly open_id?: string | undefined
}

/** The event `im.message.receive_v1`. */
export interface FeishuEvent {
  readonly event_id?: string | undefined
  readonly token?: string | undefined
  readonly tenant_key?: string | undefined
  readonly sender: { readonly sender_id?: Person | undefined; readonly sender_type?: string | undefined }
  readonly message: {
    readonly message_id: string
    readonly root_id?: string | undefined
    readonly create_time?: string | undefined
    readonly chat_id: string
    readonly chat_type: string
    readonly message_type: string
    readonly content: string
    readonly mentions?: readonly { readonly key: string; readonly id?: Person | undefined; readonly name: string }[]
  }
}

/** A message of Feishu's: an event, or one that was looked up or sent. */
export type FeishuRawMessage = FeishuEvent | Readonly<Record<string, unknown>>

export function threadOf({ message }: FeishuEvent): string {
  const { chat_type, chat_id, root_id, message_id } = message
  if (chat_type === 'p2p') return encode({ kind: 'p', id: chat_id })
  return encode({ kind: 'g', id: chat_id, message: root_id || message_id })
}

export function read(event: FeishuEvent, botOpenId: string): Message<FeishuRawMessage> {
  const { message, sender } = event
  const { text: written, attachments } = content(message.message_type, message.content)
  const mentions = [...(message.mentions ?? [])].sort((one, other) => other.key.length - one.key.length)
  let text = written
  for (const { key, id, name } of mentions) text = text.replaceAll(key, id?.open_id === botOpenId ? '' : `@${name}`)
  text = text.trim()
  const userId = sender.sender_id?.open_id ?? ''
  return new Message<FeishuRawMessage>({
    id: message.message_id,
    threadId: threadOf(event),
    text,
    formatted: parseMarkdown(text),
    raw: event,
    author: { userId, userName: userId, fullName: userId, isBot: sender.sender_type === 'app', isMe: false },
    metadata: { dateSent: new Date(Number(message.create_time ?? Date.now())), edited: false },
    attachments,
    isMention: mentions.some(({ id }) => id?.open_id === botOpenId),
  })
}

/** What is said, and what came with it. */
export function content(kind: string, body: string): { text: string; attachments: Attachment[] } {
  let value: Record<string, unknown>
  try {
    value = JSON.parse(body)
  } catch {
    return { text: '', attachments: [] }
  }
  const file = (type: Attachment['type'], key: unknown) => ({ type, fetchMetadata: { key: String(key) } })
  switch (kind) {
    case 'text':
      return { text: String(value['text'] ?? ''), attachments: [] }
    case 'post':
    case 'interactive':
      return post(value)
    case 'image':
      return { text: '', attachments: [file('image', value['image_key'])] }
    case 'audio':
      return { text: '', attachments: [file('audio', value['file_key'])] }
    case 'media':
      return { text: '', attachments: [file('video', value['file_key'])] }
    default:
      return { text: '', attachments: [file('file', value['file_key'] ?? kind)] }
  }
}

interface Part {
  readonly tag?: string
  readonly text?: string
  readonly user_id?: string
  readonly image_key?: string
  readonly file_key?: string
}

/** Rich text: lines of parts. It may stand under a language. */
function post(value: Record<string, unknown>): { text: string; attachments: Attachment[] } {
  const inner = (value['content'] ?? value['elements']) === undefined ? Object.values(value)[0] : value
  const { title, content: lines, elements } = (inner ?? {}) as Record<string, unknown>
  const rows = ((lines ?? elements ?? []) as Part[][]).map((line) => [line].flat())
  const words = ({ tag, text, user_id }: Part) => (tag === 'at' ? (user_id ?? '') : (text ?? ''))
  const texts = rows.map((line) => line.map(words).join(''))
  const files = rows.flat().filter(({ tag }) => tag === 'img' || tag === 'media')
  return {
    text: [title as string | undefined, ...texts].filter((line) => line !== undefined && line !== '').join('\n'),
    attachments: files.map(({ tag, image_key, file_key }) => ({
      type: tag === 'img' ? ('image' as const) : ('video' as const),
      fetchMetadata: { key: String(image_key ?? file_key) },
    })),
  }
}
