/** The client: one for each API key. */

import { type CallOptions, Conversation, type DeadlineOptions } from './conversation.js'
import { callReportOf } from './contract/plain.js'
import type { AvatarEvent } from './contract/events.js'
import type { ClientOptions, NativeOptions } from './contract/options.js'
import type { Stats } from './contract/reports.js'
import { OPTIONS } from './contract/tables.js'
import { AvatarEmitter } from './emitter.js'
import { EventStream } from './event-stream.js'
import { calledFrom, guarded, misuse } from './failures.js'
import { type Known, known, unknownOption } from './known.js'
import { setLogger, startLogging } from './logs.js'
import { type NativeChat, type NativeClient, type NativeEvents, native } from './native.js'
import { type ClientEar, call, leave, listen, port, SIGNAL, stay } from './port.js'
import { Visitor, type VisitorLike } from './visitor.js'

/** Options of {@link AvatarClient.recover}. */
export interface RecoverOptions extends CallOptions {
  /**
   * Opens every visitor of the store who has a session, so that what the avatar's owner says to them is heard without
   * their writing first. With `maxLive` no more than so many: those with messages to be sent, then those saved last.
   */
  readonly all?: boolean | undefined
}

const DEADLINE: Known = { deadlineMs: 'number', ...SIGNAL }
const RECOVER: Known = { all: 'boolean', ...SIGNAL }

/** Clients with open conversations: these are not collected, as sockets are not. */
const occupied = new Set<AvatarClient>()

/**
 * A client for one API key, that is for one avatar.
 *
 * ```ts
 * const client = new AvatarClient({ apiKey: 'sk-…' })
 * const chat = await client.open({ platform: 'web', userId: 'u-1', name: 'Ada' })
 * console.log(chat.opening, (await chat.ask('Hello')).text)
 * await client.close()
 * ```
 *
 * The events of all its conversations are there three times: `client.on('reply', …)`, `for await (const event of
 * client)`, and {@link events}.
 *
 * While it has open conversations, or a call is under way, the process stays alive; after `close` it ends.
 */
export class AvatarClient extends AvatarEmitter implements AsyncIterable<AvatarEvent> {
  readonly #native: NativeClient
  /** The port holds its listeners weakly, so somebody has to hold this one. */
  readonly #ear: ClientEar
  readonly #chats = new Map<string, WeakRef<Conversation>>()
  readonly #gone = new FinalizationRegistry<string>((visitor) => {
    if (this.#chats.get(visitor)?.deref() === undefined) this.#chats.delete(visitor)
  })
  #isOccupied = false
  #isRef = true
  #stays = false

  /**
   * Makes a client. Nothing is sent yet.
   *
   * @throws {@link MisuseError} if an option is wrong, or there is no API key; {@link StoreError} if the store cannot
   * be opened.
   */
  constructor(given: ClientOptions = {}) {
    super()
    const { onCall, logger, proxy, ...rest } = given
    const site = calledFrom(AvatarClient)
    const unknown = unknownOption(given, OPTIONS)
    if (unknown !== undefined) throw misuse(`there is no option \`${unknown}\`: look at \`ClientOptions\``, site)
    if (onCall !== undefined && typeof onCall !== 'function') {
      throw misuse(`\`onCall\` has to be a function, and is of type ${typeof onCall}`, site)
    }
    const network = proxy === false ? { noProxy: true } : { proxy }
    const options: NativeOptions = { ...rest, ...network, language }
    logger === undefined ? startLogging() : setLogger(logger)
    const make = () => new (native().NativeClient)(port(), options, onCall !== undefined)
    this.#native = guarded(make, site)
    this.#ear = {
      occupied: (isOccupied) => {
        this.#isOccupied = isOccupied
        this.#stayIfNeeded()
      },
      report: (json) => {
        if (onCall !== undefined) this.told(onCall, callReportOf(JSON.parse(json)))
      },
    }
    listen(this.#native.id, this.#ear)
  }

  /**
   * Opens the conversation of this visitor; 30 s, if no deadline says otherwise.
   *
   * A visitor who has one already gets the same one, and whoever opens it at the same time joins. A visitor whose
   * conversation was closed goes on with the same session.
   */
  open(visitor: VisitorLike, options: DeadlineOptions = {}): Promise<Conversation> {
    const site = calledFrom(this.open)
    const begin = () => {
      const { id, name, channel, tag } = Visitor.from(visitor, site)
      return this.#native.open(id, name, channel, tag, options.deadlineMs)
    }
    return call(begin, (chat: NativeChat) => this.#known(chat), site, options, DEADLINE)
  }

  /**
   * Takes up what earlier processes left behind in the store: opens the conversation of every visitor to whom a
   * durable message is still to be sent, with `all` of every visitor who has a session, and says who they are. It does
   * not wait for them to be open. What is given up comes as an `unsent` event, so listen first.
   */
  recover(options: RecoverOptions = {}): Promise<string[]> {
    const site = calledFrom(this.recover)
    const begin = () => this.#native.recover(options.all ?? false)
    return call(begin, (visitors: string) => JSON.parse(visitors) as string[], site, options, RECOVER)
  }

  /**
   * The visitors of whom the store keeps something, each with the name, the channel and the tag it was last given; the
   * one whose record was saved last first. Without a store there are none.
   */
  known(options: CallOptions = {}): Promise<Visitor[]> {
    const read = (visitors: string) => (JSON.parse(visitors) as Parameters<typeof Visitor.known>).map(Visitor.known)
    return call(() => this.#native.known(), read, calledFrom(this.known), options)
  }

  /**
   * Copies the store into a file while it is in use: a whole store, which another client can be given. It takes the place
   * of an earlier copy. Only one of the two may then be used, and a store's file is not to be copied by other means while
   * it is open.
   *
   * Rejects with an {@link UnsupportedError} if there is no store, with a {@link StoreError} if the file cannot be
   * written, is in use as a store, or is anything else than a store.
   */
  backup(path: string, options: CallOptions = {}): Promise<void> {
    return call(
      () => this.#native.backup(path),
      () => {},
      calledFrom(this.backup),
      options,
    )
  }

  /** Subscribes to the events of all conversations, those that are opened later too. */
  override events(options: CallOptions = {}): EventStream {
    known(options, SIGNAL, calledFrom(this.events))
    options.signal?.throwIfAborted()
    return EventStream.of(this.#native.events(), options.signal)
  }

  /** What happens from now on, in all conversations: `for await (const event of client)`. */
  [Symbol.asyncIterator](): EventStream {
    return this.events()
  }

  /** Host and port of the proxy between this machine and the service, if there is one. */
  get proxy(): string | undefined {
    return this.#native.proxy ?? undefined
  }

  /** What has been counted so far. */
  stats(): Stats {
    return JSON.parse(this.#native.stats()) as Stats
  }

  /**
   * Closes all conversations, each after sending what is still to be sent, within 5 s if no deadline says otherwise.
   * What could not be sent by then is handed back to whoever waits for it. From the beginning of this on every other
   * call is a {@link ClosedError}. Closing twice is no error.
   */
  close(options: DeadlineOptions = {}): Promise<void> {
    return call(
      () => this.#native.close(options.deadlineMs),
      () => {},
      calledFrom(this.close),
      options,
      DEADLINE,
    )
  }

  /** `await using client = new AvatarClient()` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Open conversations keep the process alive; so it is, if {@link unref} has not been called. */
  ref(): this {
    this.#isRef = true
    this.#stayIfNeeded()
    return this
  }

  /** Open conversations do not keep the process alive. A call under way does. */
  unref(): this {
    this.#isRef = false
    this.#stayIfNeeded()
    return this
  }

  /**
   * Puts the client's clock forward, for tests: heartbeats, expiries, retries and deadlines that lie on the way are due
   * at once, and what they are for is begun when this returns. The emulator has a clock of its own: `emulator.advance(ms)`.
   */
  advanceClock(ms: number): void {
    const site = calledFrom(this.advanceClock)
    guarded(() => this.#native.advanceClock(ms), site)
  }

  /** @internal */
  protected override subscribe(): NativeEvents {
    return this.#native.events()
  }

  /** The same conversation is the same object, as long as it is open. */
  #known(native: NativeChat): Conversation {
    const visitor = native.visitorId
    const known = this.#chats.get(visitor)?.deref()
    if (known !== undefined && known.state !== 'closed') return known
    const chat = Conversation.of(native, this)
    this.#chats.set(visitor, new WeakRef(chat))
    this.#gone.register(chat, visitor)
    return chat
  }

  #stayIfNeeded(): void {
    if (this.#isOccupied) occupied.add(this)
    else occupied.delete(this)
    const stays = this.#isOccupied && this.#isRef
    if (stays === this.#stays) return
    this.#stays = stays
    stays ? stay() : leave()
  }
}

const language = process.versions.bun === undefined ? `node/${process.versions.node}` : `bun/${process.versions.bun}`
