/** Replies in the protocol of the AI SDK's user interfaces: `useChat` and what speaks it. */

import { AvatarError } from '../avatar-error.js'
import { TakenOverError } from '../contract/errors.js'
import type { NoticeEvent } from '../contract/events.js'
import type { Author, Card, NoticeKind } from '../contract/values.js'
import type { AskOptions, Conversation } from '../conversation.js'
import { calledFrom, misuse } from '../failures.js'
import { unknownOption } from '../known.js'

/** Options of {@link toUIMessageStream}. */
export interface UIMessageStreamOptions extends AskOptions {
  /** The id of the reply in the user interface. Default: a random one. */
  readonly replyId?: string | undefined
  /**
   * Returns what the user interface is told of a failure. Default: the kind of an {@link AvatarError}, such as
   * `rateLimited`, else `internal`; the error's own words are for the server's log.
   */
  readonly onError?: ((error: unknown) => string) | undefined
}

/** A part of the stream. Every part is one of the AI SDK's `UIMessageChunk`. */
export type UIChunk =
  | { type: 'start'; messageId: string }
  | { type: 'start-step' }
  | { type: 'data-author'; data: { author: Author; avatarName: string } }
  | { type: 'data-notice'; data: { kind: NoticeKind | 'takenOver'; text: string } }
  | { type: 'text-start'; id: string }
  | { type: 'text-delta'; id: string; delta: string }
  | { type: 'text-end'; id: string }
  | { type: 'data-card'; data: Card }
  | { type: 'error'; errorText: string }
  | { type: 'abort' }
  | { type: 'finish-step' }
  | { type: 'finish'; finishReason: 'stop' | 'other' | 'error' }

/** A message as `useChat` sends it. */
export interface UIMessageLike {
  readonly role: string
  readonly parts: readonly { readonly type: string; readonly text?: string | undefined }[]
}

const OPTIONS = ['replyId', 'onError', 'signal', 'deadlineMs', 'firstPieceDeadlineMs', 'collectMs', 'messageId']
const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache',
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
 * A part `data-author` says who speaks before the text of each speaker: the avatar, or its owner in person. A part
 * `data-notice` is a notice of the service; its kind is `takenOver` where the owner has the conversation and has not
 * answered in time. Cards are parts `data-card`, after the text. What fails becomes a part `error`, and the stream ends. Cancelling the stream ends the question.
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
  const { replyId = crypto.randomUUID(), onError = kindOf, ...asking } = options
  // Subscribed before the question goes out, so that no notice is missed.
  const notices: UIChunk[] = []
  const noticed = ({ kind, text }: NoticeEvent) => {
    notices.push({ type: 'data-notice', data: { kind, text } })
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
    let finishReason: 'stop' | 'other' | 'error' = 'stop'
    yield { type: 'start', messageId: replyId }
    yield { type: 'start-step' }
    try {
      for await (const delta of pieces) {
        if (author !== pieces.author) {
          if (author !== undefined) yield { type: 'text-end', id: `${block}` }
          author = pieces.author
          block += 1
          yield { type: 'data-author', data: { author, avatarName: chat.avatarName } }
          yield { type: 'text-start', id: `${block}` }
        }
        yield { type: 'text-delta', id: `${block}`, delta }
      }
      const { parts } = await pieces.reply()
      if (author !== undefined) yield { type: 'text-end', id: `${block}` }
      author = undefined
      for (const part of parts) {
        if (part.type === 'card') yield { type: 'data-card', data: { template: part.template, params: part.params } }
      }
    } catch (error) {
      if (author !== undefined) yield { type: 'text-end', id: `${block}` }
      if (options.signal?.aborted) return yield { type: 'abort' }
      finishReason = error instanceof TakenOverError ? 'other' : 'error'
      yield finishReason === 'other'
        ? { type: 'data-notice', data: { kind: 'takenOver', text: TAKEN_OVER } }
        : { type: 'error', errorText: onError(error) }
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

function kindOf(error: unknown): string {
  return error instanceof AvatarError ? error.kind : 'internal'
}
