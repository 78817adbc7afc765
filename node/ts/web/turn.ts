/** The answer to one message, as the AI SDK's user interfaces read it: UI Message Stream v1. */

import type { LiveAuthor } from '../bridge/live.js'
import { authorPart, cardPart, noticePart, sourceParts } from '../ui-parts.js'
import type { Answer } from './call.js'
import { Feed } from './feed.js'
import { isFailure, type Message, type Notice } from './messages.js'

/** What is between leaves the stream as it is: compressed or gathered, pieces would come late and many at once. */
export const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
}

/** An answer that is under way, or was given, for all who read it. */
export class Turn {
  /** The id of the visitor's message. */
  readonly id: string
  /** The lines so far, which all who read have in common. */
  readonly #lines: string[] = []
  readonly #feeds = new Set<TurnFeed>()
  #parts = 0
  /** The id of the message that is being said. */
  #open: string | undefined
  #author: LiveAuthor | undefined
  readonly #notices: Notice[] = []
  #failed = false
  #hasEnded = false
  /** Is called once, when the visitor's message is in the store and before anything is said to it. */
  onTaken: (() => void) | undefined

  constructor(id: string) {
    this.id = id
    this.#say({ type: 'start', messageId: `${id}.1` }, { type: 'start-step' })
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  get hasFailed(): boolean {
    return this.#failed
  }

  get feeds(): Iterable<Feed> {
    return this.#feeds
  }

  /** The visitor's message is in the store. */
  taken(): void {
    const { onTaken } = this
    this.onTaken = undefined
    onTaken?.()
  }

  /** How many messages it has. */
  get parts(): number {
    return this.#parts
  }

  piece(author: LiveAuthor, name: string, delta: string): void {
    // Also in mid-text: what another has begun was white space, which is no message.
    const lines = this.#by(author, name)
    if (this.#open === undefined) lines.push(this.#begin())
    this.#say(...lines, { type: 'text-delta', id: this.#open, delta })
  }

  /** The id of the message that is being said, or of the next one. */
  get messageId(): string {
    return this.#open ?? `${this.id}.${this.#parts + 1}`
  }

  /** A whole message, of which pieces may have come. */
  said({ id, author, name, text, sources, cards }: Message): void {
    const lines = this.#by(author === 'owner' ? 'owner' : 'avatar', name)
    if (this.#open === undefined && text !== '') {
      lines.push(this.#begin(), { type: 'text-delta', id, delta: text })
    } else if (this.#open === undefined) this.#parts += 1
    if (text !== '') lines.push({ type: 'text-end', id })
    this.#open = undefined
    this.#say(...lines, ...sourceParts(id, sources), ...cards.map(cardPart))
  }

  /** What the visitor was told beside the answer. */
  get notices(): readonly Notice[] {
    return this.#notices
  }

  notice({ kind, text }: Notice): void {
    this.#notices.push({ kind, text })
    if (isFailure(kind)) {
      this.#failed = true
      this.#say({ type: 'error', errorText: kind })
    } else this.#say(noticePart(kind, text))
  }

  end(): void {
    if (this.#hasEnded) return
    const open = this.#open === undefined ? [] : [{ type: 'text-end', id: this.#open }]
    const finish = { type: 'finish', finishReason: this.#failed ? 'error' : 'stop' }
    this.#lines.push(`${[...open, { type: 'finish-step' }, finish].map(line).join('')}data: [DONE]\n\n`)
    this.#hasEnded = true
    this.#wake()
  }

  /** Returns the answer to a call that reads it, from its beginning. */
  answer(): Answer {
    return { status: 200, headers: HEADERS, body: new TurnFeed(this.#lines, this.#feeds, this) }
  }

  /** Who speaks from now on, where that is another. */
  #by(author: LiveAuthor, name: string): object[] {
    if (this.#author === author) return []
    this.#author = author
    return [authorPart(author, name)]
  }

  #begin(): object {
    this.#parts += 1
    this.#open = `${this.id}.${this.#parts}`
    return { type: 'text-start', id: this.#open }
  }

  #say(...parts: object[]): void {
    if (parts.length === 0) return
    this.#lines.push(parts.map(line).join(''))
    this.#wake()
  }

  #wake(): void {
    for (const feed of this.#feeds) feed.onMore()
  }
}

const HEADERS = { ...STREAM_HEADERS, 'x-vercel-ai-ui-message-stream': 'v1' }

function line(part: object): string {
  return `data: ${JSON.stringify(part)}\n\n`
}

/** What is taken is held for a client that does not read: no more of it than this, and one piece. */
const MOST_AT_ONCE = 16_384

class TurnFeed extends Feed {
  readonly #lines: readonly string[]
  readonly #feeds: Set<TurnFeed>
  readonly #turn: Turn
  #at = 0
  #isOver = false

  constructor(lines: readonly string[], feeds: Set<TurnFeed>, turn: Turn) {
    super()
    this.#lines = lines
    this.#feeds = feeds
    this.#turn = turn
    feeds.add(this)
  }

  get hasEnded(): boolean {
    return this.#isOver || (this.#turn.hasEnded && this.#at === this.#lines.length)
  }

  override end(): void {
    this.#isOver = true
    this.onMore()
  }

  protected next(): string | undefined {
    let text = this.#lines[this.#at]
    if (text === undefined) return undefined
    this.#at += 1
    while (this.#at < this.#lines.length && text.length < MOST_AT_ONCE) {
      text += this.#lines[this.#at]
      this.#at += 1
    }
    return text
  }

  protected left(): void {
    this.#feeds.delete(this)
  }
}
