import { read, write } from './storage.js'
import type { Item, Store } from './store.js'

/** Counts what was said since the visitor last looked, in all tabs of the site. */
export class Unread {
  readonly key: string
  readonly #store: Store
  count = 0

  constructor(name: string, store: Store) {
    this.key = `${name}:read`
    this.#store = store
  }

  /** Counts anew, or takes all as read. Returns whether the count is another. */
  update(isSeen: boolean): boolean {
    const told = this.#store.items.filter((item) => item.kind === 'message' && item.state === 'done')
    const readId = read(this.key)
    if (isSeen) {
      const newest = told.at(-1)?.id
      if (newest !== undefined && newest !== readId) write(this.key, newest)
      return this.#is(0)
    }
    if (readId === null) return this.#is(0)
    const since = told.findIndex((item) => item.id === readId) + 1
    return this.#is(told.slice(since).filter(isFromOthers).length)
  }

  #is(count: number): boolean {
    const isAnother = this.count !== count
    this.count = count
    return isAnother
  }
}

function isFromOthers(item: Item): boolean {
  return item.kind === 'message' && item.author !== 'visitor'
}
