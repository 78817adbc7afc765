/** The client: one for each API key. */

import { type CallOptions, Conversation, type DeadlineOptions, EVENTS, type EventsOptions } from './conversation.js'
import { callReportOf } from './contract/plain.js'
import type { AvatarEvent } from './contract/events.js'
import type { ClientOptions, NativeOptions } from './contract/options.js'
import type { Stats } from './contract/reports.js'
import { OPTIONS } from './contract/tables.js'
import { EventStream } from './event-stream.js'
import { calledFrom, guarded, misuse } from './failures.js'
import { anObject, type Known, known, unknownOption } from './known.js'
import { setLogger, startLogging } from './logs.js'
import { type NativeChat, type NativeClient, type NativeEvents, native } from './native.js'
import { People } from './people.js'
import { BATCH, call, hostQueue, leave, listen, SIGNAL, stay } from './host-queue.js'
import { Credentials } from './credentials.js'
import { answerSeal, checkSeal } from './seals.js'
import {
  answerRequests,
  type CredentialsFunction,
  credentialsText,
  type Door,
  tokenText,
  type VisitorChatOptions,
  visitorChatOf,
} from './tokens.js'
import { Visitor, type VisitorLike } from './visitor.js'

/** Options of {@link AvatarClient.recover}. */
export interface RecoverOptions extends CallOptions {
  /**
   * Also opens every visitor of the store who has a session, so that the avatar's owner is heard before the visitor
   * writes. `maxLive` limits how many: first those with messages to be sent, then those saved last.
   */
  readonly all?: boolean | undefined
}

/** Options of {@link AvatarClient.events}. */
export interface ClientEventsOptions extends EventsOptions {
  /**
   * Whether the events of all processes come that share the client's store in Redis, to watch or to count: of each
   * visitor in order, those of another process from a second later on, and at most once. Default: false, each event comes
   * in one process.
   */
  readonly allProcesses?: boolean | undefined
}

const DEADLINE: Known = { deadlineMs: 'number', ...SIGNAL }
const RECOVER: Known = { all: 'boolean', ...SIGNAL }
const CLIENT_EVENTS: Known = { allProcesses: 'boolean', ...EVENTS }

/** Clients with open conversations: they are not garbage-collected, as sockets are not. */
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
 * There are three ways to the events of all its conversations: `client.on('reply', …)`, `for await (const event of
 * client)`, and {@link events}.
 *
 * The process stays alive while the client has open conversations or a call is under way; after `close` it ends.
 */
export class AvatarClient extends People implements AsyncIterable<AvatarEvent> {
  readonly #native: NativeClient
  /** The queue holds its listeners weakly, so the client holds these, and `#tokens`. */
  readonly #occupied: () => void
  readonly #reported: () => void
  readonly #chats = new Map<string, WeakRef<Conversation>>()
  readonly #gone = new FinalizationRegistry<string>((visitor) => {
    if (this.#chats.get(visitor)?.deref() === undefined) this.#chats.delete(visitor)
  })
  readonly #tokens: (() => void) | undefined
  /** How the client that is being made comes to the service, where it is not through the Avatar Open API. */
  static #door: Door | undefined
  #isOccupied = false
  #isRef = true
  #stays = false

  /**
   * Creates a client. Nothing is sent yet.
   *
   * @throws {@link MisuseError} if an option is wrong, or there is no API key; {@link StoreError} if the store cannot
   * be opened.
   */
  constructor(given: ClientOptions = {}) {
    super()
    const door = AvatarClient.#door ?? {}
    AvatarClient.#door = undefined
    const site = calledFrom(AvatarClient)
    anObject(given, '{ apiKey }', site)
    const { onCall, logger, proxy, seal, ...rest } = given
    const unknown = unknownOption(given, OPTIONS)
    if (unknown !== undefined) throw misuse(`there is no option \`${unknown}\`: look at \`ClientOptions\``, site)
    if (onCall !== undefined && typeof onCall !== 'function') {
      throw misuse(`\`onCall\` has to be a function, and is of type ${typeof onCall}`, site)
    }
    if (seal !== undefined) checkSeal(seal, site)
    const network = proxy === false ? { noProxy: true } : { proxy }
    const options: NativeOptions = { ...rest, ...network, language }
    logger === undefined ? startLogging() : setLogger(logger)
    const make = () =>
      new (native().NativeClient)(
        hostQueue(),
        options,
        onCall !== undefined,
        door.app,
        door.token !== undefined,
        door.credentials !== undefined,
        seal !== undefined,
      )
    this.#native = guarded(make, site)
    const sealed = this.#native.takeSeal()
    if (sealed !== null && seal !== undefined) answerSeal(sealed, seal)
    this.#occupied = () => {
      this.#isOccupied = this.#native.isOccupied()
      this.#stayIfNeeded()
    }
    listen(this.#native.occupancyTicket, this.#occupied)
    this.#reported = () => {
      for (
        let reports = this.#native.drainReports(BATCH);
        reports?.length;
        reports = this.#native.drainReports(BATCH)
      ) {
        for (const report of reports) if (onCall !== undefined) this.told(onCall, callReportOf(JSON.parse(report)))
      }
    }
    if (this.#native.reportsTicket !== null) {
      listen(this.#native.reportsTicket, this.#reported)
      this.#reported()
    }
    if (door.token !== undefined) this.#tokens = answerRequests(this.#native, door.token, tokenText)
    if (door.credentials !== undefined) {
      this.#tokens = answerRequests(this.#native, door.credentials, credentialsText)
    }
  }

  /**
   * Creates a client that speaks through Visitor Chat, the service's other door. Nothing is sent yet.
   *
   * For an app that is registered with the service, it shows the app's own token for all its visitors, which it fetches
   * once and renews before it ends. The secret must not leave your backend.
   *
   * ```ts
   * const client = AvatarClient.visitorChat({ clientId: 'app-id', clientSecret: 'app-secret', apiKey: 'sk-…' })
   * ```
   *
   * For users of the service, a function gives the access token of each.
   *
   * ```ts
   * const client = AvatarClient.visitorChat({
   *   apiKey: 'sk-…',
   *   token: ({ visitorId, refused }) => users.tokenOf(visitorId, { refresh: refused }),
   * })
   * ```
   *
   * @throws {@link MisuseError} if an option is wrong, or one of the app's or the API key is missing.
   */
  static visitorChat<T extends typeof AvatarClient>(this: T, given: VisitorChatOptions = {}): InstanceType<T> {
    const [door, options] = visitorChatOf(given, calledFrom(AvatarClient.visitorChat))
    return AvatarClient.#through(door, () => new this(options) as InstanceType<T>)
  }

  /**
   * Creates a client without an API key, for an app: a function gives each visitor's {@link Credentials}, which a server
   * with the key gets with {@link authenticate}. All the rest works as with a key. Nothing is sent yet.
   *
   * The visitor to open is the one that the credentials name: the server knows who its user is, and the app does not
   * choose.
   *
   * ```ts
   * const client = AvatarClient.withCredentials(async ({ refused, signal }) => {
   *   const answer = await fetch('https://app.example/avatar', { method: 'POST', signal })
   *   return Credentials.fromJson(await answer.text())
   * })
   * ```
   *
   * The function is called once for each visitor of whom the client has none, in its store neither, and again where the
   * service has refused them. Its failures, its time limit and its end are those of `token` in {@link visitorChat}.
   * Credentials of another visitor than the one asked for are a {@link MisuseError}. Through the Avatar Open API only:
   * Visitor Chat wants the key in every call.
   *
   * @throws {@link MisuseError} if an option is wrong.
   */
  static withCredentials<T extends typeof AvatarClient>(
    this: T,
    credentials: CredentialsFunction,
    options: Omit<ClientOptions, 'apiKey'> = {},
  ): InstanceType<T> {
    const site = calledFrom(AvatarClient.withCredentials)
    if (typeof credentials !== 'function') {
      throw misuse("`credentials` takes a function that gives a visitor's credentials, and not the credentials", site)
    }
    anObject(options, "{ baseUrl: '…' }", site)
    if ('apiKey' in options) throw misuse('a client with `credentials` has no `apiKey`: leave it out', site)
    return AvatarClient.#through({ credentials }, () => new this(options) as InstanceType<T>)
  }

  static #through<T>(door: Door, make: () => T): T {
    AvatarClient.#door = door
    try {
      return make()
    } finally {
      AvatarClient.#door = undefined
    }
  }

  /**
   * Opens the conversation of this visitor. Default deadline: 30 s.
   *
   * Where the visitor's conversation is open or being opened, the call gives that one. A visitor whose conversation was
   * closed resumes the same session.
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
   * Gets a visitor's {@link Credentials}, for an app that must not have the key. Nothing is opened. Default deadline: 30 s.
   *
   * Give them to the user whose visitor this is and to no other: derive the visitor from the login that your server has
   * verified, never from the request (`secondme-avatar/express` is a handler that does so). Each call counts in the key's
   * quota, and waits for its slot within the deadline.
   */
  authenticate(visitor: VisitorLike, options: DeadlineOptions = {}): Promise<Credentials> {
    const site = calledFrom(this.authenticate)
    const begin = () => {
      const { id, name, channel, tag } = Visitor.from(visitor, site)
      return this.#native.authenticate(id, name, channel, tag, options.deadlineMs)
    }
    return call(begin, (json: string) => Credentials.known(json), site, options, DEADLINE)
  }

  /**
   * Replaces the API key by another one of the same avatar, while conversations live. Later calls that show the key show
   * this one; the visitors' tokens live on, and what was being said goes on. Set it first, and disable the earlier key
   * then.
   *
   * @throws {@link MisuseError} if the text is not an API key, or if this client has none to replace.
   */
  setApiKey(apiKey: string): void {
    const site = calledFrom(this.setApiKey)
    guarded(() => this.#native.setApiKey(apiKey), site)
  }

  /**
   * Resumes what earlier processes left in the store. Opens the conversation of every visitor with an unsent durable
   * message, or with `all` of every visitor with a session, and gives their visitor ids. It does not wait until the
   * conversations are open. A message that is given up comes as an `unsent` event, so subscribe first.
   */
  recover(options: RecoverOptions = {}): Promise<string[]> {
    const site = calledFrom(this.recover)
    const begin = () => this.#native.recover(options.all ?? false)
    return call(begin, (visitors: string) => JSON.parse(visitors) as string[], site, options, RECOVER)
  }

  /**
   * Subscribes to the events of all conversations, including those opened later.
   *
   * Where several processes share a store in Redis, these are the conversations of the visitors that this process has,
   * and so are those of `on`: each event comes in one process, and a program that answers from here answers once. With
   * `allProcesses` they are those of all processes.
   */
  override events(options: ClientEventsOptions = {}): EventStream {
    known(options, CLIENT_EVENTS, calledFrom(this.events))
    options.signal?.throwIfAborted()
    const { raw = true, allProcesses = false } = options
    return EventStream.of(this.#native.events(raw, allProcesses), options.signal)
  }

  /** Subscribes to what happens from now on in all conversations: `for await (const event of client)`. */
  [Symbol.asyncIterator](): EventStream {
    return this.events()
  }

  /** Host and port of the proxy between this machine and the service, if there is one. */
  get proxy(): string | undefined {
    return this.#native.proxy ?? undefined
  }

  /** Returns what has been counted so far. */
  stats(): Stats {
    return JSON.parse(this.#native.stats()) as Stats
  }

  /**
   * Closes all conversations once their waiting messages are sent. Default deadline: 5 s. A message that is unsent at
   * the deadline comes back with the error of its call. From the start of `close` on, every other call fails with a
   * {@link ClosedError}. Closing twice is allowed.
   */
  close(options: DeadlineOptions = {}): Promise<void> {
    return call(
      () => this.#native.close(options.deadlineMs),
      // What no call waits for any more is taken back at once.
      () => this.#tokens?.(),
      calledFrom(this.close),
      options,
      DEADLINE,
    )
  }

  /** `await using client = new AvatarClient()` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Open conversations keep the process alive. This is the default; {@link unref} changes it. */
  ref(): this {
    this.#isRef = true
    this.#stayIfNeeded()
    return this
  }

  /** Open conversations no longer keep the process alive. A call under way still does. */
  unref(): this {
    this.#isRef = false
    this.#stayIfNeeded()
    return this
  }

  /**
   * Puts the client's clock forward, for tests. Heartbeats, expiries, retries and deadlines in between are due at once,
   * and their work has begun when this returns. Calls that are under way get their answers first, except those that
   * take more than 0.1 s of real time. The emulator has its own clock: `emulator.advance(ms)`.
   */
  advanceClock(ms: number): void {
    const site = calledFrom(this.advanceClock)
    guarded(() => this.#native.advanceClock(ms), site)
  }

  /** @internal */
  protected override native(): NativeClient {
    return this.#native
  }

  /** @internal */
  protected override subscribe(): NativeEvents {
    return this.#native.events(true, false)
  }

  /** An open conversation is always the same object. */
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
