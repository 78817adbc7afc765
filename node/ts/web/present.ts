/** A visitor who is there: what happened lately, who reads it, and what is being answered. */

import { randomBytes } from 'node:crypto'
import type { Visitor } from '../visitor.js'
import type { Answer } from './call.js'
import { Feed } from './feed.js'
import { Growing, type GrowingReply, GrowthReader } from './growing.js'
import type { WidgetEvent } from './messages.js'
import type { Transcript } from './transcript.js'
import { STREAM_HEADERS, type Turn } from './turn.js'

/** What happened lately is kept up to so many events, and so many UTF-16 units. */
const MOST_EVENTS = 200
const MOST_UNITS = 131_072

export class Present {
  readonly visitor: Visitor
  readonly transcript: Transcript
  /** The answers that are under way, by the ids of the questions. */
  readonly turns = new Map<string, Turn>()
  /** When the visitor was heard of last, in milliseconds. */
  usedAt: number
  isTyping = false
  #growing: Growing | undefined
  /** Ends when the conversation was opened; `undefined` where that was not begun since the visitor is there. */
  waking: Promise<void> | undefined
  /** Calls that work with it. It is not forgotten meanwhile. */
  calls = 0
  readonly #epoch = randomBytes(6).toString('base64url')
  readonly #feeds = new Set<EventFeed>()
  readonly #events: string[] = []
  #units = 0
  /** The number of the first event that is kept, and of the next one. */
  #first = 1
  #next = 1

  constructor(visitor: Visitor, transcript: Transcript, nowMs: number) {
    this.visitor = visitor
    this.transcript = transcript
    this.usedAt = nowMs
  }

  get isInUse(): boolean {
    return this.calls > 0 || this.#feeds.size > 0 || this.turns.size > 0
  }

  get feeds(): Iterable<Feed> {
    return this.#feeds
  }

  /** The newest question that is not answered yet. */
  get newest(): Turn | undefined {
    return [...this.turns.values()].at(-1)
  }

  /** The question that is being answered. */
  get oldest(): Turn | undefined {
    for (const turn of this.turns.values()) return turn
    return undefined
  }

  tell(event: WidgetEvent): void {
    const text = `id: ${this.#epoch}-${this.#next}\ndata: ${JSON.stringify(event)}\n\n`
    this.#next += 1
    this.#events.push(text)
    this.#units += text.length
    while (this.#events.length > MOST_EVENTS || (this.#units > MOST_UNITS && this.#events.length > 1)) {
      this.#units -= this.#events.shift()?.length ?? 0
      this.#first += 1
    }
    this.#wake()
  }

  /** The reply that is being said just now. */
  get growing(): Growing | undefined {
    return this.#growing
  }

  /** A piece of a reply has come. It is not among the events that are kept, which it would push out. */
  grow(reply: GrowingReply, piece: string): void {
    let growing = this.#growing
    // White space alone is no message: what another says after it has the same id.
    if (growing?.reply.id !== reply.id || growing.reply.author !== reply.author) growing = new Growing(reply)
    growing.add(piece)
    this.#growing = growing
    this.#wake()
  }

  /** The reply is whole, or broke off: its message, or a notice, says so. */
  grown(): void {
    this.#growing = undefined
  }

  #wake(): void {
    for (const feed of this.#feeds) feed.onMore()
  }

  /**
   * Returns the answer to a call that reads the events: what happened since the one that it names, how it is now, and
   * what happens from now on.
   *
   * Where so many read already, the oldest is ended: it may belong to a browser that is gone, which no one has noticed.
   */
  answer(last: string | undefined, most: number, owner: WidgetEvent): Answer {
    for (const oldest of this.#feeds) {
      if (this.#feeds.size < most) break
      this.#feeds.delete(oldest)
      oldest.end()
    }
    const after = this.#numberOf(last)
    const now = [owner, ...(this.isTyping ? [{ type: 'typing', author: 'avatar', isTyping: true }] : [])]
    const state = now.map((event) => this.#unnumbered(event)).join('')
    const missed = last === undefined ? '' : after === undefined ? RESET : this.since(after)
    const head = `retry: 2000\n\n${missed}${state}`
    return { status: 200, headers: STREAM_HEADERS, body: new EventFeed(head, this.#next, this, this.#feeds) }
  }

  get next(): number {
    return this.#next
  }

  /** What happened from this number on; only that something was missed, where it is not kept any more. */
  since(number: number): string {
    if (number < this.#first) return RESET
    return this.#events.slice(number - this.#first).join('')
  }

  /** What says how it is now moves nothing on. */
  #unnumbered(event: object): string {
    return `id: ${this.#epoch}-${this.#next - 1}\ndata: ${JSON.stringify(event)}\n\n`
  }

  /** The number behind an event that is kept. */
  #numberOf(id: string | undefined): number | undefined {
    const [, epoch, number] = /^([A-Za-z0-9_-]+)-([0-9]{1,15})$/.exec(id ?? '') ?? []
    if (epoch !== this.#epoch) return undefined
    const after = Number(number) + 1
    return after >= this.#first && after <= this.#next ? after : undefined
  }
}

const RESET = `data: ${JSON.stringify({ type: 'reset' } satisfies WidgetEvent)}\n\n`

class EventFeed extends Feed {
  #head: string
  #at: number
  readonly #present: Present
  readonly #feeds: Set<EventFeed>
  readonly #growth = new GrowthReader()
  #isOver = false

  constructor(head: string, at: number, present: Present, feeds: Set<EventFeed>) {
    super()
    this.#head = head
    this.#at = at
    this.#present = present
    this.#feeds = feeds
    feeds.add(this)
  }

  get hasEnded(): boolean {
    return this.#isOver
  }

  /** The server ends. */
  override end(): void {
    this.#isOver = true
    this.onMore()
  }

  protected next(): string | undefined {
    const events = this.#head + (this.#at < this.#present.next ? this.#present.since(this.#at) : '')
    this.#head = ''
    this.#at = this.#present.next
    const text = events + this.#growth.take(this.#present.growing)
    return text === '' ? undefined : text
  }

  protected left(): void {
    this.#feeds.delete(this)
  }
}
