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

export { AvatarClient } from './client.js'
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
export { AvatarEmitter, type Listener, type TypedEmitter } from './emitter.js'
export {
  AuthenticationError,
  AvatarError,
  type AvatarErrorDetails,
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
  RateLimitError,
  ServiceRefusedError,
  type Step,
  StoreError,
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
  TextPart,
  Unattributed,
  Unknown,
  UnsentEvent,
  WaitingForQuota,
} from './events.js'
export { type LogLevel, type Logger, type LoggerOptions, type LogRecord, setLogger } from './logs.js'
export type { CallReport, ClientOptions, Stats } from './options.js'
export { AvatarIterator, type TakeOptions } from './iterator.js'
export { ReplyStream } from './reply-stream.js'
export { type PlatformUser, Visitor, type VisitorDetails, type VisitorLike } from './visitor.js'
