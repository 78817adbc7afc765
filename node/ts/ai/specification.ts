/**
 * The part of the AI SDK's `LanguageModelV3` that an avatar has to do with, written down here: `@ai-sdk/provider` is a
 * dependency of `ai`, and a program that has `ai` alone cannot always name it. The compiler holds these types against
 * those of `ai` 6 and 7 in the tests.
 */

/** What comes with a result from one provider: `{ secondme: … }`. */
export type ModelMetadata = Record<string, Record<string, JSONValue | undefined>>

/** A JSON value. */
export type JSONValue = null | string | number | boolean | { [key: string]: JSONValue | undefined } | JSONValue[]

/** A part of a message; an avatar reads texts alone. */
export interface ModelMessagePart {
  readonly type: string
  readonly text?: string
}

/** A message of a prompt. */
export interface ModelMessage {
  readonly role: string
  readonly content: string | readonly ModelMessagePart[]
}

/** What the AI SDK asks a model for. */
export interface ModelCall {
  readonly prompt: readonly ModelMessage[]
  readonly abortSignal?: AbortSignal | undefined
  readonly providerOptions?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined
  readonly responseFormat?: { readonly type: string } | undefined
  readonly tools?: readonly unknown[] | undefined
  readonly toolChoice?: { readonly type: string } | undefined
  readonly maxOutputTokens?: number | undefined
  readonly temperature?: number | undefined
  readonly topP?: number | undefined
  readonly topK?: number | undefined
  readonly presencePenalty?: number | undefined
  readonly frequencyPenalty?: number | undefined
  readonly stopSequences?: readonly string[] | undefined
  readonly seed?: number | undefined
  readonly headers?: Record<string, string | undefined> | undefined
}

/** Something of a call that the avatar does not follow. */
export type ModelWarning =
  | { type: 'unsupported'; feature: string; details?: string }
  | { type: 'other'; message: string }

/** How much a call has used. The service does not say it, so that all of it is unknown. */
export interface ModelUsage {
  inputTokens: { total: undefined; noCache: undefined; cacheRead: undefined; cacheWrite: undefined }
  outputTokens: { total: undefined; text: undefined; reasoning: undefined }
}

/** Why a reply ended. */
export interface ModelFinishReason {
  unified: 'stop' | 'error'
  raw: string | undefined
}

/** A reply's text. */
export interface ModelContent {
  type: 'text'
  text: string
  providerMetadata: ModelMetadata
}

/** A whole reply. */
export interface ModelResult {
  content: ModelContent[]
  finishReason: ModelFinishReason
  usage: ModelUsage
  warnings: ModelWarning[]
  providerMetadata: ModelMetadata
  response: { id?: string; modelId: string; timestamp: Date }
}

/** A part of a streamed reply. */
export type ModelStreamPart =
  | { type: 'stream-start'; warnings: ModelWarning[] }
  | { type: 'response-metadata'; modelId: string; timestamp: Date }
  | { type: 'text-start'; id: string; providerMetadata: ModelMetadata }
  | { type: 'text-delta'; id: string; delta: string }
  | { type: 'text-end'; id: string }
  | { type: 'error'; error: unknown }
  | { type: 'finish'; finishReason: ModelFinishReason; usage: ModelUsage; providerMetadata?: ModelMetadata }

/** A streamed reply. */
export interface ModelStream {
  stream: ReadableStream<ModelStreamPart>
}
