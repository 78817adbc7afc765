/** The time of a bridge. */

/** Time: the machine's, or one that a test puts forward. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Is fulfilled after so many milliseconds; rejected with the signal's reason as soon as that is aborted. */
  wait(ms: number, signal?: AbortSignal): Promise<void>
}

/** The machine's clock. */
export const machineClock: Clock = { now: Date.now, wait: (ms, signal) => wait(ms, signal, 'keepsAlive') }

/** The machine's clock, whose waits do not keep the process alive. */
export const quietClock: Clock = { now: Date.now, wait: (ms, signal) => wait(ms, signal, 'quiet') }

function wait(ms: number, signal: AbortSignal | undefined, kind: 'keepsAlive' | 'quiet'): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const stopped = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stopped)
      resolve()
    }, ms)
    if (kind === 'quiet') timer.unref()
    signal?.addEventListener('abort', stopped, { once: true })
  })
}
