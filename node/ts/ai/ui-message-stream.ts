/** Replies in the protocol of the AI SDK's user interfaces: `useChat` and what speaks it. */

import { sentenceFor } from '../bridge/sentences.js'
import { TakenOverError } from '../contract/errors.js'
import type { NoticeEvent } from '../contract/events.js'
import type { Author } from '../contract/values.js'
import type { AskOptions, Conversation } from '../conversation.js'
import { calledFrom, misuse } from '../failures.js'
import { unknownOption } from '../known.js'
import {
  type AuthorPart,
  authorPart,
  type CardPart,
  cardPart,
  type NoticePart,
  noticePart,
  type SourcePart,
  sourceParts,
  sourcesOf,
} from '../ui-parts.js'

/** Options of {@link toUIMessageStream}. */
export interface UIMessageStreamOptions extends AskOptions {
  /** The id of the reply in the user interface. Default: a random one. */
  readonly replyId?: string | undefined
  /**
   * Returns what the user interface is told of a failure. Default: `busy`, `unavailable`, `payment` or `broken`, as the
   * website widget's server part says it; the error's own words are for the server's log.
   */
  readonly onError?: ((error: unknown) => string) | undefined
}

/** A part of the stream. Every part is one of the AI SDK's `UIMessageChunk`. */
export type UIChunk =
  | { type: 'start'; messageId: string }
  | { type: 'start-step' }
  | AuthorPart
  | NoticePart
  | { type: 'text-start'; id: string }
  | { type: 'text-delta'; id: string; delta: string }
  | { type: 'text-end'; id: string }
  | SourcePart
  | CardPart
  | { type: 'error'; errorText: string }
  | { type: 'abort' }
  | { type: 'finish-step' }
  | { type: 'finish'; finishReason: 'stop' | 'error' }

/** A message as `useChat` sends it. */
export interface UIMessageLike {
  readonly role: string
  readonly parts: readonly { readonly type: string; readonly text?: string | undefined }[]
}

const OPTIONS = ['replyId', 'onError', 'signal', 'deadlineMs', 'firstPieceDeadlineMs', 'collectMs', 'messageId']
const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-vercel-ai-ui-message-stream': 'v1',
  'x-accel-buffering': 'no',
}

/**
 * Returns the text of the last message of what `useChat` has sent, `{ id, trigger, messages }`. The others are in the
 * avatar's session.
 *
 * @throws {@link MisuseError} if the last message is not the user's, has no text, or has a part that is not text.
 */
export function lastUserText(messages: readonly UIMessageLike[]): string {
  const site = calledFrom(lastUserText)
  const last: UIMessageLike | undefined = Array.isArray(messages) ? messages.at(-1) : undefined
  if (last?.role !== 'user' || !Array.isArray(last.parts)) throw misuse("the last message has to be the user's", site)
  const parts: UIMessageLike['parts'] = last.parts
  const other = parts.find(({ type }) => type !== 'text')
  if (other !== undefined) throw misuse(`an avatar reads texts alone, and no part of the type \`${other.type}\``, site)
  const text = parts.map(({ text }) => text ?? '').join('\n')
  if (text.trim() === '') throw misuse('the last message has no text', site)
  return text
}

/**
 * Asks, and returns the reply as a stream of the AI SDK's user interfaces; `createUIMessageStreamResponse` takes it. The
 * question goes out at once.
 *
 * The parts are those of the website widget's server part. `data-author` says who speaks before the text of each speaker:
 * the avatar, or its owner in person. `data-notice` is a notice of the service; its kind is `taken_over` where the owner
 * has the conversation and has not answered in time. Sources are parts `source-url` and `source-document`, cards
 * `data-card`, after the text. What fails becomes a part `error`, and the stream ends. Cancelling the stream ends the
 * question.
 *
 * @throws {@link MisuseError} if an option is wrong, and the signal's reason, if it is aborted already.
 */
export function toUIMessageStream(
  chat: Conversation,
  text: string,
  options: UIMessageStreamOptions = {},
): ReadableStream<UIChunk> {
  const site = calledFrom(toUIMessageStream)
  const unknown = unknownOption(options, OPTIONS)
  if (unknown !== undefined) throw misuse(`there is no option \`${unknown}\`; there are ${OPTIONS.join(', ')}`, site)
  const { replyId = crypto.randomUUID(), onError = sentenceFor, ...asking } = options
  // Subscribed before the question goes out, so that no notice is missed.
  const notices: UIChunk[] = []
  const noticed = ({ kind, text }: NoticeEvent) => {
    notices.push(noticePart(kind, text))
  }
  chat.on('notice', noticed)
  const pieces = begun(() => chat.stream(text, asking))
  const source = chunks()
  return new ReadableStream<UIChunk>(
    {
      async pull(controller) {
        const notice = notices.shift()
        if (notice !== undefined) return controller.enqueue(notice)
        const { done, value } = await source.next()
        done ? controller.close() : controller.enqueue(value)
      },
      async cancel() {
        chat.off('notice', noticed)
        await pieces.return()
      },
    },
    { highWaterMark: 0 },
  )

  function begun<T>(begin: () => T): T {
    try {
      return begin()
    } catch (error) {
      chat.off('notice', noticed)
      throw error
    }
  }

  async function* chunks(): AsyncGenerator<UIChunk, undefined> {
    let block = 0
    let author: Author | undefined
    let finishReason: 'stop' | 'error' = 'stop'
    yield { type: 'start', messageId: replyId }
    yield { type: 'start-step' }
    try {
      for await (const delta of pieces) {
        if (author !== pieces.author) {
          if (author !== undefined) yield { type: 'text-end', id: `${block}` }
          author = pieces.author
          block += 1
          yield authorPart(author, chat.avatarName)
          yield { type: 'text-start', id: `${block}` }
        }
        yield { type: 'text-delta', id: `${block}`, delta }
      }
      const { author: by, parts, sources } = await pieces.reply()
      if (author !== undefined) yield { type: 'text-end', id: `${block}` }
      // A reply may be of cards alone.
      else if (parts.some(({ type }) => type === 'card')) yield authorPart(by, chat.avatarName)
      author = undefined
      yield* sourceParts(replyId, sourcesOf(sources))
      for (const part of parts) if (part.type === 'card') yield cardPart(part)
    } catch (error) {
      if (author !== undefined) yield { type: 'text-end', id: `${block}` }
      if (options.signal?.aborted) return yield { type: 'abort' }
      if (error instanceof TakenOverError) yield noticePart('taken_over', TAKEN_OVER)
      else {
        finishReason = 'error'
        yield { type: 'error', errorText: onError(error) }
      }
    } finally {
      chat.off('notice', noticed)
    }
    yield* notices.splice(0)
    yield { type: 'finish-step' }
    yield { type: 'finish', finishReason }
  }
}

const TAKEN_OVER = 'The person behind this avatar has taken the conversation over and has not answered yet.'

/**
 * Asks, and returns the answer to the request of `useChat`, without the AI SDK on the server.
 *
 * ```ts
 * app.post('/api/chat', async (request) => {
 *   const { messages } = await request.json()
 *   const chat = await client.open({ platform: 'web', userId: await userOf(request) })
 *   return toUIMessageStreamResponse(chat, lastUserText(messages), { signal: request.signal })
 * })
 * ```
 *
 * @throws what {@link toUIMessageStream} throws.
 */
export function toUIMessageStreamResponse(
  chat: Conversation,
  text: string,
  options: UIMessageStreamOptions = {},
): Response {
  const encoder = new TextEncoder()
  const events = new TransformStream<UIChunk, Uint8Array>({
    transform: (chunk, controller) => controller.enqueue(encoder.encode(`data: ${JSON.stringify(chunk)}\n\n`)),
    flush: (controller) => controller.enqueue(encoder.encode('data: [DONE]\n\n')),
  })
  return new Response(toUIMessageStream(chat, text, options).pipeThrough(events), { headers: HEADERS })
}
