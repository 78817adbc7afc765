/**
 * Talk with a SecondMe AI avatar.
 *
 * ```ts
 * import { AvatarClient } from 'secondme-avatar'
 *
 * const client = new AvatarClient() // SECONDME_API_KEY
 * const chat = await client.open({ platform: 'web', userId: 'u-1', name: 'Ada' })
 * for await (const piece of chat.stream('Hello')) process.stdout.write(piece)
 * await client.close()
 * ```
 *
 * @packageDocumentation
 */

export { AvatarError, type AvatarErrorDetails, type AvatarErrorJson, type PlainCause } from './avatar-error.js'
export { AvatarClient, type ClientEventsOptions, type RecoverOptions } from './client.js'
export * from './contract/errors.js'
export type * from './contract/events.js'
export type { ClientOptions } from './contract/options.js'
export type * from './contract/reports.js'
export type * from './contract/values.js'
export {
  type AskOptions,
  type CallOptions,
  Conversation,
  type DeadlineOptions,
  type DurableOptions,
  type EventsOptions,
  type HistoryOptions,
  type MessageOptions,
} from './conversation.js'
export { AvatarEmitter, type Listener, type TypedEmitter, type WaitOptions } from './emitter.js'
export { Credentials } from './credentials.js'
export { EventStream } from './event-stream.js'
export { AvatarIterator, type TakeOptions } from './iterator.js'
export {
  type LevelLogger,
  type LogLevel,
  type Logger,
  type LoggerLike,
  type LoggerOptions,
  type LogRecord,
  setLogger,
} from './logs.js'
export { newMessageId } from './message-id.js'
export type { Note, NoteOptions, RequestOptions } from './people.js'
export { ReplyStream } from './reply-stream.js'
export type { Seal } from './seals.js'
export type {
  AppOptions,
  CredentialsFunction,
  CredentialsRequest,
  TokenFunction,
  TokenRequest,
  UserOptions,
  VisitorChatOptions,
} from './tokens.js'
export { VERSION } from './version.js'
export { type PlatformUser, Visitor, type VisitorDetails, type VisitorLike } from './visitor.js'
