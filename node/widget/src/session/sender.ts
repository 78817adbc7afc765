import { failureOf, type Api, type Failure, type Trouble } from './api.js'
import type { Outbox, Unsent } from './outbox.js'
import type { Bubble, Store } from './store.js'
import { exclusively } from './tabs.js'
import { backoffMs, type Waiter } from './wait.js'

export interface SenderListener {
  /** The server took the message, and this is the stream of its reply. */
  onReply(id: string, body: ReadableStream<Uint8Array>): void
  onNoVisitor(): Promise<boolean>
  onTrouble(trouble: Trouble | null): void
}

/** Sends what is in the outbox, one message after the other. */
export class Sender {
  readonly #lock: string
  readonly #api: Api
  readonly #outbox: Outbox
  readonly #store: Store
  readonly #waiter: Waiter
  readonly #listener: SenderListener
  #signal: AbortSignal | undefined
  #isSending = false

  constructor(name: string, api: Api, outbox: Outbox, store: Store, waiter: Waiter, listener: SenderListener) {
    this.#lock = `${name}:outbox`
    this.#api = api
    this.#outbox = outbox
    this.#store = store
    this.#waiter = waiter
    this.#listener = listener
  }

  /** Sends from now on, until the signal aborts. */
  start(signal: AbortSignal): void {
    this.#signal = signal
    this.flush()
  }

  /** Shows what the outbox holds: of an earlier page, or of another tab. */
  restore(): void {
    for (const { id, text, at, trouble } of this.#outbox.all) {
      const state = this.#store.get(id)?.state
      // What is on its way here, or is known to have arrived, stands as it does.
      if (state !== 'sending' && state !== 'done') this.#store.queue(id, text, at, trouble ?? null)
    }
  }

  /** Returns `false` where too much waits already. */
  send(text: string): boolean {
    const entry: Unsent = { id: newId(), text, at: Date.now() }
    if (!this.#outbox.add(entry)) return false
    this.#store.queue(entry.id, entry.text, entry.at)
    this.flush()
    return true
  }

  /** The same id again: what the server has taken already is not asked twice. */
  sendAgain({ id, text, at }: Bubble): void {
    if (!this.#outbox.add({ id, text, at })) return
    this.#store.stand(id, 'waiting')
    this.flush()
  }

  flush(): void {
    const signal = this.#signal
    if (this.#isSending || signal === undefined || signal.aborted) return
    this.#isSending = true
    // Whatever made it end, the next message or the visitor's "try again" begins it anew.
    void this.#sendAll(signal).finally(() => {
      this.#isSending = false
      // The session began anew meanwhile.
      if (this.#signal !== signal) this.flush()
    })
  }

  async #sendAll(signal: AbortSignal): Promise<void> {
    let failures = 0
    while (!signal.aborted && this.#outbox.next !== undefined) {
      // Between attempts other tabs have their turn, so that a message is not held up by a tab in the background.
      const failure = await exclusively(this.#lock, signal, async () => {
        const entry = this.#outbox.next
        return entry && this.#sendOne(entry, signal)
      })
      if (failure === undefined) {
        failures = 0
        this.#listener.onTrouble(null)
        continue
      }
      failures += 1
      if (failure.trouble === 'no_visitor') {
        if (await this.#listener.onNoVisitor()) continue
        return
      }
      this.#listener.onTrouble(failure.trouble)
      await this.#waiter.wait(failure.afterMs ?? backoffMs(failures - 1), signal)
    }
    // Another tab may have sent what stood in the way here.
    if (!signal.aborted) this.#listener.onTrouble(null)
  }

  /** Sends a message. Returns what is worth another attempt. */
  async #sendOne({ id, text, at }: Unsent, signal: AbortSignal): Promise<Failure | undefined> {
    // What an event or the history told stays in its place.
    if (this.#store.get(id)?.state !== 'done') {
      this.#store.queue(id, text, at)
      this.#store.stand(id, 'sending')
    }
    try {
      const body = await this.#api.send(id, text, signal)
      this.#outbox.remove(id)
      this.#store.stand(id, 'done')
      this.#listener.onReply(id, body)
    } catch (error) {
      // Its answer came meanwhile.
      if (!this.#outbox.has(id)) return undefined
      this.#store.stand(id, 'waiting')
      if (signal.aborted) return undefined
      const failure = failureOf(error)
      if (WORTH_ANOTHER_TRY.has(failure.trouble)) return failure
      this.#outbox.refuse(id, failure.trouble)
      this.#store.stand(id, 'failed', failure.trouble)
    }
    return undefined
  }
}

const WORTH_ANOTHER_TRY = new Set<Trouble>(['offline', 'unavailable', 'rate_limited', 'no_visitor'])

/** An id of a message. It needs no more than the oldest browsers have on any page. */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return `w-${[...bytes].map((byte) => byte.toString(36)).join('')}`
}
