import type { Outbox } from './outbox.js'
import { read, readHere, remove, write, writeHere } from './storage.js'

/**
 * Whose this browser's storage and this tab's screen are. Where visitors sign in, another may come to the same browser,
 * who must not see or send what the one before has written. The server tells them apart by a tag.
 */
export class Identity {
  readonly key: string
  readonly #outbox: Outbox
  readonly #draftKey: string
  readonly #readKey: string
  /** Whose this tab's screen is. */
  here: string | null

  constructor(name: string, outbox: Outbox) {
    this.#outbox = outbox
    this.#readKey = `${name}:read`
    this.key = `${name}:visitor`
    this.#draftKey = `${name}:draft`
    // It lies beside the draft, which is of this tab alone.
    this.here = readHere(this.key)
  }

  /** What another tab has learned. */
  get kept(): string {
    return read(this.key) ?? ''
  }

  /**
   * The server names the visitor. What is kept of another is cleared. Returns whether this tab's screen is another's, and
   * is to be cleared too.
   */
  meet(tag: string): boolean {
    // A server part that gives no tag has one visitor for each browser.
    if (tag === '') return false
    const { kept } = this
    const here = this.here ?? kept
    const isOtherHere = here !== '' && here !== tag
    this.take(tag)
    if (isOtherHere) writeHere(this.#draftKey, '')
    // Another tab may have cleared it already, and have written what is this visitor's.
    if (kept !== tag && (kept !== '' || isOtherHere)) {
      this.#outbox.clear()
      remove(this.#readKey)
    }
    return isOtherHere
  }

  /** All that is here and kept is this visitor's. */
  take(tag: string): void {
    if (tag === '') return
    this.here = tag
    writeHere(this.key, tag)
    if (this.kept !== tag) write(this.key, tag)
  }
}
