/** Shows a text that grows, over as many messages of the platform as it takes. */

import type { Clock } from './clock.js'
import { cut, fits } from './cut.js'
import { type Draft, DraftExpired, type Outlet, type PostDetails, RetryLater, Undeliverable } from './outlet.js'
import type { Pacer } from './pacer.js'

/** A message that shows a part of the text, from one place (in UTF-16 units) to another. It has no end while it grows. */
export interface Part {
  handle?: string
  from: number
  to?: number
}

/** What a telling is about. */
export interface Subject {
  readonly address: string
  readonly author: PostDetails['author']
  readonly ownerName: string | undefined
  /** Makes the keys of its posts, together with their numbers. */
  readonly key: string
  /** What an earlier process has shown of it. */
  readonly parts?: readonly Part[] | undefined
  /** Since when the platform may show messages of it that are not among the parts; none where it is absent. */
  readonly unsureSinceMs?: number | undefined
  /** Whether this message of the platform is known as one of another telling. */
  isKnown(handle: string): boolean
  /** This message of the platform is one of this telling. */
  shows(handle: string): void
  /** Keeps the parts for the process that goes on after this one. */
  save(parts: readonly Part[]): Promise<void>
}

interface Growing {
  draft: Draft
  readonly part: Part
  readonly openedAt: number
  /** What it shows for certain. */
  shown: string
  updates: number
  failures: number
  lastAt: number
  /** The platform wants no call before. */
  notBefore: number
}

/** After so many failures in a row a message is not updated any more before its end. */
const FAILURES = 3
/** How often the end of a message is tried before its rest is posted: for half a minute. */
const FINISHES = 6
/** How much earlier than by this machine's clock the platform's clock may have shown something. */
const SKEW_MS = 60_000

export class Telling {
  readonly #outlet: Outlet
  readonly #pacer: Pacer
  readonly #clock: Clock
  readonly #subject: Subject
  readonly #parts: Part[]
  #text = ''
  #ended = false
  #growing: Growing | undefined
  #running: Promise<void> | undefined
  #wake: () => void = () => {}

  constructor(outlet: Outlet, pacer: Pacer, clock: Clock, subject: Subject) {
    this.#outlet = outlet
    this.#pacer = pacer
    this.#clock = clock
    this.#subject = subject
    this.#parts = (subject.parts ?? []).map((part) => ({ ...part }))
  }

  /** The platform's ids of the messages. */
  get handles(): string[] {
    return this.#parts.flatMap(({ handle }) => (handle ? [handle] : []))
  }

  /** Whether an earlier process may have shown something of it. */
  get isUnsure(): boolean {
    return this.#subject.unsureSinceMs !== undefined
  }

  /** Whether anything of it may be seen. */
  get hasBegun(): boolean {
    return this.#parts.length > 0 || this.#growing !== undefined
  }

  /** The whole text so far. It is shown as soon as the platform allows it. */
  grow(text: string): void {
    this.#text = text
    this.#wake()
    this.#running ??= this.#run()
    // `end` tells of the failure.
    this.#running.catch(() => {})
  }

  /** The whole text. Is fulfilled when all of it is shown. */
  async end(text: string): Promise<void> {
    this.#text = text
    this.#ended = true
    this.#wake()
    this.#running ??= this.#run()
    await this.#running
  }

  /** Where the next message begins. */
  get #from(): number {
    const last = this.#parts.at(-1)
    return last === undefined ? 0 : (last.to ?? last.from)
  }

  async #run(): Promise<void> {
    if (this.#subject.parts !== undefined || this.#subject.unsureSinceMs !== undefined) await this.#goOn()
    for (;;) {
      this.#pacer.stopped.throwIfAborted()
      const rest = this.#text.slice(this.#from)
      if (this.#growing !== undefined) await this.#continue(this.#growing, rest)
      else if (this.#ended && rest === '') return
      else if (this.#ended && fits(rest, this.#outlet.limits)) await this.#post(rest)
      else if (this.#ended && this.#outlet.open === undefined) {
        await this.#post(rest.slice(0, cut(rest, this.#outlet.limits)))
      } else if (this.#outlet.open === undefined || rest.trim() === '') await this.#change()
      else await this.#open(rest.slice(0, cut(rest, this.#outlet.limits)))
    }
  }

  /** Finds what an earlier process has shown. */
  async #goOn(): Promise<void> {
    const text = await this.#whole()
    let last = this.#parts.at(-1)
    if (last === undefined || last.to !== undefined) {
      const from = this.#from
      const found = await this.#lookUp(text.slice(from), this.#subject.unsureSinceMs)
      if (found === undefined) return
      last = { handle: found, from }
      this.#add(last)
      await this.#subject.save(this.#parts)
    }
    const { handle } = last
    const reopen = this.#outlet.reopen
    if (!handle || reopen === undefined) {
      // What it shows cannot be changed, so the text begins once more.
      this.#parts.pop()
      return
    }
    const draft = await this.#pacer.call(() => reopen.call(this.#outlet, this.#subject.address, handle))
    this.#growing = this.#grown(draft, last, '')
  }

  /** Is fulfilled with the whole text: what was shown is recognised by it. */
  async #whole(): Promise<string> {
    while (!this.#ended) await this.#change()
    return this.#text
  }

  /** Looks for a message of the platform that shows the beginning of this text. */
  async #lookUp(text: string, sinceMs: number | undefined): Promise<string | undefined> {
    const { recent } = this.#outlet
    if (recent === undefined || sinceMs === undefined) return undefined
    const { address, isKnown } = this.#subject
    const shown = await this.#pacer.call(() => recent.call(this.#outlet, address, sinceMs - SKEW_MS))
    const wanted = letters(text)
    const own = new Set(this.handles)
    const found = shown.find(({ handle, text: seen }) => {
      const letter = letters(seen)
      return letter !== '' && wanted.startsWith(letter) && !own.has(handle) && !isKnown(handle)
    })
    return found?.handle
  }

  async #open(piece: string): Promise<void> {
    const { address } = this.#subject
    const begun = this.#clock.now()
    const open = this.#outlet.open as NonNullable<Outlet['open']>
    const make = (isAgain: boolean) => open.call(this.#outlet, address, piece, this.#details(isAgain))
    const draft = await this.#pacer.call(make, async () => {
      const found = await this.#lookUp(piece, begun)
      return found === undefined ? undefined : this.#outlet.reopen?.(address, found)
    })
    const part: Part = { handle: draft.handle, from: this.#from }
    this.#add(part)
    this.#growing = this.#grown(draft, part, piece)
    await this.#subject.save(this.#parts)
    if (draft.show !== undefined) await this.#pacer.call(async () => draft.show?.())
  }

  #grown(draft: Draft, part: Part, shown: string): Growing {
    const now = this.#clock.now()
    return { draft, part, shown, openedAt: now, lastAt: now, notBefore: 0, updates: 0, failures: 0 }
  }

  async #post(piece: string): Promise<void> {
    const { address } = this.#subject
    const begun = this.#clock.now()
    // Platforms refuse a message that shows nothing.
    const handle =
      piece.trim() === ''
        ? ''
        : await this.#pacer.call(
            async (isAgain) => (await this.#outlet.post(address, piece, this.#details(isAgain))) ?? '',
            () => this.#lookUp(piece, begun),
          )
    const from = this.#from
    this.#add({ ...(handle === '' ? {} : { handle }), from, to: from + piece.length })
    if (!this.#isWhole()) await this.#subject.save(this.#parts)
  }

  #details(isAgain: boolean): PostDetails {
    const { author, ownerName, key, unsureSinceMs } = this.#subject
    const isRepeated = isAgain || unsureSinceMs !== undefined
    return { author, ownerName, key: `${key}.${this.#parts.length}`, isRepeated }
  }

  #add(part: Part): void {
    this.#parts.push(part)
    if (part.handle) this.#subject.shows(part.handle)
  }

  #isWhole(): boolean {
    return this.#ended && this.#from >= this.#text.length
  }

  /** Brings a message that grows one step further. */
  async #continue(growing: Growing, rest: string): Promise<void> {
    const { limits } = this.#outlet
    const piece = rest.slice(0, cut(rest, limits, this.#outlet.appends ? growing.shown.length : 0))
    const now = this.#clock.now()
    const leftMs = (limits.maxAgeMs ?? Number.POSITIVE_INFINITY) - (now - growing.openedAt)
    if (this.#ended || piece.length < rest.length || leftMs <= 0) return this.#finish(growing, piece)
    const isFull = growing.updates >= (limits.maxUpdates ?? Number.POSITIVE_INFINITY) || growing.failures >= FAILURES
    if (isFull || piece === growing.shown) return this.#change(leftMs)
    const isMuch = piece.length - growing.shown.length >= (limits.minUpdateChars ?? Number.POSITIVE_INFINITY)
    const dueMs = Math.max(isMuch ? 0 : growing.lastAt + limits.updateIntervalMs, growing.notBefore) - now
    if (dueMs > 0) return this.#change(Math.min(dueMs, leftMs))
    await this.#update(growing, piece)
  }

  async #update(growing: Growing, piece: string): Promise<void> {
    try {
      await this.#pacer.turn()
      await growing.draft.update(piece)
      growing.shown = piece
      growing.updates += 1
      growing.failures = 0
    } catch (error) {
      if (this.#pacer.stopped.aborted || error instanceof Undeliverable) throw error
      if (error instanceof DraftExpired) return this.#finish(growing, piece, error)
      if (error instanceof RetryLater) this.#rests(growing, error.retryAfterMs)
      // The next update, and the end, show the whole text.
      else {
        growing.failures += 1
        this.#pacer.failed(error)
      }
    }
    growing.lastAt = this.#clock.now()
  }

  #rests(growing: Growing, ms: number): void {
    growing.notBefore = this.#clock.now() + ms
    this.#pacer.paused(ms)
  }

  /** Ends a message, whatever it takes: the last text is never dropped. */
  async #finish(growing: Growing, piece: string, expired?: DraftExpired): Promise<void> {
    let problem: unknown = expired
    const begun = this.#clock.now()
    for (let failures = 0, reopened = false; ; ) {
      if (problem instanceof DraftExpired && !reopened && this.#outlet.reopen !== undefined) {
        const reopen = this.#outlet.reopen.bind(this.#outlet, this.#subject.address, growing.draft.handle)
        growing.draft = await this.#pacer.call(reopen)
        reopened = true
      } else if (problem instanceof DraftExpired || failures >= FINISHES) {
        // It shows what it shows; the rest is a message of its own. All of it, where it is open what stands there.
        const shown = growing.draft.isDeferred ? 0 : growing.shown.length
        growing.part.to = growing.part.from + shown
        this.#growing = undefined
        const rest = piece.slice(shown)
        if (rest !== '') await this.#post(rest)
        return
      }
      try {
        const waitMs = growing.notBefore - this.#clock.now()
        if (waitMs > 0) await this.#pacer.wait(waitMs)
        await this.#pacer.turn()
        await growing.draft.finish(piece)
        break
      } catch (error) {
        if (this.#pacer.stopped.aborted || error instanceof Undeliverable) throw error
        problem = error
        if (error instanceof RetryLater) {
          if (!this.#pacer.mayWait(error.retryAfterMs, begun)) throw error
          this.#rests(growing, error.retryAfterMs)
        } else if (!(error instanceof DraftExpired)) {
          failures += 1
          this.#pacer.failed(error)
          await this.#pacer.wait(this.#pacer.pauseAfter(failures))
        }
      }
    }
    growing.part.to = growing.part.from + piece.length
    this.#growing = undefined
    if (!this.#isWhole()) await this.#subject.save(this.#parts)
  }

  /** Is fulfilled when there is more text, or after so many milliseconds. */
  async #change(ms = Number.POSITIVE_INFINITY): Promise<void> {
    const { stopped } = this.#pacer
    stopped.throwIfAborted()
    const over = new AbortController()
    const changed = new Promise<void>((resolve, reject) => {
      this.#wake = resolve
      stopped.addEventListener('abort', () => reject(stopped.reason), { once: true, signal: over.signal })
    })
    const waited = ms === Number.POSITIVE_INFINITY ? [] : [this.#clock.wait(ms, over.signal).catch(() => {})]
    try {
      await Promise.race([changed, ...waited])
    } finally {
      over.abort()
    }
  }
}

/** What is left of a text when a platform has shown its Markdown in its own way. */
function letters(text: string): string {
  return text.replace(/[^\p{L}\p{N}]/gu, '')
}
