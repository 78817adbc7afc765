import { remove, read, write } from './storage.js'
import { textOf } from './message.js'

/** A message that the server has not taken yet. */
export interface Unsent {
  id: string
  text: string
  /** When it was written: milliseconds since 1970. */
  at: number
  /** Why the server refused it; such a message is sent again only when the visitor asks for it. */
  trouble?: string
}

const MOST_MESSAGES = 50
const MOST_CHARS = 200_000

/**
 * The messages that the server has not taken yet, in the order in which they were written. They lie in the browser's
 * storage, for all tabs of the site, until they are sent; where that is closed to the page, in memory.
 */
export class Outbox {
  readonly key: string
  #inMemory: Unsent[] | undefined

  constructor(name: string) {
    this.key = `${name}:outbox`
  }

  get all(): Unsent[] {
    return this.#inMemory ?? entriesOf(read(this.key))
  }

  /** The message to be sent next. */
  get next(): Unsent | undefined {
    return this.all.find((entry) => entry.trouble === undefined)
  }

  /** Keeps a message, or returns `false` where there is no room for it. */
  add(entry: Unsent): boolean {
    const all = this.all.filter((known) => known.id !== entry.id)
    const chars = all.reduce((sum, known) => sum + known.text.length, entry.text.length)
    if (all.length >= MOST_MESSAGES || (all.length > 0 && chars > MOST_CHARS)) return false
    this.#keep([...all, entry])
    return true
  }

  refuse(id: string, trouble: string): void {
    this.#keep(this.all.map((entry) => (entry.id === id ? { ...entry, trouble } : entry)))
  }

  has(id: string): boolean {
    return this.all.some((entry) => entry.id === id)
  }

  remove(id: string): void {
    // What is not there is not written, lest it undo what another tab is just adding.
    if (this.has(id)) this.#keep(this.all.filter((entry) => entry.id !== id))
  }

  clear(): void {
    this.#keep([])
  }

  #keep(entries: Unsent[]): void {
    if (this.#inMemory !== undefined) {
      this.#inMemory = entries
    } else if (entries.length === 0) {
      remove(this.key)
    } else if (!write(this.key, JSON.stringify(entries))) {
      this.#inMemory = entries
    }
  }
}

function entriesOf(json: string | null): Unsent[] {
  try {
    const value: unknown = JSON.parse(json ?? '')
    return Array.isArray(value) ? value.filter(isUnsent) : []
  } catch {
    return []
  }
}

function isUnsent(value: unknown): value is Unsent {
  const entry = value as Partial<Unsent> | null
  return textOf(entry?.id) !== '' && textOf(entry?.text) !== ''
}
