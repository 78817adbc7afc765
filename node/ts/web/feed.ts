/** A body that goes on as long as something is said. */

/**
 * What one client reads. It holds no text of its own, but a place in what all who read have in common: a client that
 * reads slowly costs nothing.
 */
export abstract class Feed {
  /** Is called when there is more to take. Set by the one who writes it to the client. */
  onMore: () => void = () => {}
  /** When something was taken last, in milliseconds. */
  takenAt = 0
  #isClosed = false
  #isKeptAlive = false

  /** Takes what there is; `undefined` where there is nothing now. */
  take(nowMs: number): string | undefined {
    const text = this.#isClosed ? undefined : this.next()
    if (text !== undefined) {
      this.takenAt = nowMs
      this.#isKeptAlive = false
      return text
    }
    if (!this.#isKeptAlive) return undefined
    this.#isKeptAlive = false
    this.takenAt = nowMs
    return ': keep-alive\n\n'
  }

  /** Whether nothing more will come, once all there is has been taken. */
  abstract get hasEnded(): boolean

  /** The client has gone. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.onMore = () => {}
    this.left()
  }

  /** Lets the client, and what is between, know that the connection lives. */
  keepAlive(): void {
    this.#isKeptAlive = true
    this.onMore()
  }

  /** Ends it, whatever there is still to come. */
  abstract end(): void

  /** Takes the next text. */
  protected abstract next(): string | undefined

  /** Is called once, when the client has gone. */
  protected abstract left(): void
}
