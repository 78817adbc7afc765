/** A conversation with the avatar. */

import type { AvatarEvent } from './contract/events.js'
import { historyMessageOf } from './contract/plain.js'
import type { HistoryMessage, Reply, Sent, State } from './contract/values.js'
import { AvatarEmitter } from './emitter.js'
import { EventStream } from './event-stream.js'
import { calledFrom, guarded, misuse, type Site } from './failures.js'
import { type Known, known } from './known.js'
import type { NativeChat, NativeEvents } from './native.js'
import { call, SIGNAL } from './host-queue.js'
import { quiet } from './quiet.js'
import { ReplyStream } from './reply-stream.js'

/** Options of any call. */
export interface CallOptions {
  /**
   * Cancels the call: its promise is rejected with the signal's reason. A message that has not gone out yet is not
   * sent. One whose fate is unknown comes back as an `unsent` event.
   */
  readonly signal?: AbortSignal | undefined
}

/** Options of a subscription to events. */
export interface EventsOptions extends CallOptions {
  /** Whether each event has the frame that it came of, as `raw`. Default: true. Without, events cost less. */
  readonly raw?: boolean | undefined
}

/** Options of a call with a deadline of its own. */
export interface DeadlineOptions extends CallOptions {
  /** The time limit of the call in milliseconds, retries and waits included. */
  readonly deadlineMs?: number | undefined
}

/** Options of a call that says something. */
export interface MessageOptions extends DeadlineOptions {
  /**
   * The id under which the message goes out; {@link newMessageId} makes one. A program that keeps it before it asks finds
   * out after a crash whether the service took the message: `history` has it under this id. An id of another form, or one
   * under which a message of this visitor has gone out or waits, is a {@link MisuseError}, and nothing is sent; one that
   * was handed back may be used again. Visitor Chat takes no ids: there it names the message in this client only.
   */
  readonly messageId?: string | undefined
}

/** Options of a question. */
export interface AskOptions extends MessageOptions {
  /** How long the first piece of the reply may take, in milliseconds. Default: 60,000. */
  readonly firstPieceDeadlineMs?: number | undefined
  /**
   * Waits for all messages of the avatar's turn, which is over when the avatar has been silent for so many milliseconds.
   * The reply has their texts, each on a line of its own, and their parts, sources and speech in order. Without it the
   * first message is the answer, and the others come as events.
   */
  readonly collectMs?: number | undefined
}

/** Options of a durable message. */
export interface DurableOptions extends MessageOptions {
  /**
   * Keeps the message in the client's store until the service has taken it. Default deadline: 24 h. The promise is
   * fulfilled with the message's id when the message is stored; `delivered` and `unsent` events name it.
   */
  readonly durable: true
}

/** Options of `history`. */
export interface HistoryOptions extends CallOptions {
  /** How many messages, from 1 to 1000. Default: 50. */
  readonly count?: number | undefined
  /** The {@link HistoryMessage.seqId} of a message: gives what came before it. */
  readonly before?: string | undefined
}

/**
 * A conversation with the avatar; `client.open` gives it.
 *
 * ```ts
 * const reply = await chat.ask('Hello')
 * for await (const piece of chat.stream('Tell me more')) process.stdout.write(piece)
 * chat.on('ownerReply', (reply) => console.log(`${reply.text} (the owner, in person)`))
 * for await (const event of chat) …
 * ```
 *
 * It keeps the process alive until it is closed, as a socket does; see `client.unref()`.
 */
export class Conversation extends AvatarEmitter implements AsyncIterable<AvatarEvent> {
  readonly #native: NativeChat

  readonly #client: AvatarEmitter

  private constructor(native: NativeChat, client: AvatarEmitter) {
    super(client)
    this.#native = native
    this.#client = client
  }

  /** @internal */
  static of(native: NativeChat, client: AvatarEmitter): Conversation {
    return new Conversation(native, client)
  }

  /** The avatar's opening line; may be empty. */
  get opening(): string {
    return this.#native.opening
  }

  /** The avatar's name; may be empty. */
  get avatarName(): string {
    return this.#native.avatarName
  }

  /** The number of the conversation among the visitor's; events have it as `conversation`. `open` gives number 0. */
  get key(): number {
    return this.#native.key
  }

  /** The id of the visitor. */
  get visitorId(): string {
    return this.#native.visitorId
  }

  /** The program's own tag of the visitor: see {@link VisitorDetails.tag}. */
  get tag(): string | undefined {
    return this.#native.tag ?? undefined
  }

  /** The session's id on the service. */
  get sessionId(): string | undefined {
    return this.#native.sessionId ?? undefined
  }

  /** The state of the conversation. */
  get state(): State {
    return this.#native.state as State
  }

  /**
   * Whether the avatar's owner has taken over: the owner has spoken in person, and the avatar has not spoken since.
   *
   * Questions still go out meanwhile: the owner may answer several at once, or none. A question that the owner does not
   * answer in time fails with a {@link TakenOverError}.
   */
  get takenOver(): boolean {
    return this.#native.takenOver
  }

  /**
   * Sends a message and waits for the whole reply, by the avatar or by its owner. Default deadline: 120 s.
   *
   * Questions of one conversation are answered in order: the second goes out when the first is answered. The reply also
   * comes as an event, with `asked`.
   */
  ask(text: string, options: AskOptions = {}): Promise<Reply> {
    const site = calledFrom(this.ask)
    const { deadlineMs, firstPieceDeadlineMs, collectMs, messageId } = options
    const begin = () => this.#native.ask(said(text, site), deadlineMs, firstPieceDeadlineMs, collectMs, messageId)
    return call(begin, (reply: string) => quiet(JSON.parse(reply) as Reply), site, options, ASK)
  }

  /**
   * Sends a message and gives the reply piece by piece. The question goes out at once. Default deadline: 120 s.
   *
   * @throws the signal's reason, if it is aborted already.
   */
  stream(text: string, options: AskOptions = {}): ReplyStream {
    const site = calledFrom(this.stream)
    known(options, ASK, site)
    options.signal?.throwIfAborted()
    const { deadlineMs, firstPieceDeadlineMs, collectMs, messageId } = options
    const begin = () => this.#native.stream(said(text, site), deadlineMs, firstPieceDeadlineMs, collectMs, messageId)
    return ReplyStream.of(guarded(begin, site), site, options.signal)
  }

  /**
   * Sends a message. The promise is fulfilled when the service has taken it. Default deadline: 15 s.
   *
   * While the socket is down the message waits, and a lost answer does not send it twice. A message that is given up
   * comes back with the error: {@link AvatarError.unsent}.
   */
  send(text: string, options: DurableOptions): Promise<string>
  send(text: string, options?: MessageOptions): Promise<Sent>
  send(text: string, options: MessageOptions & { durable?: boolean } = {}): Promise<Sent | string> {
    const site = calledFrom(this.send)
    if (options.durable) {
      const begin = () => this.#native.sendDurable(said(text, site), options.deadlineMs, options.messageId)
      return call(begin, (id: string) => JSON.parse(id) as string, site, options, SEND)
    }
    const begin = () => this.#native.send(said(text, site), options.deadlineMs, options.messageId)
    return call(begin, (sent: string) => JSON.parse(sent) as Sent, site, options, SEND)
  }

  /** Subscribes to what happens in this conversation from now on. */
  override events(options: EventsOptions = {}): EventStream {
    known(options, EVENTS, calledFrom(this.events))
    options.signal?.throwIfAborted()
    return EventStream.of(this.#native.events(options.raw ?? true), options.signal)
  }

  /** Subscribes to what happens from now on: `for await (const event of chat)`. */
  [Symbol.asyncIterator](): EventStream {
    return this.events()
  }

  /**
   * Gives the last messages, oldest first. Default deadline: 30 s.
   *
   * Rejects with an {@link UnsupportedError} where the service has no history.
   */
  history(options: HistoryOptions = {}): Promise<HistoryMessage[]> {
    const site = calledFrom(this.history)
    const begin = () => this.#native.history(options.count ?? 50, options.before)
    const read = (messages: string): HistoryMessage[] => JSON.parse(messages).map(historyMessageOf).map(quiet)
    return call(begin, read, site, options, HISTORY)
  }

  /** Opens another conversation of the same visitor, with its own session, on the same socket. */
  newSession(options: CallOptions = {}): Promise<Conversation> {
    const beside = (native: NativeChat) => Conversation.of(native, this.#client)
    return call(() => this.#native.newSession(), beside, calledFrom(this.newSession), options)
  }

  /**
   * Pauses the visitor: all conversations of the visitor give up their socket and keep their sessions. What is said
   * meanwhile comes after {@link resume}.
   */
  pause(options: CallOptions = {}): Promise<void> {
    return call(() => this.#native.pause(), nothing, calledFrom(this.pause), options)
  }

  /** Connects again after a {@link pause}. The next message does so too. */
  resume(options: CallOptions = {}): Promise<void> {
    return call(() => this.#native.resume(), nothing, calledFrom(this.resume), options)
  }

  /** Reports that the network has changed: the socket is connected again now, not when its silence is noticed. */
  networkChanged(options: CallOptions = {}): Promise<void> {
    return call(() => this.#native.networkChanged(), nothing, calledFrom(this.networkChanged), options)
  }

  /**
   * Closes the conversation once its waiting messages are sent, within the client's `closeDeadlineMs`. Opening the
   * visitor again resumes the same session.
   */
  close(options: CallOptions = {}): Promise<void> {
    return call(() => this.#native.close(), nothing, calledFrom(this.close), options)
  }

  /** Closes the conversation and ends its session on the service: the next `open` begins a new one. */
  end(options: CallOptions = {}): Promise<void> {
    return call(() => this.#native.end(), nothing, calledFrom(this.end), options)
  }

  /** `await using chat = await client.open(…)` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal */
  protected override subscribe(): NativeEvents {
    return this.#native.events(true)
  }
}

/** @internal The options of {@link EventsOptions}. */
export const EVENTS: Known = { raw: 'boolean', ...SIGNAL }
const SEND: Known = { deadlineMs: 'number', durable: 'boolean', messageId: 'string', ...SIGNAL }
const ASK: Known = {
  deadlineMs: 'number',
  firstPieceDeadlineMs: 'number',
  collectMs: 'number',
  messageId: 'string',
  ...SIGNAL,
}
const HISTORY: Known = { count: 'number', before: 'string', ...SIGNAL }

/** Only a string can be sent. */
function said(text: string, site: Site): string {
  if (typeof text === 'string') return text
  throw misuse(`a message is a string, not ${text === null ? 'null' : `of type ${typeof text}`}`, site)
}

function nothing(): void {}
