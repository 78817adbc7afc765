import type { Author, Card, Source } from './message.js'
import { isAuthor, textOf } from './message.js'
import { objectIn, readEvents } from './sse.js'

/** A part of a reply, as the AI SDK's UI Message Stream (v1) carries it. */
export type Part =
  | { type: 'start'; messageId: string }
  | { type: 'author'; author: Author; name: string }
  | { type: 'text-start'; id: string }
  | { type: 'text-delta'; id: string; delta: string }
  | { type: 'text-end'; id: string }
  | { type: 'source'; messageId: string; source: Source }
  | { type: 'card'; card: Card }
  | { type: 'notice'; kind: string; text: string }
  | { type: 'error'; kind: string }

/** How a stream ended: as a whole, or in the middle, where it can be taken up again. */
export type Ending = 'whole' | 'cut'

/** Reads a reply to its end, and tells its parts in order. Parts of types that are not known are left out. */
export async function readReply(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  onPart: (part: Part) => void,
): Promise<Ending> {
  let ending: Ending = 'cut'
  await readEvents(body, signal, {
    onEvent({ data }) {
      if (data === '[DONE]') {
        ending = 'whole'
        return
      }
      const value = objectIn(data)
      if (value?.type === 'finish') ending = 'whole'
      const part = value && partOf(value)
      if (part) onPart(part)
    },
  })
  return ending
}

function partOf(value: Record<string, unknown>): Part | undefined {
  const id = textOf(value.id)
  switch (value.type) {
    case 'start':
      return { type: 'start', messageId: textOf(value.messageId) }
    case 'text-start':
    case 'text-end':
      return { type: value.type, id }
    case 'text-delta':
      return { type: 'text-delta', id, delta: textOf(value.delta) }
    case 'source-url':
    case 'source-document':
      return sourceOf(value)
    case 'error':
      return { type: 'error', kind: textOf(value.errorText) }
    default:
      return dataOf(value.type, value.data)
  }
}

function sourceOf(value: Record<string, unknown>): Part {
  const url = value.type === 'source-url' ? textOf(value.url) : ''
  const messageId = textOf(value.sourceId).replace(/\/s\d+$/, '')
  return { type: 'source', messageId, source: { url: url === '' ? null : url, title: textOf(value.title) || url } }
}

function dataOf(type: unknown, value: unknown): Part | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const data = value as Record<string, unknown>
  if (type === 'data-author' && isAuthor(data.author))
    return { type: 'author', author: data.author, name: textOf(data.name) }
  if (type === 'data-card')
    return { type: 'card', card: { template: textOf(data.template), params: data.params ?? null } }
  if (type === 'data-notice') return { type: 'notice', kind: textOf(data.kind), text: textOf(data.text) }
  return undefined
}
