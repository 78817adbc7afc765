/** A subscription to events. */

import { drain } from './contract/batch.js'
import type { AvatarEvent } from './contract/events.js'
import type { NativeEvents } from './native.js'
import { DONE, AvatarIterator } from './iterator.js'

/**
 * A subscription to events: it begins when it is made, and ends with the conversation or the client, when a `for await`
 * over it is left, or with {@link EventStream.return}.
 *
 * ```ts
 * for await (const event of chat.events()) {
 *   if (event.type === 'reply') console.log(event.text)
 * }
 * ```
 *
 * Nothing is dropped: if the loop is slow, the socket is read no further until it has caught up, while pings still go
 * out. End a subscription that is no longer read.
 *
 * To wait for a time only, pass a signal: `events.next({ signal: AbortSignal.timeout(1000) })`. The event that comes
 * too late is there for the next `next`.
 */
export class EventStream extends AvatarIterator<AvatarEvent> {
  readonly #native: NativeEvents
  #batch: AvatarEvent[] = []
  #at = 0
  readonly #aborted: AbortSignal | undefined
  #hasThrown = false

  private constructor(native: NativeEvents, signal: AbortSignal | undefined) {
    super(signal)
    this.#native = native
    this.#aborted = signal
  }

  /** @internal */
  static of(native: NativeEvents, signal: AbortSignal | undefined): EventStream {
    return new EventStream(native, signal)
  }

  /**
   * Ends the subscription and keeps what has come: it can still be taken, and then there is nothing more. To end it
   * without that, leave the loop or call {@link EventStream.return}.
   */
  finish(): void {
    this.#native.finish()
  }

  /** @internal */
  protected override takeNext(): IteratorResult<AvatarEvent, undefined> | undefined {
    if (this.#aborted?.aborted && !this.#hasThrown) {
      this.#hasThrown = true
      throw this.#aborted.reason
    }
    if (this.#at === this.#batch.length) {
      // Asking again says that the ones before have been dealt with: not before the last one of them was.
      const batch = drain(this.#native)
      this.#batch = batch ?? []
      this.#at = 0
      if (batch === undefined) return this.#native.hasEnded ? DONE : undefined
    }
    const value = this.#batch[this.#at] as AvatarEvent
    this.#at += 1
    return { done: false, value }
  }

  /** @internal */
  protected override get ticket(): number {
    return this.#native.ticket
  }

  /** @internal */
  protected override drop(): void {
    this.#native.close()
    this.#batch = []
    this.#at = 0
  }
}
