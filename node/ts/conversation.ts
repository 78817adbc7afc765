/** A conversation with the avatar. */

import type { AvatarEvent } from './contract/events.js'
import { historyMessageOf } from './contract/plain.js'
import type { HistoryMessage, Reply, Sent, State } from './contract/values.js'
import { AvatarEmitter } from './emitter.js'
import { EventStream } from './event-stream.js'
import { calledFrom, guarded, misuse, type Site } from './failures.js'
import { type Known, known } from './known.js'
import type { NativeChat, NativeEvents } from './native.js'
import { call, SIGNAL } from './port.js'
import { ReplyStream } from './reply-stream.js'

/** Options of any call. */
export interface CallOptions {
  /**
   * Gives the call up: its promise is rejected with the signal's reason. A message that has not gone out yet does not
   * go out any more; one of which that is not known comes back as an `unsent` event.
   */
  readonly signal?: AbortSignal | undefined
}

/** Options of a call with a deadline of its own. */
export interface DeadlineOptions extends CallOptions {
  /** The whole time for it, in milliseconds, its retries and waits included. */
  readonly deadlineMs?: number | undefined
}

/** Options of a question. */
export interface AskOptions extends DeadlineOptions {
  /** How long the first piece of the reply may take, in milliseconds; Default: 60 s. */
  readonly firstPieceDeadlineMs?: number | undefined
}

/** Options of a message that is kept until it is sent. */
export interface DurableOptions extends DeadlineOptions {
  /**
   * Keeps the message in the client's store until the service has taken it, for 24 h if no `deadlineMs` says
   * otherwise. The promise is fulfilled with the message's id when it is kept; `delivered` and `unsent` events name it.
   */
  readonly durable: true
}

/** Options of `history`. */
export interface HistoryOptions extends CallOptions {
  /** How many messages: 1 to 1000. Default: 50. */
  readonly count?: number | undefined
  /** The {@link HistoryMessage.seqId} of a message: hands back what came before it. */
  readonly before?: string | undefined
}

/**
 * A conversation with the avatar; `client.open` makes it.
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

  /** Which of the visitor's conversations: events name it in `conversation`. The one that `open` gives is 0. */
  get key(): number {
    return this.#native.key
  }

  /** Who talks with the avatar here. */
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

  /** Where the conversation stands. */
  get state(): State {
    return this.#native.state as State
  }

  /**
   * Whether the avatar's owner has the conversation: has said something in person, and the avatar nothing since.
   *
   * Questions are not held back meanwhile: the owner may answer several at once, or none. One that the owner does not
   * answer in time is a {@link TakenOverError}.
   */
  get takenOver(): boolean {
    return this.#native.takenOver
  }

  /**
   * Says something and waits for the whole reply, the avatar's or its owner's.
   *
   * Questions of one conversation are answered in order, never crossed: a second one goes out when the first is
   * answered. 120 s, if no deadline says otherwise. The reply comes as an event as well, with `asked`.
   */
  ask(text: string, options: AskOptions = {}): Promise<Reply> {
    const site = calledFrom(this.ask)
    const begin = () => this.#native.ask(said(text, site), options.deadlineMs, options.firstPieceDeadlineMs)
    return call(begin, (reply: string) => JSON.parse(reply) as Reply, site, options, ASK)
  }

  /**
   * Says something and hands on the reply piece by piece. The question goes out now.
   *
   * @throws the signal's reason, if it is aborted already.
   */
  stream(text: string, options: AskOptions = {}): ReplyStream {
    const site = calledFrom(this.stream)
    known(options, ASK, site)
    options.signal?.throwIfAborted()
    const begin = () => this.#native.stream(said(text, site), options.deadlineMs, options.firstPieceDeadlineMs)
    return ReplyStream.of(guarded(begin, site), site, options.signal)
  }

  /**
   * Says something. The service has taken the message when the promise is fulfilled; 15 s, if no deadline says
   * otherwise.
   *
   * While the socket is down the message waits, and a lost answer never makes it go out twice. One that is given up
   * comes back with the error: {@link AvatarError.unsent}.
   */
  send(text: string, options: DurableOptions): Promise<string>
  send(text: string, options?: DeadlineOptions): Promise<Sent>
  send(text: string, options: DeadlineOptions & { durable?: boolean } = {}): Promise<Sent | string> {
    const site = calledFrom(this.send)
    if (options.durable) {
      const begin = () => this.#native.sendDurable(said(text, site), options.deadlineMs)
      return call(begin, (id: string) => JSON.parse(id) as string, site, options, SEND)
    }
    const begin = () => this.#native.send(said(text, site), options.deadlineMs)
    return call(begin, (sent: string) => JSON.parse(sent) as Sent, site, options, SEND)
  }

  /** Subscribes to what happens in this conversation from now on. */
  override events(options: CallOptions = {}): EventStream {
    known(options, SIGNAL, calledFrom(this.events))
    options.signal?.throwIfAborted()
    return EventStream.of(this.#native.events(), options.signal)
  }

  /** What happens from now on: `for await (const event of chat)`. */
  [Symbol.asyncIterator](): EventStream {
    return this.events()
  }

  /**
   * The last messages, oldest first.
   *
   * Where the service does not offer it, that is an {@link UnsupportedError}.
   */
  history(options: HistoryOptions = {}): Promise<HistoryMessage[]> {
    const site = calledFrom(this.history)
    const begin = () => this.#native.history(options.count ?? 50, options.before)
    const read = (messages: string): HistoryMessage[] => JSON.parse(messages).map(historyMessageOf)
    return call(begin, read, site, options, HISTORY)
  }

  /** Opens another conversation of the same visitor, with a session of its own, on the same socket. */
  newSession(options: CallOptions = {}): Promise<Conversation> {
    const beside = (native: NativeChat) => Conversation.of(native, this.#client)
    return call(() => this.#native.newSession(), beside, calledFrom(this.newSession), options)
  }

  /**
   * Gives up the socket and keeps the place. Whatever is said meanwhile is there after {@link resume}. Other
   * conversations of the visitor rest with it.
   */
  pause(options: CallOptions = {}): Promise<void> {
    return call(() => this.#native.pause(), nothing, calledFrom(this.pause), options)
  }

  /** Comes back after a {@link pause}. The next message does so too. */
  resume(options: CallOptions = {}): Promise<void> {
    return call(() => this.#native.resume(), nothing, calledFrom(this.resume), options)
  }

  /** Says that the network is another one: the socket is connected again now, not when its silence is noticed. */
  networkChanged(options: CallOptions = {}): Promise<void> {
    return call(() => this.#native.networkChanged(), nothing, calledFrom(this.networkChanged), options)
  }

  /**
   * Closes the conversation once what is still to be sent is sent, within 5 s. Opening the visitor again goes on with
   * the same session.
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
    return this.#native.events()
  }
}

const SEND: Known = { deadlineMs: 'number', durable: 'boolean', ...SIGNAL }
const ASK: Known = { deadlineMs: 'number', firstPieceDeadlineMs: 'number', ...SIGNAL }
const HISTORY: Known = { count: 'number', before: 'string', ...SIGNAL }

/** What is said has to be a text. */
function said(text: string, site: Site): string {
  if (typeof text === 'string') return text
  throw misuse(`what is said is a text, and not ${text === null ? 'null' : `of type ${typeof text}`}`, site)
}

function nothing(): void {}
