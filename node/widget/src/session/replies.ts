import { Failure, type Api } from './api.js'
import type { Author } from './message.js'
import { readReply, type Ending, type Part } from './reply.js'
import type { Store } from './store.js'
import { backoffMs, type Waiter } from './wait.js'

export interface RepliesListener {
  onState(): void
  /** A reply can be taken up no more: the history knows what became of it. */
  onLost(): void
}

/** A browser holds six connections to a server, and the events and the next message need theirs. */
const MOST_STREAMS = 3

/** A reply that is being read. */
interface Reading {
  question: string
  stop: AbortController
  /** Nothing of it has come yet. */
  isAwaited: boolean
  author: Author
  name: string
  /** The message that its latest part belongs to, and how much of its text this stream has told. */
  messageId: string
  length: number
}

/** The replies that come in piece by piece, and are taken up again where their connection breaks. */
export class Replies {
  readonly #api: Api
  readonly #store: Store
  readonly #waiter: Waiter
  readonly #listener: RepliesListener
  readonly #readings: Reading[] = []
  #signal: AbortSignal = AbortSignal.abort()

  constructor(api: Api, store: Store, waiter: Waiter, listener: RepliesListener) {
    this.#api = api
    this.#store = store
    this.#waiter = waiter
    this.#listener = listener
  }

  start(signal: AbortSignal): void {
    this.#signal = signal
  }

  /** The reply to this question is being read, or that to any. */
  isReading(question?: string | null): boolean {
    return this.#readings.some((reading) => question === undefined || reading.question === question)
  }

  /** A question of this tab's has no piece of an answer yet. */
  get isAwaited(): boolean {
    return this.#readings.some((reading) => reading.isAwaited)
  }

  follow(question: string, body: ReadableStream<Uint8Array>): void {
    void this.#follow(question, async () => body)
  }

  /** Takes up the reply to a question of an earlier page, if it is under way. */
  resume(question: string): void {
    void this.#follow(question, (signal) => this.#api.resume(signal), false)
  }

  async #follow(
    question: string,
    first: (signal: AbortSignal) => Promise<ReadableStream<Uint8Array> | undefined>,
    isAwaited = true,
  ): Promise<void> {
    const reading: Reading = {
      question,
      stop: new AbortController(),
      isAwaited,
      author: 'avatar',
      name: '',
      messageId: '',
      length: 0,
    }
    const end = () => reading.stop.abort()
    this.#signal.addEventListener('abort', end)
    this.#readings.push(reading)
    // The oldest gives up its connection; what is left of it comes as an event.
    if (this.#readings.length > MOST_STREAMS) this.#readings[0]?.stop.abort()
    this.#listener.onState()
    try {
      const ending = await this.#read(reading, first)
      if (ending === 'cut') this.#listener.onLost()
    } finally {
      this.#signal.removeEventListener('abort', end)
      this.#readings.splice(this.#readings.indexOf(reading), 1)
      this.#store.cut((one) => one === question)
      this.#listener.onState()
    }
  }

  /** Reads a reply, and takes it up again by its question's id. `undefined` where there is nothing to read. */
  async #read(
    reading: Reading,
    first: (signal: AbortSignal) => Promise<ReadableStream<Uint8Array> | undefined>,
  ): Promise<Ending | undefined> {
    const { signal } = reading.stop
    const text = this.#store.get(reading.question)?.text ?? ''
    let open = first
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        const body = await open(signal)
        if (body === undefined) return undefined
        if ((await readReply(body, signal, (part) => this.#part(reading, part))) === 'whole') return 'whole'
      } catch (error) {
        if (signal.aborted) return undefined
        if (error instanceof Failure && error.trouble !== 'offline' && error.afterMs === undefined) return 'cut'
      }
      if (signal.aborted) return undefined
      open = (again) => this.#api.send(reading.question, text, again)
      await this.#waiter.wait(backoffMs(failures, 500), signal)
    }
    return undefined
  }

  #part(reading: Reading, part: Part): void {
    const store = this.#store
    switch (part.type) {
      case 'start':
        reading.messageId = part.messageId
        return
      case 'author':
        reading.author = part.author
        reading.name = part.name
        // What another has begun was white space, which is nothing.
        if (store.get(reading.messageId)?.state !== 'streaming') return
        reading.length = 0
        store.begin(reading.messageId, part.author, part.name, reading.question)
        return
      case 'text-start':
        reading.messageId = part.id
        reading.length = 0
        store.begin(part.id, reading.author, reading.name, reading.question)
        this.#came(reading)
        break
      case 'text-delta':
        store.grow(part.id, reading.length, part.delta)
        reading.length += part.delta.length
        break
      case 'text-end':
        store.end(part.id)
        break
      case 'source':
        store.addSource(part.messageId, part.source)
        break
      case 'card':
        this.#card(reading, part.card)
        break
      case 'notice':
        this.#came(reading)
        break
      case 'error':
        store.cut((one) => one === reading.question)
        store.stand(reading.question, 'done', part.kind || 'unavailable')
        this.#came(reading)
        break
    }
  }

  /** A reply may be of cards alone. */
  #card(reading: Reading, card: { template: string; params: unknown }): void {
    const { messageId, author, name, question } = reading
    if (this.#store.get(messageId) === undefined) {
      this.#store.begin(messageId, author, name, question)
      this.#store.end(messageId)
    }
    this.#store.addCard(messageId, card)
    this.#came(reading)
  }

  #came(reading: Reading): void {
    if (!reading.isAwaited) return
    reading.isAwaited = false
    this.#listener.onState()
  }
}
