import { isObject, parseAsTexts } from '../api/json'
import type { Author, Json, JsonObject } from '../api/types'
import { type Extra, extrasOf } from './extras'

/** The acknowledgement of a frame that has a `seqId`; none of any other. */
export function acknowledgement(text: string, wsId: string): string | null {
  try {
    const frame = parseAsTexts(text) as JsonObject | null
    return typeof frame?.seqId === 'string' ? JSON.stringify({ type: 'ack', seqId: frame.seqId, wsId }) : null
  } catch {
    return null
  }
}

/** What a frame says to a visitor. */
export type Heard =
  | { kind: 'piece'; author: Author; id: string | null; index: number | null; text: string; extras: Extra[] }
  | { kind: 'echo'; id: string | null; text: string; extras: Extra[] }
  | { kind: 'failure'; code: string; reason: string }
  | { kind: 'line'; text: string }
  | { kind: 'nothing' }

/** Reads a frame as the vendor's page tells them apart: by `sender`, and whose `sendUserId` it is. */
export function read(text: string, visitorUserId: string, sessionId: string): Heard {
  let frame: Json
  try {
    frame = parseAsTexts(text)
  } catch {
    return { kind: 'line', text: `?? ${text.slice(0, 200)}` }
  }
  if (!isObject(frame)) return { kind: 'nothing' }
  if (frame.type === 'pong' || frame.type === 'ping') return { kind: 'nothing' }
  if (frame.sessionId !== undefined && String(frame.sessionId) !== sessionId) return { kind: 'nothing' }
  if (typeof frame.subCode === 'string') {
    return { kind: 'failure', code: frame.subCode, reason: String(frame.subCodeReason ?? '') }
  }
  const id = typeof frame.messageId === 'string' && frame.messageId ? frame.messageId : null
  const said = words(frame)
  const extras = extrasOf(frame)
  if (frame.sender === 'umm') {
    const index = typeof frame.index === 'number' ? frame.index : null
    return { kind: 'piece', author: 'avatar', id, index, text: said, extras }
  }
  if (frame.sender === 'client') {
    if (frame.sendUserId === visitorUserId) return { kind: 'echo', id, text: said, extras }
    return { kind: 'piece', author: 'owner', id, index: null, text: said, extras }
  }
  return said ? { kind: 'line', text: said } : { kind: 'nothing' }
}

function words(frame: JsonObject): string {
  if (Array.isArray(frame.multipleData)) {
    const parts = frame.multipleData.map((part) => {
      const modal = (part as JsonObject | null)?.modal as JsonObject | undefined
      return typeof modal?.answer === 'string' ? modal.answer : ''
    })
    return parts.join('')
  }
  const content = (frame.data as JsonObject | undefined)?.content
  return typeof content === 'string' ? content : ''
}

/** The pieces of one reply, by their index: they are put in order, and none counts twice. */
export class Assembly {
  readonly #pieces = new Map<number, { text: string; extras: Extra[] }>()
  #last: { text: string; extras: Extra[] } = { text: '', extras: [] }
  readonly #before: string
  ended = false

  /** With what was said before the first piece that is heard. */
  constructor(before = '') {
    this.#before = before
  }

  add(index: number, piece: { text: string; extras: Extra[] }): void {
    if (index >= 0) {
      if (!this.#pieces.has(index)) this.#pieces.set(index, piece)
      return
    }
    // An end before any content ends nothing.
    if (!this.#before && this.#pieces.size === 0 && !piece.text && piece.extras.length === 0) return
    if (!this.ended) this.#last = piece
    this.ended = true
  }

  get whole(): { text: string; extras: Extra[] } {
    const ordered = [...this.#pieces].sort(([one], [other]) => one - other).map(([, piece]) => piece)
    const all = [...ordered, this.#last]
    return {
      text: this.#before + all.map((piece) => piece.text).join(''),
      extras: all.flatMap((piece) => piece.extras),
    }
  }
}
