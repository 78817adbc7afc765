/** A reply that is being said, for all who read the events of its visitor. */

import type { LiveAuthor } from '../bridge/live.js'
import type { WidgetEvent } from './messages.js'

/** Which reply it is. */
export interface GrowingReply {
  readonly id: string
  readonly author: LiveAuthor
  readonly name: string
  readonly inReplyTo: string
}

/** What is known of a reply until it is whole. Its pieces are kept once, however many read them. */
export class Growing {
  readonly reply: GrowingReply
  readonly #pieces: string[] = []
  #hasWords = false

  constructor(reply: GrowingReply) {
    this.reply = reply
  }

  add(piece: string): void {
    this.#pieces.push(piece)
    this.#hasWords ||= piece.trim() !== ''
  }

  /** What is nothing but white space is not shown, so it is not told either. */
  get hasWords(): boolean {
    return this.#hasWords
  }

  get length(): number {
    return this.#pieces.length
  }

  /** The text from this piece on. */
  from(piece: number): string {
    return this.#pieces.slice(piece).join('')
  }
}

/** How far one browser has read. One that reads slowly is told more at once, and costs nothing. */
export class GrowthReader {
  #of: Growing | undefined
  #pieces = 0
  #units = 0

  /** Takes what is new: the reply as far as it has come, or more of it. It has no id, as no browser asks for it again. */
  take(growing: Growing | undefined): string {
    if (growing === undefined || !growing.hasWords) return ''
    const isNew = this.#of !== growing
    if (isNew) {
      this.#of = growing
      this.#pieces = 0
      this.#units = 0
    }
    if (this.#pieces === growing.length) return ''
    const text = growing.from(this.#pieces)
    const { reply } = growing
    const event: WidgetEvent = isNew
      ? { type: 'growing', ...reply, text }
      : { type: 'piece', id: reply.id, from: this.#units, text }
    this.#pieces = growing.length
    this.#units += text.length
    return `data: ${JSON.stringify(event)}\n\n`
  }
}
