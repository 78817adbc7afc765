/** The visitors who are there, and those of whom the owner has the conversation. */

import type { AvatarClient } from '../client.js'
import type { Visitor } from '../visitor.js'
import { Present } from './present.js'
import { Transcript } from './transcript.js'

/** Of so many visitors it is remembered that the owner has the conversation. */
const MOST_OWNED = 10_000

export class Presents {
  readonly #client: AvatarClient
  readonly #name: string
  readonly #keepHistoryMs: number
  readonly #now: () => number
  readonly #all = new Map<string, Present>()
  readonly #owned = new Set<string>()

  constructor(client: AvatarClient, name: string, keepHistoryMs: number, now: () => number) {
    this.#client = client
    this.#name = name
    this.#keepHistoryMs = keepHistoryMs
    this.#now = now
  }

  get size(): number {
    return this.#all.size
  }

  all(): Iterable<Present> {
    return this.#all.values()
  }

  get(visitorId: string): Present | undefined {
    return this.#all.get(visitorId)
  }

  of(visitor: Visitor): Present | undefined {
    return this.#all.get(visitor.id)
  }

  made(visitor: Visitor): Present {
    let present = this.#all.get(visitor.id)
    if (present === undefined) {
      present = new Present(visitor, this.#transcript(visitor), this.#now())
      this.#all.set(visitor.id, present)
    }
    return present
  }

  /** Works with a visitor, who is not forgotten meanwhile. */
  async using<T>(visitor: Visitor, work: (present: Present) => Promise<T>): Promise<T> {
    const present = this.made(visitor)
    present.calls += 1
    try {
      return await work(present)
    } finally {
      present.calls -= 1
      present.usedAt = this.#now()
    }
  }

  /** A page that is only looked at keeps nothing in memory. */
  transcript(visitor: Visitor): Transcript {
    return this.of(visitor)?.transcript ?? this.#transcript(visitor)
  }

  #transcript(visitor: Visitor): Transcript {
    return new Transcript(this.#client, visitor, this.#name, this.#keepHistoryMs)
  }

  /** Forgets a visitor at once, and ends what it reads. */
  drop(visitorId: string): void {
    const present = this.#all.get(visitorId)
    this.#all.delete(visitorId)
    this.#owned.delete(visitorId)
    if (present === undefined) return
    const feeds = [...present.feeds, ...[...present.turns.values()].flatMap((turn) => [...turn.feeds])]
    for (const feed of feeds) feed.end()
  }

  hasOwner(visitorId: string): boolean {
    return this.#owned.has(visitorId)
  }

  /** Returns whether that is new. */
  setOwner(visitorId: string, isPresent: boolean): boolean {
    if (this.#owned.has(visitorId) === isPresent) return false
    if (!isPresent) return this.#owned.delete(visitorId)
    for (const oldest of this.#owned) {
      if (this.#owned.size < MOST_OWNED) break
      this.#owned.delete(oldest)
    }
    this.#owned.add(visitorId)
    return true
  }

  /** Forgets those who were not heard of since then. */
  forget(sinceMs: number): void {
    for (const [id, present] of this.#all) {
      if (!present.isInUse && present.usedAt <= sinceMs) this.#all.delete(id)
    }
  }
}
