/** As far from the end as this, a reader still follows the conversation. */
const NEAR_PX = 48
/** As far from the beginning as this, earlier messages are asked for. */
const EARLY_PX = 240

/** Keeps the log where its reader is: at the end, or at what is read while earlier messages come in above. */
export class Scroll {
  readonly #log: HTMLElement
  readonly #onEarly: () => void
  readonly #onFollow: (follows: boolean) => void
  #follows = true
  #before: { height: number; top: number } | undefined

  constructor(log: HTMLElement, onEarly: () => void, onFollow: (follows: boolean) => void) {
    this.#log = log
    this.#onEarly = onEarly
    this.#onFollow = onFollow
    log.addEventListener('scroll', () => this.#scrolled(), { passive: true })
  }

  get follows(): boolean {
    return this.#follows
  }

  /** Rows come in above: what is read stays where it is. */
  keep(): void {
    this.#before = { height: this.#log.scrollHeight, top: this.#log.scrollTop }
  }

  /** The rows are as they are to be. */
  settle(): void {
    const { scrollHeight, clientHeight } = this.#log
    if (this.#follows) {
      this.#log.scrollTop = scrollHeight
    } else if (this.#before !== undefined) {
      this.#log.scrollTop = this.#before.top + scrollHeight - this.#before.height
    }
    this.#before = undefined
    if (clientHeight > 0 && scrollHeight - clientHeight < EARLY_PX) this.#onEarly()
  }

  toEnd(): void {
    this.#setFollows(true)
    this.#log.scrollTop = this.#log.scrollHeight
  }

  #scrolled(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#log
    // A closed panel has no height, and says nothing of its reader.
    if (clientHeight === 0) return
    this.#setFollows(scrollHeight - scrollTop - clientHeight < NEAR_PX)
    if (scrollTop < EARLY_PX) this.#onEarly()
  }

  #setFollows(follows: boolean): void {
    if (follows === this.#follows) return
    this.#follows = follows
    this.#onFollow(follows)
  }
}
