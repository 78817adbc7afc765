/** Listeners, as EventEmitter has them, over a subscription that exists as long as there are any. */

import { EventEmitter } from 'node:events'
import { BATCH } from './event-stream.js'
import { type AvatarEvent, type AvatarEventMap, eventsOf } from './events.js'
import type { NativeEvents } from './native.js'
import { tell, whenReady } from './port.js'

/** Batches that are handed out before other things of the event loop have their turn. */
const BATCHES = 4

type Type = keyof AvatarEventMap

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

const Base = EventEmitter as unknown as new () => TypedEmitter

/**
 * Node's `EventEmitter`, of the events of {@link AvatarEventMap}: `reply`, `ownerReply`, …, and `event` for every one
 * of them.
 *
 * As with every `EventEmitter`, an exception in a listener is an uncaught exception, and does not reach whoever caused
 * the event; the events after it are handed out all the same.
 */
export abstract class AvatarEmitter extends Base {
  #events: NativeEvents | undefined

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

  /** @internal A new subscription. */
  protected abstract subscribe(): NativeEvents

  /** There is a subscription while there are listeners. */
  #subscribeIfHeard(): void {
    const isHeard = this.eventNames().length > 0
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
      const batch = events.take(BATCH)
      if (batch === null) {
        if (events.hasEnded) this.#events = undefined
        else whenReady(events.id, () => this.#take(events))
        return
      }
      for (const event of eventsOf(batch)) {
        tell(emit, this, event.type, event)
        tell(emit, this, 'event', event)
      }
    }
  }
}

function emit(emitter: AvatarEmitter, type: keyof AvatarEventMap, event: AvatarEvent): void {
  emitter.emit(type, event as never)
}
