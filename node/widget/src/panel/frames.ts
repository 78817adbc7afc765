/** How long a page that is not painted waits at most. */
const UNPAINTED_MS = 250

/** Runs `work` at most once for each frame that is painted, and in a page in the background now and then. */
export class Frames {
  readonly #work: () => void
  #frame = 0
  #later: ReturnType<typeof setTimeout> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(work: () => void) {
    this.#work = work
  }

  request(): void {
    if (this.#timer !== undefined) return
    const run = () => {
      this.cancel()
      this.#work()
    }
    this.#frame = requestAnimationFrame(run)
    // Frames of a page that is not painted do not come.
    this.#timer = setTimeout(run, UNPAINTED_MS)
  }

  /** The same, but not before this moment. */
  requestAt(moment: number): void {
    const ms = moment - performance.now()
    if (ms <= 0) this.request()
    else this.#later ??= setTimeout(() => this.request(), ms)
  }

  cancel(): void {
    clearTimeout(this.#later)
    this.#later = undefined
    cancelAnimationFrame(this.#frame)
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
