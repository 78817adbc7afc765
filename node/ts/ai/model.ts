/** The avatar as a model of the AI SDK. */

import type { AvatarClient } from '../client.js'
import type { Reply } from '../contract/values.js'
import type { AskOptions, Conversation } from '../conversation.js'
import { calledFrom, misuse, type Site } from '../failures.js'
import { unknownOption } from '../known.js'
import type { ReplyStream } from '../reply-stream.js'
import type { VisitorLike } from '../visitor.js'
import { type Question, questionOf } from './question.js'
import type {
  JSONValue,
  ModelCall,
  ModelMetadata,
  ModelResult,
  ModelStream,
  ModelStreamPart,
  ModelUsage,
} from './specification.js'

/** Options of {@link avatar}. */
export interface AvatarModelOptions extends Omit<AskOptions, 'signal' | 'messageId'> {
  /** The client, one for the process. Closing it is the program's task. */
  readonly client: Pick<AvatarClient, 'open'>
  /**
   * Who speaks, where a call does not say it: `providerOptions: { secondme: { visitor } }`. A server for several people
   * leaves it out, so that a call without a visitor is an error and not a word in another person's conversation.
   */
  readonly visitor?: VisitorLike | undefined
}

/** A model of the AI SDK: a `LanguageModelV3`, which `ai` 6 and 7 take. */
export interface AvatarModel {
  readonly specificationVersion: 'v3'
  readonly provider: 'secondme'
  readonly modelId: 'avatar'
  readonly supportedUrls: Record<string, RegExp[]>
  doGenerate(call: ModelCall): Promise<ModelResult>
  doStream(call: ModelCall): Promise<ModelStream>
}

const OPTIONS = ['client', 'visitor', 'deadlineMs', 'firstPieceDeadlineMs', 'collectMs']

/**
 * Returns the avatar as a model: for `generateText`, `streamText` and what is built on them. Nothing is sent yet.
 *
 * ```ts
 * const model = avatar({ client })
 * const { text, providerMetadata } = await generateText({
 *   model,
 *   prompt: 'Hello',
 *   providerOptions: { secondme: { visitor: { platform: 'web', userId: user.id, name: user.name } } },
 * })
 * console.log(providerMetadata?.secondme?.author) // 'avatar', or 'owner' for the avatar's owner in person
 * ```
 *
 * `messageId` beside `visitor` is the id under which the question goes out: see {@link newMessageId}.
 *
 * The last user message goes out, and no other: the avatar keeps the conversation itself. System messages, temperature,
 * tools and the like are ignored, with a warning. A JSON format, a required tool, a file and a last message that is not
 * the user's are refused before anything is sent. What fails is an `AvatarError`, which the AI SDK does not send again.
 *
 * @throws {@link MisuseError} if an option is wrong.
 */
export function avatar(options: AvatarModelOptions): AvatarModel {
  const site = calledFrom(avatar)
  if (typeof options?.client?.open !== 'function') {
    throw misuse('`avatar` takes a client: `avatar({ client: new AvatarClient() })`', site)
  }
  const unknown = unknownOption(options, OPTIONS)
  if (unknown !== undefined) throw misuse(`there is no option \`${unknown}\`; there are ${OPTIONS.join(', ')}`, site)
  const { client, visitor, ...asking } = options

  /** Opens the conversation of the visitor, and says how to ask in it. */
  async function opened(call: ModelCall, site: Site): Promise<Opened> {
    const question = questionOf(call, site)
    const named = namedBy(call, site)
    const who = named.visitor ?? visitor
    if (who === undefined) {
      const remedy = "`providerOptions: { secondme: { visitor: { platform: 'web', userId } } }`"
      throw misuse(`the call does not say who the visitor is: add ${remedy}, or \`visitor\` to \`avatar\``, site)
    }
    const signal = call.abortSignal
    const chat = await client.open(who, { signal })
    return { chat, question, how: { ...asking, messageId: named.messageId, signal } }
  }

  return {
    specificationVersion: 'v3',
    provider: 'secondme',
    modelId: 'avatar',
    supportedUrls: {},

    async doGenerate(call) {
      const { chat, question, how } = await opened(call, calledFrom(avatar))
      const reply = await chat.ask(question.text, how)
      const providerMetadata = metadataOf(reply)
      return {
        content: [{ type: 'text', text: reply.text, providerMetadata }],
        finishReason: { unified: 'stop', raw: reply.ended },
        usage: unknownUsage(),
        warnings: question.warnings,
        providerMetadata,
        response: { ...(reply.id && { id: reply.id }), modelId: 'avatar', timestamp: new Date() },
      }
    },

    async doStream(call) {
      const { chat, question, how } = await opened(call, calledFrom(avatar))
      const pieces = chat.stream(question.text, how)
      return { stream: partsOf(pieces, question, call.abortSignal) }
    },
  }
}

interface Opened {
  readonly chat: Conversation
  readonly question: Question
  readonly how: AskOptions
}

/** What a call names in its `providerOptions`. */
interface Named {
  readonly visitor?: VisitorLike
  readonly messageId?: string
}

function namedBy(call: ModelCall, site: Site): Named {
  const given = call.providerOptions?.secondme ?? {}
  const unknown = unknownOption(given, ['visitor', 'messageId'])
  if (unknown === undefined) return given as Named
  throw misuse(`there is no option \`${unknown}\` in \`secondme\`; there are visitor, messageId`, site)
}

/** A part at a time, when it is read. Each speaker has a text block of its own. */
function partsOf(
  pieces: ReplyStream,
  question: Question,
  signal: AbortSignal | undefined,
): ReadableStream<ModelStreamPart> {
  let block = 0
  let author: string | undefined
  async function* parts(): AsyncGenerator<ModelStreamPart, undefined> {
    yield { type: 'stream-start', warnings: question.warnings }
    yield { type: 'response-metadata', modelId: 'avatar', timestamp: new Date() }
    try {
      for await (const delta of pieces) {
        if (author !== pieces.author) {
          if (author !== undefined) yield { type: 'text-end', id: `${block}` }
          author = pieces.author
          block += 1
          yield { type: 'text-start', id: `${block}`, providerMetadata: { secondme: { author } } }
        }
        yield { type: 'text-delta', id: `${block}`, delta }
      }
      const reply = await pieces.reply()
      if (author !== undefined) yield { type: 'text-end', id: `${block}` }
      const finishReason = { unified: 'stop', raw: reply.ended } as const
      yield { type: 'finish', finishReason, usage: unknownUsage(), providerMetadata: metadataOf(reply) }
    } catch (error) {
      if (signal?.aborted) throw error
      if (author !== undefined) yield { type: 'text-end', id: `${block}` }
      yield { type: 'error', error }
      yield { type: 'finish', finishReason: { unified: 'error', raw: undefined }, usage: unknownUsage() }
    }
  }
  const source = parts()
  return new ReadableStream<ModelStreamPart>(
    {
      async pull(controller) {
        const { done, value } = await source.next()
        done ? controller.close() : controller.enqueue(value)
      },
      async cancel() {
        await pieces.return()
      },
    },
    { highWaterMark: 0 },
  )
}

/** What a reply has beside its text, as JSON. What it does not have is left out. */
function metadataOf({ author, id, inReplyTo, parts, sources, confirmed }: Reply): ModelMetadata {
  const cards = parts.filter(({ type }) => type === 'card')
  return {
    secondme: {
      author,
      ...(id && { id }),
      ...(inReplyTo && { inReplyTo }),
      ...(!confirmed && { confirmed }),
      ...(cards.length > 0 && { cards: cards as unknown as JSONValue[] }),
      ...(sources.length > 0 && { sources: [...sources] as JSONValue[] }),
    },
  }
}

function unknownUsage(): ModelUsage {
  return {
    inputTokens: { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: undefined, text: undefined, reasoning: undefined },
  }
}
