/** What is taken one by one: events, and the pieces of a reply. */

import { forget, whenReady } from './host-queue.js'

/** Options of taking one. */
export interface TakeOptions {
  /** Stops waiting. Nothing is lost: what comes later is there for the next `next`. */
  readonly signal?: AbortSignal | undefined
}

interface Waiter<T> {
  resolve(result: IteratorResult<T, undefined>): void
  reject(reason: unknown): void
  leave(): void
}

/** An iterator over what the native part has ready. */
export abstract class AvatarIterator<T> implements AsyncIterableIterator<T> {
  readonly #waiters: Waiter<T>[] = []
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = () => this.#abort()

  /** @internal */
  protected constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort)
  }

  /** @internal What is there; nothing, if nothing is there yet. */
  protected abstract takeNext(): IteratorResult<T, undefined> | undefined

  /** @internal By which the queue names it. */
  protected abstract get ticket(): number

  /** @internal Wants no more. */
  protected abstract drop(): void

  /** The next one. Several may wait at a time: they are served in order. */
  next(options?: TakeOptions): Promise<IteratorResult<T, undefined>> {
    try {
      // `for await` and generators pass nothing; a value that is not an object is no options.
      const signal = typeof options === 'object' ? options?.signal : undefined
      signal?.throwIfAborted()
      if (this.#waiters.length === 0) {
        const result = this.takeNext()
        if (result !== undefined) return Promise.resolve(result)
      }
      return this.#wait(signal)
    } catch (failure) {
      return Promise.reject(failure)
    }
  }

  /** Ends it: a `next` that still waits gives nothing more. `for await` calls this when it is left. */
  return(): Promise<IteratorReturnResult<undefined>> {
    this.#end()
    return Promise.resolve(DONE)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /**
   * The same as a `ReadableStream`, for `Response`, `pipeThrough` and the like. It takes one when it is read, and none
   * ahead; cancelling it ends this.
   *
   * ```ts
   * new Response(chat.stream(text).toReadableStream().pipeThrough(new TextEncoderStream()))
   * ```
   */
  toReadableStream(): ReadableStream<T> {
    return new ReadableStream<T>(
      {
        pull: async (controller) => {
          const { done, value } = await this.next()
          done ? controller.close() : controller.enqueue(value)
        },
        cancel: async () => {
          await this.return()
        },
      },
      { highWaterMark: 0 },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end()
  }

  #wait(signal: AbortSignal | undefined): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        const at = this.#waiters.indexOf(waiter)
        if (at >= 0) this.#waiters.splice(at, 1)
        waiter.leave()
        if (this.#waiters.length === 0) {
          forget(this.ticket)
          this.waits(false)
        }
        reject(signal?.reason)
      }
      const waiter = { resolve, reject, leave: () => signal?.removeEventListener('abort', abort) }
      signal?.addEventListener('abort', abort)
      this.#waiters.push(waiter)
      if (this.#waiters.length === 1) {
        this.waits(true)
        whenReady(this.ticket, () => this.#serve())
      }
    })
  }

  /** @internal Whether a `next` waits now. */
  protected waits(_isAwaited: boolean): void {}

  /** Something has come. */
  #serve(): void {
    for (let waiter = this.#waiters[0]; waiter !== undefined; waiter = this.#waiters[0]) {
      let settle: () => void
      try {
        const result = this.takeNext()
        if (result === undefined) {
          whenReady(this.ticket, () => this.#serve())
          return
        }
        const { resolve } = waiter
        settle = () => resolve(result)
      } catch (failure) {
        const { reject } = waiter
        settle = () => reject(failure)
      }
      this.#waiters.shift()
      waiter.leave()
      settle()
    }
    this.waits(false)
  }

  #abort(): void {
    const waiters = this.#waiters.splice(0)
    this.#end()
    for (const waiter of waiters) {
      waiter.leave()
      waiter.reject(this.#signal?.reason)
    }
    if (waiters.length > 0) this.waits(false)
  }

  #end(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    forget(this.ticket)
    this.drop()
    const waiters = this.#waiters.splice(0)
    for (const waiter of waiters) {
      waiter.leave()
      waiter.resolve(DONE)
    }
    if (waiters.length > 0) this.waits(false)
  }
}

/** @internal */
export const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }
