/** Platforms whose adapter shows a growing answer itself: it is handed the pieces, and says when all is shown. */

import { createHash } from 'node:crypto'
import { type Draft, type Outlet, RetryLater, Undeliverable } from '../bridge/outlet.js'
import { placeOf } from './address.js'
import type { ChatAdapter, PostOptions } from './bot.js'
import { posted } from './edited.js'
import { adapted } from './failures.js'
import type { Platform } from './limits.js'

type Streaming = ChatAdapter & {
  /** Whether a message can grow; a robot of DingTalk without a card's template posts whole messages. */
  readonly canEdit?: boolean
  /** With an id, that of the message: what an earlier process has shown of it is written over. */
  stream(threadId: string, pieces: AsyncIterable<string>, options: { messageId: string }): Promise<unknown>
}

export function streamedOutlet(adapter: ChatAdapter, limits: Platform): Outlet {
  const streaming = adapter as Streaming
  const post = async (address: string, markdown: string, details: PostOptions) => {
    const { id } = await adapted(() => posted(adapter, address, markdown, details))
    return id === '' ? undefined : id
  }
  if (streaming.canEdit === false) return { limits, post }
  const draft = (address: string, handle: string, text: string) => {
    // The adapter had its reasons to give the card up: the text comes in another message.
    const again = (whole: string) => post(address, whole, { key: `${handle}.post`, isRepeated: true })
    return new StreamDraft(streaming, placeOf(address).thread, handle, text, again)
  }
  return {
    limits,
    appends: true,
    post,
    // The id comes from the key, so that a process that goes on after a kill finds the same card.
    open: async (address, text, { key }) => draft(address, createHash('sha256').update(key).digest('hex'), text),
    reopen: async (address, handle) => draft(address, handle, ''),
  }
}

class StreamDraft implements Draft {
  readonly isDeferred = true
  readonly #shown: Promise<unknown>
  readonly #post: (text: string) => Promise<unknown>
  /** Why the adapter has given up. What it has shown until then is not known. */
  #failure: { readonly error: unknown; isTold: boolean } | undefined
  #sent = ''
  #waiting: string[] = []
  #isEnded = false
  #wake: () => void = () => {}

  constructor(
    adapter: Streaming,
    thread: string,
    readonly handle: string,
    text: string,
    post: (text: string) => Promise<unknown>,
  ) {
    this.#post = post
    this.#push(text)
    const streamed = adapted(() => adapter.stream(thread, this.#pieces(), { messageId: handle }))
    this.#shown = streamed.catch((error) => {
      this.#failure = { error, isTold: false }
    })
  }

  async update(text: string): Promise<void> {
    if (this.#failure !== undefined) this.#tell(this.#failure)
    this.#push(text)
  }

  /** Shows the text by a message of its own where the adapter has given up. */
  async finish(text: string): Promise<void> {
    this.#push(text)
    this.#isEnded = true
    this.#wake()
    await this.#shown
    if (this.#failure === undefined) return
    const { error, isTold } = this.#failure
    if (error instanceof Undeliverable || (error instanceof RetryLater && !isTold)) this.#tell(this.#failure)
    await this.#post(text)
  }

  #tell(failure: { readonly error: unknown; isTold: boolean }): never {
    failure.isTold = true
    throw failure.error
  }

  #push(text: string): void {
    const piece = text.slice(this.#sent.length)
    if (piece === '') return
    this.#sent = text
    this.#waiting.push(piece)
    this.#wake()
  }

  async *#pieces(): AsyncGenerator<string, void> {
    for (;;) {
      yield* this.#waiting.splice(0)
      if (this.#waiting.length > 0) continue
      if (this.#isEnded) return
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
