/** Listeners, as EventEmitter has them, over a subscription that exists as long as there are any. */

import { EventEmitter } from 'node:events'
import { drain } from './contract/batch.js'
import type { AvatarEvent, AvatarEventMap } from './contract/events.js'
import type { CallReport } from './contract/reports.js'
import { EVENT_NAMES } from './contract/tables.js'
import type { EventStream } from './event-stream.js'
import { calledFrom, closed, misuse } from './failures.js'
import { known } from './known.js'
import type { NativeEvents } from './native.js'
import { SIGNAL, uncaught, whenReady } from './host-queue.js'
import { setImmediate } from './timers.js'

/** Batches that are handed out before other things of the event loop have their turn. */
const BATCHES = 4

type Type = keyof AvatarEventMap
type EventName = Exclude<Type, 'error'>

/** What is called with an event. */
export type Listener<K extends Type> = (...event: AvatarEventMap[K]) => void

/** Node's `EventEmitter`, of these events. */
export interface TypedEmitter {
  on<K extends Type>(type: K, listener: Listener<K>): this
  once<K extends Type>(type: K, listener: Listener<K>): this
  off<K extends Type>(type: K, listener: Listener<K>): this
  addListener<K extends Type>(type: K, listener: Listener<K>): this
  removeListener<K extends Type>(type: K, listener: Listener<K>): this
  prependListener<K extends Type>(type: K, listener: Listener<K>): this
  prependOnceListener<K extends Type>(type: K, listener: Listener<K>): this
  removeAllListeners(type?: Type): this
  emit<K extends Type>(type: K, ...event: AvatarEventMap[K]): boolean
  listenerCount(type: Type): number
  listeners<K extends Type>(type: K): Listener<K>[]
  rawListeners<K extends Type>(type: K): Listener<K>[]
  eventNames(): (string | symbol)[]
  getMaxListeners(): number
  setMaxListeners(count: number): this
}

const Base = EventEmitter as unknown as new (options: { captureRejections: boolean }) => TypedEmitter

/** Options of {@link AvatarEmitter.waitFor}. */
export interface WaitOptions {
  /** Gives up waiting: the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Node's `EventEmitter`, of the events of {@link AvatarEventMap}: `reply`, `ownerReply`, …, and `event` for every one
 * of them.
 *
 * What a listener throws, or the promise of an `async` one is rejected with, goes to the listeners of `error`: those of
 * the conversation, or else those of its client. If there are none, it is an uncaught exception, as with every
 * `EventEmitter`. It never reaches the call that caused the event, and the events after it are handed out all the same.
 */
export abstract class AvatarEmitter extends Base {
  #events: NativeEvents | undefined
  readonly #beyond: AvatarEmitter | undefined

  /** @internal `beyond` hears of the errors that nothing here listens to. */
  constructor(beyond?: AvatarEmitter) {
    super({ captureRejections: true })
    this.#beyond = beyond
  }

  static {
    const adding = ['on', 'addListener', 'once', 'prependListener', 'prependOnceListener'] as const
    const removing = ['off', 'removeListener', 'removeAllListeners'] as const
    for (const name of [...adding, ...removing]) {
      const method = EventEmitter.prototype[name] as (...all: unknown[]) => unknown
      const change = function (this: AvatarEmitter, ...all: unknown[]): AvatarEmitter {
        method.apply(this, all)
        this.#subscribeIfHeard()
        return this
      }
      Object.defineProperty(AvatarEmitter.prototype, name, { value: change, writable: true, configurable: true })
    }
  }

  /** A subscription to what happens from now on. */
  abstract events(options?: WaitOptions): EventStream

  /**
   * The next event of this type.
   *
   * ```ts
   * const { text } = await chat.waitFor('ownerReply', { signal: AbortSignal.timeout(60_000) })
   * ```
   *
   * It sees what happens from now on, so wait first, and then cause what is waited for.
   *
   * @throws {@link ClosedError} if there will be none, since the conversation or the client is closed;
   * {@link MisuseError} if there is no event of that name.
   */
  async waitFor<K extends EventName>(type: K, options: WaitOptions = {}): Promise<AvatarEventMap[K][0]> {
    const site = calledFrom(this.waitFor)
    if (!EVENT_NAMES.includes(type)) {
      throw misuse(`there is no event \`${String(type)}\`; there are ${EVENT_NAMES.join(', ')}`, site)
    }
    known(options, SIGNAL, site)
    // Leaving the loop ends the subscription.
    for await (const event of this.events(options)) {
      if (type === 'event' || event.type === type) return event
    }
    throw closed(`it was closed before there was \`${type}\``, site)
  }

  /** @internal A new subscription. */
  protected abstract subscribe(): NativeEvents

  /** @internal Calls the program, whose exceptions are its own. */
  protected told<T>(tell: (subject: T) => unknown, subject: T & (AvatarEvent | CallReport)): void {
    try {
      const promise = tell(subject)
      if (isThenable(promise)) promise.then(undefined, (reason) => this.#failed(reason, subject))
    } catch (thrown) {
      this.#failed(thrown, subject)
    }
  }

  /** @internal The promise of a listener was rejected. */
  [EventEmitter.captureRejectionSymbol](reason: unknown, type: string | symbol, event: AvatarEvent): void {
    // Who listens to errors hears none of its own.
    type === 'error' ? uncaught(reason) : this.#failed(reason, event)
  }

  /** Something of the program's own has failed. */
  #failed(reason: unknown, subject: AvatarEvent | CallReport): void {
    let emitter: AvatarEmitter | undefined = this
    while (emitter !== undefined && emitter.listenerCount('error') === 0) emitter = emitter.#beyond
    if (emitter === undefined) {
      uncaught(reason)
      return
    }
    try {
      emitter.emit('error', reason, subject)
    } catch (thrown) {
      uncaught(thrown)
    }
  }

  /** There is a subscription while there are listeners. */
  #subscribeIfHeard(): void {
    const isHeard = this.eventNames().some((type) => type !== 'error')
    if (isHeard && this.#events === undefined) {
      this.#events = this.subscribe()
      this.#take(this.#events)
    } else if (!isHeard && this.#events !== undefined) {
      this.#events.close()
      this.#events = undefined
    }
  }

  /** Hands out what has come, then waits for more. */
  #take(events: NativeEvents): void {
    for (let batches = 0; events === this.#events; batches += 1) {
      if (batches === BATCHES) {
        setImmediate(() => this.#take(events))
        return
      }
      const batch = drain(events)
      if (batch === undefined) {
        if (events.hasEnded) this.#events = undefined
        else whenReady(events.ticket, () => this.#take(events))
        return
      }
      for (const event of batch) {
        this.#hand(event.type, event)
        this.#hand('event', event)
      }
    }
  }

  #hand(type: EventName, event: AvatarEvent): void {
    try {
      this.emit(type, event as never)
    } catch (thrown) {
      this.#failed(thrown, event)
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
