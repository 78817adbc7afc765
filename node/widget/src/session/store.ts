import type { Author, Card, Message, Source } from './message.js'

/**
 * Where a message stands. A visitor's: `waiting` to be sent, `sending`, `failed`, `done`. A reply: `streaming` while it
 * grows, `cut` where it broke off, `done`.
 */
export type State = 'waiting' | 'sending' | 'failed' | 'streaming' | 'cut' | 'done'

/** A message as it is shown. */
export interface Bubble extends Message {
  kind: 'message'
  state: State
  /** Of a visitor's message: why it was not sent, or why it got no answer. */
  trouble: string | null
  /** Counts the changes, those of a growing text apart. */
  revision: number
}

/** What happened, between the messages. */
export interface Line {
  kind: 'line'
  id: string
  what: 'joined' | 'left' | 'notice'
  name: string
  /** Of a notice: the kind that the server gives, and its sentence. */
  notice: string
  text: string
  at: number
  revision: number
}

export type Item = Bubble | Line

export interface StoreListener {
  /** Something is another, an item came or went. */
  onChange?(): void
  /** The text of this message grew. */
  onGrow?(bubble: Bubble): void
  /** The avatar or its owner has said this, just now and to its end. Told once for each message. */
  onSaid?(bubble: Bubble): void
  onLine?(line: Line): void
  /** A message of the visitor's was not sent, or got no answer. */
  onFailed?(bubble: Bubble): void
}

/** The conversation as it is shown: what the server told, what is on its way, and what happened in between. */
export class Store {
  readonly #listeners = new Set<StoreListener>()
  readonly #bubbles = new Map<string, Bubble>()
  #items: Item[] = []
  #lines = 0
  /** Where the page before the oldest message ends; `null` where there is none, `undefined` before the first page. */
  before: string | null | undefined

  listen(listener: StoreListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What is shown, in its order: what waits to be sent comes last. */
  get items(): readonly Item[] {
    const sent = this.#items.filter((item) => !isUnsent(item))
    return sent.length === this.#items.length ? this.#items : [...sent, ...this.#items.filter(isUnsent)]
  }

  get(id: string): Bubble | undefined {
    return this.#bubbles.get(id)
  }

  /** A message of the visitor's that is to be sent. */
  queue(id: string, text: string, at: number, trouble: string | null = null): void {
    const state = trouble === null ? 'waiting' : 'failed'
    if (this.#bubbles.has(id)) {
      this.stand(id, state, trouble)
      return
    }
    const message: Message = { id, author: 'visitor', name: '', text, at, sources: [], cards: [], inReplyTo: null }
    this.#add(bubbleOf(message, state, trouble))
    this.#changed()
  }

  /** Where a message of the visitor's stands now. */
  stand(id: string, state: State, trouble: string | null = null): void {
    const bubble = this.#bubbles.get(id)
    if (bubble === undefined || (bubble.state === state && bubble.trouble === trouble)) return
    if (isUnsent(bubble) && state === 'done') this.#toTheEnd(bubble)
    bubble.state = state
    bubble.trouble = trouble
    this.#touch(bubble)
    if (trouble !== null) for (const listener of this.#listeners) listener.onFailed?.(bubble)
  }

  /** The visitor's last message gets no answer. Returns `false` where an answer stands behind it already. */
  failLast(trouble: string): boolean {
    const messages = this.#items.filter((item) => item.kind === 'message')
    // The tab that is just sending it learns it from its stream.
    if (messages.some(({ state }) => state === 'sending')) return true
    const last = messages.findLast(({ state }) => state === 'done')
    if (last?.author !== 'visitor') return false
    this.stand(last.id, 'done', trouble)
    return true
  }

  /** Nothing is known of any conversation. */
  clear(): void {
    this.#bubbles.clear()
    this.#items = []
    this.before = undefined
    this.#changed()
  }

  remove(id: string): void {
    if (!this.#bubbles.delete(id)) return
    this.#items = this.#items.filter((item) => item.id !== id)
    this.#changed()
  }

  /** A whole message, as an event or a page of the history has it. */
  whole(message: Message): void {
    const known = this.#bubbles.get(message.id)
    if (known === undefined) {
      const bubble = bubbleOf(message, 'done')
      this.#add(bubble)
      this.#changed()
      this.#said(bubble)
      return
    }
    if (isUnsent(known)) this.#toTheEnd(known)
    const wasGrowing = known.state !== 'done'
    Object.assign(known, message, { state: 'done' })
    this.#touch(known)
    if (wasGrowing) this.#said(known)
  }

  /** The text of a reply begins, in the stream of its question. */
  begin(id: string, author: Author, name: string, inReplyTo: string | null): void {
    this.growing({ id, author, name, text: '', at: Date.now(), sources: [], cards: [], inReplyTo })
  }

  /** A reply grows, and has come as far as this. It may have come further, in another stream. */
  growing(message: Message): void {
    const known = this.#bubbles.get(message.id)
    if (known === undefined) {
      this.#add(bubbleOf(message, 'streaming'))
      this.#changed()
      return
    }
    const { author, name, text } = message
    const isKnown = known.state === 'streaming' && known.author === author && known.text.startsWith(text)
    if (isKnown || known.state === 'done') return
    Object.assign(known, { author, name, text, state: 'streaming' })
    this.#touch(known)
  }

  /** More of a reply, from this character on. What is known already, from another stream, is not said twice. */
  grow(id: string, from: number, delta: string): void {
    const bubble = this.#bubbles.get(id)
    if (bubble === undefined || bubble.state === 'done') return
    const { text } = bubble
    // What lies between comes with the whole message.
    if (from > text.length) return
    if (from === text.length) bubble.text += delta
    else if (text.startsWith(delta, from)) return
    else bubble.text = text.slice(0, from) + delta
    // It is shown from its first word on.
    const isFirst = text.trim() === ''
    if (bubble.state === 'cut' || isFirst) {
      bubble.state = 'streaming'
      this.#touch(bubble)
    }
    for (const listener of this.#listeners) listener.onGrow?.(bubble)
  }

  /** The replies that grow just now. */
  get allGrowing(): Message[] {
    return [...this.#bubbles.values()].filter(({ state }) => state === 'streaming')
  }

  /** The text of a reply is whole. */
  end(id: string): void {
    const bubble = this.#bubbles.get(id)
    if (bubble?.state !== 'streaming') return
    bubble.state = 'done'
    this.#touch(bubble)
    this.#said(bubble)
  }

  /** What was growing in answer to such questions broke off. */
  cut(isMeant: (question: string | null) => boolean): void {
    for (const bubble of this.#bubbles.values()) {
      if (bubble.state !== 'streaming' || !isMeant(bubble.inReplyTo)) continue
      bubble.state = 'cut'
      this.#touch(bubble)
    }
  }

  addSource(id: string, source: Source): void {
    const bubble = this.#bubbles.get(id)
    if (
      bubble === undefined ||
      bubble.sources.some((known) => known.url === source.url && known.title === source.title)
    )
      return
    bubble.sources = [...bubble.sources, source]
    this.#touch(bubble)
  }

  addCard(id: string, card: Card): void {
    const bubble = this.#bubbles.get(id)
    const text = JSON.stringify(card)
    if (bubble === undefined || bubble.cards.some((known) => JSON.stringify(known) === text)) return
    bubble.cards = [...bubble.cards, card]
    this.#touch(bubble)
  }

  addLine(what: Line['what'], name: string, notice = '', text = ''): void {
    this.#lines += 1
    const id = `line ${this.#lines}`
    const line: Line = { kind: 'line', id, what, name, notice, text, at: Date.now(), revision: 0 }
    this.#items.push(line)
    this.#changed()
    for (const listener of this.#listeners) listener.onLine?.(line)
  }

  /** The newest page takes the place of what was known, but for what came since and what is on its way. */
  newest(messages: Message[], before: string | null): void {
    const newest = messages.at(-1)?.at ?? 0
    const told = new Set(messages.map((message) => message.id))
    const older = this.#items
    const since = older.filter(
      (item) => !told.has(item.id) && (item.kind === 'line' || item.state !== 'done' || item.at >= newest),
    )
    const page = messages.map((message) => this.#settled(message))
    const oldest = messages[0]?.at ?? 0
    const lines = since.filter((item) => item.kind === 'line' && item.at >= oldest && item.at < newest)
    // What is on its way has its time from the visitor's clock, which may be slow.
    const isKept = (item: Item) => item.at >= oldest || isUnsent(item) || (item as Bubble).state === 'streaming'
    this.#items = [...merged(page, lines), ...since.filter((item) => !lines.includes(item) && isKept(item))]
    this.#bubbles.clear()
    for (const item of this.#items) if (item.kind === 'message') this.#bubbles.set(item.id, item)
    this.before = before
    this.#changed()
  }

  /** A page from before what is known. */
  older(messages: Message[], before: string | null): void {
    const fresh = messages.filter((message) => !this.#bubbles.has(message.id)).map((message) => this.#settled(message))
    for (const bubble of fresh) this.#bubbles.set(bubble.id, bubble)
    this.#items = [...fresh, ...this.#items]
    this.before = before
    this.#changed()
  }

  #settled(message: Message): Bubble {
    const known = this.#bubbles.get(message.id)
    if (known === undefined) return bubbleOf(message, 'done')
    // What is told of it stands; that it got no answer is known here alone.
    Object.assign(known, message, { state: 'done', revision: known.revision + 1 })
    return known
  }

  #add(bubble: Bubble): void {
    this.#bubbles.set(bubble.id, bubble)
    this.#items.push(bubble)
  }

  #toTheEnd(bubble: Bubble): void {
    this.#items = [...this.#items.filter((item) => item !== bubble), bubble]
  }

  #touch(bubble: Bubble): void {
    bubble.revision += 1
    this.#changed()
  }

  #changed(): void {
    for (const listener of this.#listeners) listener.onChange?.()
  }

  #said(bubble: Bubble): void {
    if (bubble.author === 'visitor') return
    for (const listener of this.#listeners) listener.onSaid?.(bubble)
  }
}

function bubbleOf(message: Message, state: State, trouble: string | null = null): Bubble {
  return { ...message, kind: 'message', state, trouble, revision: 0 }
}

function isUnsent(item: Item): boolean {
  return item.kind === 'message' && (item.state === 'waiting' || item.state === 'sending' || item.state === 'failed')
}

/** Messages and lines by their time; where that is the same, messages first. */
function merged(messages: Item[], lines: Item[]): Item[] {
  return lines.length === 0 ? messages : [...messages, ...lines].sort((one, other) => one.at - other.at)
}
