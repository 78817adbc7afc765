/** An answer that is shown while it is said. */

import { AdapterRateLimitError, NetworkError } from '@chat-adapter/shared'
import { FeishuError } from './api.js'
import type { FeishuCard } from './card.js'
import { fitting } from './pieces.js'

const SECOND_MS = 1000
/** Waits between attempts. */
const ATTEMPTS_MS = [500, 1000, 2000, 4000, 8000, 15_000]

export interface GrowingOptions {
  readonly intervalMs: number
  readonly maxBytes: number
  /** Makes a card with this text. */
  readonly create: (text: string) => Promise<FeishuCard>
  /** Shows it, where it is not shown yet. */
  readonly show: (card: FeishuCard) => Promise<void>
  /** Shows the rest where a card cannot be finished. */
  readonly post: (text: string) => Promise<string>
}

/** Shows the newest text every `intervalMs`, and the whole text at the end. Where a card is full, the next one follows. */
export class Growing {
  readonly #options: GrowingOptions
  #text = ''
  #shown = ''
  #card: FeishuCard | undefined
  #running: Promise<void> | undefined
  #isEnded = false
  #wake: (() => void) | undefined
  #last = ''

  constructor(options: GrowingOptions) {
    this.#options = options
  }

  add(piece: string): void {
    if (piece === '') return
    this.#text += piece
    this.#running ??= this.#run()
  }

  /** Is fulfilled with the last message's id when all of the text is shown; `undefined` where there was none. */
  async end(): Promise<string | undefined> {
    this.#isEnded = true
    this.#wake?.()
    await this.#running
    if (this.#text !== '') await this.#finish(this.#text)
    return this.#last === '' ? undefined : this.#last
  }

  async #run(): Promise<void> {
    let failures = 0
    while (!this.#isEnded) {
      let wait = this.#options.intervalMs
      if (this.#text !== this.#shown) {
        try {
          await this.#show()
          failures = 0
        } catch (error) {
          // What is refused is shown at the end as a whole; else the newest text next time.
          if (error instanceof FeishuError) return
          wait = Math.max(wait, waitAfter(error, failures++))
        }
      }
      if (!this.#isEnded) await this.#pause(wait)
    }
  }

  async #show(): Promise<void> {
    const { maxBytes } = this.#options
    if (Buffer.byteLength(this.#text) > maxBytes) {
      const end = fitting(this.#text, maxBytes)
      await this.#finish(this.#text.slice(0, end))
      this.#text = this.#text.slice(end)
      this.#card = undefined
      this.#shown = ''
      return
    }
    const text = this.#text
    const isNew = this.#card === undefined
    const card = await this.#present(text)
    if (!isNew) await card.write(text)
    this.#shown = text
  }

  /** Shows this text, whatever it takes. */
  async #finish(text: string): Promise<void> {
    const { maxBytes, post } = this.#options
    if (Buffer.byteLength(text) > maxBytes) {
      const end = fitting(text, maxBytes)
      await this.#finish(text.slice(0, end))
      this.#card = undefined
      return this.#finish(text.slice(end))
    }
    for (let failures = 0; ; failures += 1) {
      try {
        const card = await this.#present(text)
        await card.finish(text)
        return
      } catch (error) {
        const isPassing = error instanceof AdapterRateLimitError || error instanceof NetworkError
        if (!isPassing || failures === ATTEMPTS_MS.length) {
          this.#last = await post(text)
          return
        }
        await new Promise((over) => setTimeout(over, waitAfter(error, failures)))
      }
    }
  }

  async #present(text: string): Promise<FeishuCard> {
    this.#card ??= await this.#options.create(text)
    await this.#options.show(this.#card)
    this.#last = this.#card.messageId
    return this.#card
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

function waitAfter(error: unknown, failures: number): number {
  if (error instanceof AdapterRateLimitError) return (error.retryAfter ?? 1) * SECOND_MS
  return ATTEMPTS_MS[Math.min(failures, ATTEMPTS_MS.length - 1)] as number
}
