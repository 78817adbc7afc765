/** An answer that is shown while it is said. */

import { AdapterRateLimitError, NetworkError } from '@chat-adapter/shared'
import type { DingTalkCard } from './card.js'
import { parts } from './pieces.js'

const SECOND_MS = 1000
/** Waits between the attempts at what must not be lost. */
const ATTEMPTS_MS = [500, 1000, 2000, 4000, 8000, 15_000]

export interface GrowingOptions {
  /** The least time between two updates. */
  readonly intervalMs: number
  /** How many updates there are before the last one. */
  readonly maxUpdates: number
  /** How much fits on a card; the rest comes at the end, on the next ones. */
  readonly maxChars: number
  readonly create: () => DingTalkCard
  /** Shows a card with this text, where it is not shown yet. */
  readonly open: (card: DingTalkCard, text: string) => Promise<unknown>
  /** Shows a text where a card is refused. Returns the message's id. */
  readonly post: (text: string) => Promise<string>
}

/** Shows the newest text from time to time, and the whole text at the end. */
export class Growing {
  readonly #options: GrowingOptions
  #text = ''
  #shown = ''
  #updates = 0
  #card: DingTalkCard | undefined
  #running: Promise<void> | undefined
  #isEnded = false
  #wake: (() => void) | undefined

  constructor(options: GrowingOptions) {
    this.#options = options
  }

  add(piece: string): void {
    if (piece === '') return
    this.#text += piece
    this.#running ??= this.#run()
  }

  /** Is fulfilled with the message's id when all of the text is shown; `undefined` where there was none. */
  async end(): Promise<string | undefined> {
    this.#isEnded = true
    this.#wake?.()
    await this.#running
    if (this.#text === '') return undefined
    return this.#finish()
  }

  async #run(): Promise<void> {
    const { intervalMs, maxUpdates } = this.#options
    while (!this.#isEnded && this.#updates < maxUpdates) {
      let wait = intervalMs
      if (this.#text !== this.#shown) {
        this.#updates += 1
        try {
          await this.#show(this.#text)
        } catch (error) {
          // What is refused is shown at the end as a whole; else the newest text at the next turn.
          if (!isPassing(error)) return
          wait = Math.max(wait, asked(error))
        }
      }
      if (!this.#isEnded) await this.#pause(wait)
    }
  }

  async #show(text: string): Promise<void> {
    const { create, open, maxChars } = this.#options
    const [head = ''] = parts(text, maxChars)
    this.#card ??= create()
    if (this.#card.isOpen) await this.#card.write(head)
    else await open(this.#card, head)
    this.#shown = text
  }

  /** Shows the whole text, whatever it takes. */
  async #finish(): Promise<string> {
    const { create, maxChars } = this.#options
    let card = this.#card ?? create()
    let id = ''
    for (const part of parts(this.#text, maxChars)) {
      id = await this.#finishOne(card, part)
      card = create()
    }
    return id
  }

  async #finishOne(card: DingTalkCard, text: string): Promise<string> {
    for (let failures = 0; ; failures += 1) {
      try {
        await this.#options.open(card, text)
        await card.finish(text)
        return card.id
      } catch (error) {
        const wait = ATTEMPTS_MS[failures]
        if (!isPassing(error) || wait === undefined) return this.#options.post(text)
        await new Promise((over) => setTimeout(over, Math.max(wait, asked(error))))
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((over) => {
      const timer = setTimeout(over, ms)
      this.#wake = () => {
        clearTimeout(timer)
        over()
      }
    })
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof AdapterRateLimitError || error instanceof NetworkError
}

function asked(error: unknown): number {
  return error instanceof AdapterRateLimitError ? (error.retryAfter ?? 0) * SECOND_MS : 0
}
