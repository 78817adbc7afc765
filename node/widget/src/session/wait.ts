/** Waits between attempts, which the browser coming online, the page coming into view or a click cuts short. */
export class Waiter {
  readonly #waiting = new Set<() => void>()

  /** Resolves after so many milliseconds, when woken, or when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        this.#waiting.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      this.#waiting.add(done)
      signal.addEventListener('abort', done)
    })
  }

  wake(): void {
    for (const done of this.#waiting) done()
  }
}

const LONGEST_MS = 30_000

/** How long to wait before the attempt after `failures` that failed: doubled each time, and never all at once. */
export function backoffMs(failures: number, firstMs = 1000): number {
  return Math.min(LONGEST_MS, firstMs * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2)
}
