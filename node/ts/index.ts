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

export { AvatarClient, type RecoverOptions } from './client.js'
export {
  type AskOptions,
  type CallOptions,
  Conversation,
  type DeadlineOptions,
  type DurableOptions,
  type HistoryMessage,
  type HistoryOptions,
  type Kept,
  type Sent,
} from './conversation.js'
export { AvatarEmitter, type Listener, type TypedEmitter, type WaitOptions } from './emitter.js'
export {
  AuthenticationError,
  AvatarError,
  type AvatarErrorDetails,
  type AvatarErrorJson,
  AvatarNotFoundError,
  CertificateError,
  ClosedError,
  ConnectionFailedError,
  DeadlineError,
  type ErrorKind,
  InvalidAnswerError,
  InvalidVisitorIdError,
  MisuseError,
  NotMemberError,
  type PlainCause,
  RateLimitedError,
  RefusedError,
  type Step,
  StoreError,
  TakenOverError,
  UnavailableError,
  type Unsent,
  UnsupportedError,
} from './errors.js'
export { EventStream } from './event-stream.js'
export type {
  Author,
  AvatarEvent,
  AvatarEventMap,
  AvatarEventType,
  CardPart,
  Closed,
  Delivered,
  Disconnected,
  EventBase,
  HandedBack,
  Notice,
  Opened,
  OwnerReply,
  Part,
  Reconnected,
  Reply,
  ReplyDelta,
  ReplyEvent,
  ServiceErrorEvent,
  State,
  StateChanged,
  TakenOver,
  TextPart,
  Unattributed,
  Unknown,
  UnsentEvent,
  WaitingForQuota,
} from './events.js'
export {
  type LevelLogger,
  type LogLevel,
  type Logger,
  type LoggerLike,
  type LoggerOptions,
  type LogRecord,
  setLogger,
} from './logs.js'
export type { CallReport, ClientOptions, Stats } from './options.js'
export { AvatarIterator, type TakeOptions } from './iterator.js'
export { ReplyStream } from './reply-stream.js'
export { VERSION } from './version.js'
export { type PlatformUser, Visitor, type VisitorDetails, type VisitorLike } from './visitor.js'
