/** What happens in a conversation. */

import { type AvatarError, type Failure, failed, type Unsent } from './errors.js'
import type { NativeBatch } from './native.js'
import type { CallReport } from './options.js'

/**
 * Where a conversation stands: being opened for the first time; open; on its way back; has given up its socket on
 * purpose and wakes on the next message; sends what is still to be sent; closed for good.
 */
export type State = 'opening' | 'live' | 'reconnecting' | 'paused' | 'closing' | 'closed'

/** Who says something: the AI, the person behind it, or whoever talks with them. */
export type Author = 'avatar' | 'owner' | 'visitor'

/** A part of a message: text, or a card that an app shows otherwise. */
export type Part = TextPart | CardPart

/** Text. */
export interface TextPart {
  readonly type: 'text'
  readonly text: string
}

/** A card. */
export interface CardPart {
  readonly type: 'card'
  /** The kind of card, such as `StandardCard`, `image` or `citation`; empty where the service's could not be read. */
  readonly template: string
  /** Its parameters. Whole numbers that a JavaScript number would not keep exact are texts. */
  readonly params: unknown
}

/** A whole reply, by the avatar or by its owner. */
export interface Reply {
  /** Its id; the pieces of a streamed reply share it. */
  readonly id?: string
  /** Who says it. */
  readonly author: Author
  /** All its text. */
  readonly text: string
  /** Its text and its cards, in order. */
  readonly parts: readonly Part[]
  /** What it draws on, as the service says it. */
  readonly sources: readonly unknown[]
  /** Audio clips of it, as the service names them. */
  readonly speech: readonly unknown[]
  /**
   * The message that it answers, where that is certain: the service does not name it. There is none where another
   * message, to which no answer has come, may be meant as well.
   */
  readonly inReplyTo?: string
  /**
   * How its end was known: it came whole; by the service's mark; by silence, since the mark never came; or it was
   * longer than is put together, and the rest is another reply under the same id.
   */
  readonly ended: 'whole' | 'mark' | 'silence' | 'limit'
  /**
   * An `ask` or a `stream` receives this reply as well: whoever listens and asks hears it twice, and passes over the
   * events that say so.
   */
  readonly asked: boolean
}

/** What every event has. */
export interface EventBase {
  /** The visitor. */
  readonly visitorId: string
  /** The program's own tag of the visitor, where it has one: see {@link VisitorDetails.tag}. */
  readonly tag: string | undefined
  /** The session, once the service has named it. A text: its 64 bits are more than a JavaScript number keeps. */
  readonly sessionId: string | undefined
  /** Which of the visitor's conversations, where it is one. The one that `open` gives is 0. */
  readonly conversation: number | undefined
  /** The JSON text of the frame that it came from, where it came from one; of the last one, if from several. */
  readonly raw: string | undefined
}

/** The conversation is open: messages can be sent. */
export interface Opened extends EventBase {
  readonly type: 'opened'
  /** The avatar's opening line; may be empty. */
  readonly opening: string
  /** The conversation goes on with a session that was there before. */
  readonly resumed: boolean
}

/** The conversation's state is another one. */
export interface StateChanged extends EventBase {
  readonly type: 'stateChanged'
  readonly from: State
  readonly to: State
}

/** The next piece of the avatar's reply. A whole reply is one piece. */
export interface ReplyDelta extends EventBase {
  readonly type: 'replyDelta'
  /** The reply it belongs to. */
  readonly replyId: string | undefined
  /** The next piece of its text; empty where a piece is a card. */
  readonly text: string
  /** The message that it answers, where that is certain. */
  readonly inReplyTo: string | undefined
  /** An `ask` or a `stream` waits for this reply, and receives it as well. */
  readonly asked: boolean
}

/**
 * The avatar's reply is complete. One that an `ask` or a `stream` waits for comes as an event too, before that call is
 * fulfilled: see {@link Reply.asked}.
 */
export interface ReplyEvent extends EventBase, Reply {
  readonly type: 'reply'
}

/** The avatar's owner has taken over and says something in person. */
export interface OwnerReply extends EventBase, Reply {
  readonly type: 'ownerReply'
}

/**
 * The avatar's owner has the conversation: the avatar may be silent from now on. Comes before the first `ownerReply`,
 * since only what the owner says shows it.
 */
export interface TakenOver extends EventBase {
  readonly type: 'takenOver'
}

/** The avatar speaks again: the owner has given the conversation back. Comes before what it says. */
export interface HandedBack extends EventBase {
  readonly type: 'handedBack'
}

/** The service has sent a visitor's message back: it stands in the conversation. */
export interface Delivered extends EventBase {
  readonly type: 'delivered'
  readonly messageId?: string
  readonly text: string
}

/** A message is given up for which nobody waits any more. Here it is back. */
export interface UnsentEvent extends EventBase {
  readonly type: 'unsent'
  readonly message: Unsent
  /** Why. */
  readonly error: AvatarError
}

/** A message of the service that is no reply. */
export interface Notice extends EventBase {
  readonly type: 'notice'
  /** A grey line; something to ask next; a task of the avatar; a notification. */
  readonly kind: 'hint' | 'recommend' | 'task' | 'notice'
  /** Its text, where it has one. */
  readonly text: string
}

/** The service says that something failed. */
export interface ServiceErrorEvent extends EventBase {
  readonly type: 'serviceError'
  /** Its code, such as `session.openai.error`; empty where it gives none. */
  readonly code: string
  /** Its own words. */
  readonly reason?: string
  /** What it offers to do about it. */
  readonly actions: readonly unknown[]
  /** The message it is about, where it is about one. */
  readonly messageId?: string
  /** Whether the same message may succeed later. */
  readonly retryable: boolean
}

/** A text that came without saying for which of the visitor's open conversations. */
export interface Unattributed extends EventBase {
  readonly type: 'unattributed'
  readonly author: Author
  readonly text: string
}

/** The socket is lost; it is connected again on its own. */
export interface Disconnected extends EventBase {
  readonly type: 'disconnected'
  /** When the next attempt is made. Not before that; perhaps later. */
  readonly retryInMs: number
  /** Why it was lost, or why the last attempt to connect again failed. */
  readonly cause: AvatarError
}

/** The socket is back. */
export interface Reconnected extends EventBase {
  readonly type: 'reconnected'
  /** Frames that came in between: they have been handed on; there were none; or the service could not be asked. */
  readonly gap: 'filled' | 'none' | 'unknown'
  /** How many, where the gap is filled. */
  readonly frames?: number
}

/** The quota of the API key is used up, and opening waits for it. */
export interface WaitingForQuota extends EventBase {
  readonly type: 'waitingForQuota'
  /** How long, as it looks now. */
  readonly waitMs: number
}

/** The conversation is closed. No event follows this one. */
export interface Closed extends EventBase {
  readonly type: 'closed'
  /** The program closed it; the service ended the session; or it could not be opened or go on. */
  readonly reason: 'requested' | 'session_ended' | 'failed'
  /** Why it failed. */
  readonly error?: AvatarError
}

/** A frame that stands for none of these. See {@link EventBase.raw}. */
export interface Unknown extends EventBase {
  readonly type: 'unknown'
}

/** Something that happened in one conversation: which kind of thing it is, `type` says. */
export type AvatarEvent =
  | Opened
  | StateChanged
  | ReplyDelta
  | ReplyEvent
  | OwnerReply
  | TakenOver
  | HandedBack
  | Delivered
  | UnsentEvent
  | Notice
  | ServiceErrorEvent
  | Unattributed
  | Disconnected
  | Reconnected
  | WaitingForQuota
  | Closed
  | Unknown

/** The types of events. */
export type AvatarEventType = AvatarEvent['type']

/**
 * What listeners of an event are called with. `event` is every event; `error` is no event of the conversation, but what
 * a listener has thrown.
 */
export type AvatarEventMap = {
  [Type in AvatarEventType]: [event: Extract<AvatarEvent, { type: Type }>]
} & {
  event: [event: AvatarEvent]
  /** What a listener, or `onCall`, threw or was rejected with, and what it was called with. */
  error: [reason: unknown, during: AvatarEvent | CallReport]
}

const NAMES: Readonly<Record<AvatarEventType | 'event', true>> = {
  opened: true,
  stateChanged: true,
  replyDelta: true,
  reply: true,
  ownerReply: true,
  takenOver: true,
  handedBack: true,
  delivered: true,
  unsent: true,
  notice: true,
  serviceError: true,
  unattributed: true,
  disconnected: true,
  reconnected: true,
  waitingForQuota: true,
  closed: true,
  unknown: true,
  event: true,
}

/** @internal What can be waited for. */
export const EVENT_NAMES: readonly string[] = Object.keys(NAMES)

type Whose = readonly [visitorId: string, sessionId: string | null, conversation: number | null, tag: string | null]

/** The frame lies in the batch until somebody asks for it; all else is the event's own. */
abstract class Happening<Type extends AvatarEventType> implements EventBase {
  readonly type: Type
  readonly visitorId: string
  readonly tag: string | undefined
  readonly sessionId: string | undefined
  readonly conversation: number | undefined
  readonly #batch: NativeBatch
  readonly #at: number

  constructor(type: Type, whose: Whose, batch: NativeBatch, at: number) {
    this.type = type
    this.visitorId = whose[0]
    this.tag = whose[3] ?? undefined
    this.sessionId = whose[1] ?? undefined
    this.conversation = whose[2] ?? undefined
    this.#batch = batch
    this.#at = at
  }

  get raw(): string | undefined {
    return this.#batch.frame(this.#at) ?? undefined
  }
}

/** By far the most events are these. */
class Delta extends Happening<'replyDelta'> implements ReplyDelta {
  readonly replyId: string | undefined
  readonly text: string
  readonly inReplyTo: string | undefined
  readonly asked: boolean

  constructor(
    whose: Whose,
    batch: NativeBatch,
    at: number,
    replyId: string | undefined,
    text: string,
    inReplyTo: string | undefined,
    asked: boolean,
  ) {
    super('replyDelta', whose, batch, at)
    this.replyId = replyId
    this.text = text
    this.inReplyTo = inReplyTo
    this.asked = asked
  }
}

class Other extends Happening<AvatarEventType> {
  constructor(whose: Whose, batch: NativeBatch, at: number, fields: Fields) {
    super(fields.type, whose, batch, at)
    if (fields.error !== undefined) fields.error = failed(fields.error as Failure)
    if (fields.cause !== undefined) fields.cause = failed(fields.cause as Failure)
    Object.assign(this, fields)
  }
}

for (const type of [Delta, Other]) Object.defineProperty(type, 'name', { value: 'AvatarEvent' })

interface Fields {
  readonly type: AvatarEventType
  error?: unknown
  cause?: unknown
}

/** @internal The events of a batch; `NativeBatch::json` in `node/src/events.rs` says what it looks like. */
export function eventsOf(batch: NativeBatch): AvatarEvent[] {
  const list = JSON.parse(batch.json()) as unknown[]
  const events: AvatarEvent[] = []
  const named: Whose[] = []
  let replyId: string | undefined
  let inReplyTo: string | undefined
  let at = 0
  while (at < list.length) {
    // What the list begins an event with: 0, or for a piece 1, and 2 if it was asked for.
    const kind = list[at]
    let whose = list[at + 1] as Whose | number
    if (typeof whose === 'number') whose = named[whose] as Whose
    else named.push(whose)
    if (kind !== 0) {
      replyId = idOf(list[at + 2], replyId)
      inReplyTo = idOf(list[at + 4], inReplyTo)
      events.push(
        new Delta(
          whose,
          batch,
          events.length,
          list[at + 2] === null ? undefined : replyId,
          list[at + 3] as string,
          list[at + 4] === null ? undefined : inReplyTo,
          kind === 2,
        ),
      )
      at += 5
    } else {
      events.push(new Other(whose, batch, events.length, list[at + 2] as Fields) as unknown as AvatarEvent)
      at += 3
    }
  }
  return events
}

/** 0 is the one before; where there is none now, the one before stays. */
function idOf(id: unknown, before: string | undefined): string | undefined {
  return typeof id === 'string' ? id : before
}
