/** When calls to a platform are made, and made again. */

import type { Clock } from './clock.js'
import { DraftExpired, RetryLater, Undeliverable } from './outlet.js'

/** The longest time between two attempts. */
const LONGEST_MS = 30_000

/** The calls of one outlet. */
export class Pacer {
  readonly #clock: Clock
  readonly #spacingMs: number
  readonly #patienceMs: number
  readonly #failed: (error: unknown) => void
  /** Aborted when the bridge stops. */
  readonly stopped: AbortSignal
  /** The next call of all, where the platform counts those of the whole program. */
  #next = 0

  constructor(
    clock: Clock,
    callsPerSecond: number | undefined,
    patienceMs: number,
    stopped: AbortSignal,
    failed: (error: unknown) => void = () => {},
  ) {
    this.#clock = clock
    this.#spacingMs = callsPerSecond === undefined ? 0 : 1000 / callsPerSecond
    this.#patienceMs = patienceMs
    this.stopped = stopped
    this.#failed = failed
  }

  /** Is fulfilled when a call may be made. */
  async turn(): Promise<void> {
    this.stopped.throwIfAborted()
    if (this.#spacingMs === 0) return
    const now = this.#clock.now()
    const mine = Math.max(now, this.#next)
    this.#next = mine + this.#spacingMs
    if (mine > now) await this.wait(mine - now)
  }

  /** The platform wants no call for so long: none at all, where it counts those of the whole program. */
  paused(ms: number): void {
    if (this.#spacingMs > 0) this.#next = Math.max(this.#next, this.#clock.now() + ms)
  }

  wait(ms: number): Promise<void> {
    return this.#clock.wait(ms, this.stopped)
  }

  /** A call of the platform has failed, and is made again. */
  failed(error: unknown): void {
    this.#failed(error)
  }

  /** Returns how long to wait before the next attempt after so many failures. */
  pauseAfter(failures: number): number {
    return Math.min(1000 * 2 ** (failures - 1), LONGEST_MS)
  }

  /** Whether a call that has failed since `begun` may be made again after so long. */
  mayWait(ms: number, begun: number): boolean {
    return this.#clock.now() + ms - begun <= this.#patienceMs
  }

  /**
   * Makes a call until it succeeds. It fails where no further attempt can help, and where the attempts have failed for
   * too long. `beforeAgain` is asked after a failure that leaves open whether the call was carried out; what it returns
   * counts as the call's own result.
   */
  async call<T>(make: (isAgain: boolean) => Promise<T>, beforeAgain?: () => Promise<T | undefined>): Promise<T> {
    const begun = this.#clock.now()
    let isAgain = false
    for (let failures = 0; ; ) {
      try {
        await this.turn()
        return await make(isAgain)
      } catch (error) {
        if (this.stopped.aborted || error instanceof DraftExpired || error instanceof Undeliverable) throw error
        const later = error instanceof RetryLater
        isAgain ||= !later
        if (!later) failures += 1
        const pause = later ? error.retryAfterMs : this.pauseAfter(failures)
        if (!this.mayWait(pause, begun)) throw error
        if (later) this.paused(pause)
        else this.failed(error)
        await this.wait(pause)
        if (later || beforeAgain === undefined) continue
      }
      const done = await beforeAgain?.()
      if (done !== undefined) return done
    }
  }
}
