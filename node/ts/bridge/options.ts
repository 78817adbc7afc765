/** How a bridge is set up, and what it is told. */

import type { AskOptions } from '../conversation.js'
import type { VisitorLike } from '../visitor.js'
import type { Clock } from './clock.js'
import type { Outlet } from './outlet.js'
import type { Language, Sentences } from './sentences.js'

/** A person of the platform. */
export interface PlatformUser {
  /** The platform's id of the person, which it has verified. */
  readonly id: string
  /** The name that the avatar's owner sees. */
  readonly name?: string | undefined
  /** The workspace, company or tenant to which the id belongs, where ids are unique in one only. */
  readonly tenant?: string | undefined
}

/** A message of the platform. */
export interface IncomingMessage {
  /** The platform's id of the message: the same for each delivery of it. */
  readonly id: string
  readonly user: PlatformUser
  /** Where to answer: a text by which the outlet finds the place again. It is kept in the store. At most 4 KiB. */
  readonly address: string
  /** What the person says; empty where it is no text. */
  readonly text: string
  /** The thread, where `sessions` is `'thread'`. */
  readonly thread?: string | undefined
  /** Whether it holds something that is no text: a picture, a file, speech. */
  readonly hasOtherParts?: boolean | undefined
}

/**
 * What a bridge was doing.
 *
 * - `accept`: It kept a message, or where the visitor is.
 * - `answer`: It asked the avatar, or showed the answer.
 * - `post`: It made a call of the platform, which it makes again.
 * - `push`: It said what nothing had asked for.
 * - `recover`: It opened the visitors whom the store knows.
 */
export type During = 'accept' | 'answer' | 'post' | 'push' | 'recover'

/** What an error of {@link BridgeOptions.onError} is about. */
export interface ErrorContext {
  readonly during: During
  readonly visitorId?: string | undefined
  /** The platform's id of the message. */
  readonly messageId?: string | undefined
}

/** Options of a {@link Bridge}. Times are in milliseconds. */
export interface BridgeOptions {
  /** The platform's name, as in `Visitor.forUser`: `slack`. Bridges of one client have different ones. */
  readonly platform: string
  /** What the platform offers. */
  readonly outlet: Outlet
  /** The language of the built-in sentences. Default: `en`. */
  readonly language?: Language | undefined
  /** Sentences in the place of built-in ones. */
  readonly sentences?: Partial<Sentences> | undefined
  /** The owner's name, above what the owner says in person. Default: the avatar's name, or `The owner` before it is known. */
  readonly ownerName?: string | undefined
  /** The channel of the visitors, which the owner sees behind their names. Default: the platform's name. */
  readonly channel?: string | undefined
  /** Whether a person has one session, or one for each thread. Default: `person`. */
  readonly sessions?: 'person' | 'thread' | undefined
  /**
   * Which visitor a person is, in the place of `Visitor.forUser(platform, 'tenant.user.thread')`, of which there
   * are the parts that the message has. In each, `%` is written as `%25` and `.` as `%2E`.
   */
  readonly visitorOf?: ((user: PlatformUser, message: IncomingMessage) => VisitorLike) | undefined
  /** Options of the questions, such as `collectMs`. */
  readonly ask?: Pick<AskOptions, 'deadlineMs' | 'firstPieceDeadlineMs' | 'collectMs'> | undefined
  /** Whether `start` opens all visitors of the store, so that the owner is heard before they write. Default: yes. */
  readonly listen?: boolean | undefined
  /** How long the platform's ids of messages are kept. Default: 7 days. */
  readonly keepIdsMs?: number | undefined
  /** How long a call that the platform fails is tried again. Default: 10 minutes. */
  readonly patienceMs?: number | undefined
  /**
   * Is told of every failure that no call is rejected with, those of calls that are made again too. Default: a line on
   * stderr.
   */
  readonly onError?: ((error: unknown, context: ErrorContext) => void) | undefined
  /** The time, which a test may put forward. Default: the machine's. */
  readonly clock?: Clock | undefined
}
