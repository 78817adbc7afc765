/**
 * The avatar as a model of the AI SDK (`ai` 6 and 7), and its replies as a stream for the AI SDK's user interfaces.
 *
 * ```ts
 * import { streamText } from 'ai'
 * import { AvatarClient } from 'secondme-avatar'
 * import { avatar } from 'secondme-avatar/ai'
 *
 * const model = avatar({ client: new AvatarClient(), visitor: { platform: 'web', userId: 'u-1' } })
 * for await (const piece of streamText({ model, prompt: 'Hello' }).textStream) process.stdout.write(piece)
 * ```
 *
 * @packageDocumentation
 */

export { avatar, type AvatarModel, type AvatarModelOptions } from './ai/model.js'
export type {
  ModelCall,
  ModelContent,
  ModelMessage,
  ModelMessagePart,
  ModelMetadata,
  ModelResult,
  ModelStream,
  ModelStreamPart,
  ModelUsage,
  ModelWarning,
} from './ai/specification.js'
export {
  lastUserText,
  toUIMessageStream,
  toUIMessageStreamResponse,
  type UIChunk,
  type UIMessageLike,
  type UIMessageStreamOptions,
} from './ai/ui-message-stream.js'
