import { Failure, failureOf, type Api, type Trouble } from './api.js'
import { objectIn, readEvents } from './sse.js'
import { backoffMs, type Waiter } from './wait.js'

export interface EventsListener {
  onEvent(event: Record<string, unknown>, id: string): void
  /** The stream runs (`null`), or an attempt failed. */
  onTrouble(trouble: Trouble | null): void
  /** The stream does not begin, though the server may be there: what it would have told has to be asked for. */
  onSilence(): void
  /** The visitor is not known. Resolves to whether it is known now. */
  onNoVisitor(): Promise<boolean>
}

/** The server writes something every 15 s; a stream that is silent for longer than this is dead. */
const SILENCE_MS = 40_000

/** The event stream of a conversation, which is opened again whenever it ends. */
export class Events {
  readonly #api: Api
  readonly #waiter: Waiter
  readonly #listener: EventsListener
  #retryMs = 1000
  /** Of the last event that came, in this tab or in the one that led before. */
  lastId = ''

  constructor(api: Api, waiter: Waiter, listener: EventsListener) {
    this.#api = api
    this.#waiter = waiter
    this.#listener = listener
  }

  /** Follows the stream until the signal aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      try {
        await this.#once(signal, () => {
          failures = 0
        })
      } catch (error) {
        if (signal.aborted) return
        const failure = failureOf(error)
        failures += 1
        if (failure.trouble === 'no_visitor' && (await this.#listener.onNoVisitor())) continue
        // A connection that broke may be back at once; an attempt that failed says more.
        if (failure.isSilent) this.#listener.onSilence()
        else if (error instanceof Failure) this.#listener.onTrouble(failure.trouble)
        if (failure.afterMs !== undefined) {
          await this.#waiter.wait(failure.afterMs, signal)
          continue
        }
      }
      await this.#waiter.wait(backoffMs(failures, this.#retryMs), signal)
    }
  }

  async #once(signal: AbortSignal, connected: () => void): Promise<void> {
    const stop = new AbortController()
    const end = () => stop.abort()
    signal.addEventListener('abort', end)
    let silence = setTimeout(end, SILENCE_MS)
    try {
      const body = await this.#api.events(this.lastId, stop.signal)
      connected()
      this.#listener.onTrouble(null)
      await readEvents(body, stop.signal, {
        onBytes: () => {
          clearTimeout(silence)
          silence = setTimeout(end, SILENCE_MS)
        },
        onRetry: (afterMs) => {
          this.#retryMs = Math.min(Math.max(afterMs, 100), 30_000)
        },
        onEvent: ({ data, id }) => {
          if (id !== '') this.lastId = id
          const event = objectIn(data)
          if (event !== undefined) this.#listener.onEvent(event, id)
        },
      })
    } finally {
      clearTimeout(silence)
      signal.removeEventListener('abort', end)
    }
  }
}
