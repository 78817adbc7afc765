/** A reply, piece by piece. */

import { AvatarError } from './avatar-error.js'
import type { Author, Reply } from './contract/values.js'
import { calledFrom, closed, failed, type Site } from './failures.js'
import type { NativeStream } from './native.js'
import { leave, stay } from './port.js'
import { DONE, AvatarIterator } from './iterator.js'

/**
 * A reply, piece by piece, as text. The question has gone out already.
 *
 * ```ts
 * const pieces = chat.stream('Hello')
 * for await (const piece of pieces) process.stdout.write(piece)
 * console.log(`that was ${pieces.author}`)
 * ```
 *
 * A slow reader holds up nothing: pieces that have not been taken yet become one.
 *
 * Leaving the loop, {@link ReplyStream.stop}, {@link ReplyStream.return} and an aborted signal give the question up if it
 * has not gone out yet. If it has, what still comes of its reply are events like any, and the next question goes out at
 * once.
 */
export class ReplyStream extends AvatarIterator<string> {
  readonly #native: NativeStream
  readonly #site: Site
  readonly #aborted: AbortSignal | undefined
  #author: Author = 'avatar'
  #end: AvatarError | Reply | 'given up' | undefined

  private constructor(native: NativeStream, site: Site, signal: AbortSignal | undefined) {
    super(signal)
    this.#native = native
    this.#site = site
    this.#aborted = signal
  }

  /** @internal */
  static of(native: NativeStream, site: Site, signal: AbortSignal | undefined): ReplyStream {
    return new ReplyStream(native, site, signal)
  }

  /** Who said the last piece: the avatar, or its owner in person. */
  get author(): Author {
    return this.#author
  }

  /**
   * Stops: the rest of the reply is not wanted. What has come can still be read, then the stream ends. The next question
   * goes out at once and gets its own answer.
   */
  stop(): void {
    this.#native.stop()
  }

  /** The whole reply: reads the pieces that have not been read, then gives all of it. */
  async reply(): Promise<Reply> {
    const site = calledFrom(this.reply)
    while (!(await this.next()).done);
    if (this.#end instanceof AvatarError) throw this.#end
    if (typeof this.#end === 'object') return this.#end
    throw this.#aborted?.reason ?? closed('the stream was left before the reply was complete', site)
  }

  /** @internal */
  protected override poll(): IteratorResult<string, undefined> | undefined {
    for (;;) {
      if (this.#end !== undefined) return DONE
      this.#aborted?.throwIfAborted()
      const piece = this.#native.take()
      if (piece === null) return undefined
      if (piece === false) {
        const reply = this.#native.reply()
        this.#end = reply === null ? 'given up' : (JSON.parse(reply) as Reply)
        continue
      }
      if (typeof piece === 'string') {
        this.#end = failed(piece, this.#site)
        throw this.#end
      }
      this.#author = piece.author as Author
      // A card has no text of its own; it stands in the reply.
      if (piece.text !== '') return { done: false, value: piece.text }
    }
  }

  /** @internal */
  protected override get id(): number {
    return this.#native.id
  }

  /** @internal */
  protected override drop(): void {
    this.#native.close()
    this.#end ??= this.#aborted?.aborted ? undefined : 'given up'
  }

  /** @internal */
  protected override waits(somebody: boolean): void {
    somebody ? stay() : leave()
  }
}
