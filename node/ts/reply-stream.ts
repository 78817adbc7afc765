/** A reply, piece by piece. */

import { AvatarError } from './avatar-error.js'
import type { Author, Reply } from './contract/values.js'
import { calledFrom, closed, failed, type Site } from './failures.js'
import type { NativePiece, NativeStream } from './native.js'
import { quiet } from './quiet.js'
import { BATCH, leave, stay } from './host-queue.js'
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
  #pieces: NativePiece[] = []
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
  protected override takeNext(): IteratorResult<string, undefined> | undefined {
    for (;;) {
      if (this.#end !== undefined) return DONE
      this.#aborted?.throwIfAborted()
      const piece = this.#pieces.shift()
      if (piece !== undefined) {
        this.#author = piece.author as Author
        // A card has no text of its own; it stands in the reply.
        if (piece.text !== '') return { done: false, value: piece.text }
        continue
      }
      const drained = this.#native.drain(BATCH)
      if (drained === null) return undefined
      if (typeof drained === 'string') {
        this.#end = failed(drained, this.#site)
        throw this.#end
      }
      this.#pieces = drained
      if (drained.length === 0) {
        const reply = this.#native.reply()
        this.#end = reply === null ? 'given up' : quiet(JSON.parse(reply) as Reply)
      }
    }
  }

  /** @internal */
  protected override get ticket(): number {
    return this.#native.ticket
  }

  /** @internal */
  protected override drop(): void {
    this.#native.close()
    this.#pieces = []
    this.#end ??= this.#aborted?.aborted ? undefined : 'given up'
  }

  /** @internal */
  protected override waits(isAwaited: boolean): void {
    isAwaited ? stay() : leave()
  }
}
