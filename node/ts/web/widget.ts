/** The server part of the website widget. */

import { setMaxListeners } from 'node:events'
import { AvatarError } from '../avatar-error.js'
import { Bridge } from '../bridge/bridge.js'
import { type Clock, quietClock } from '../bridge/clock.js'
import type { LiveAuthor } from '../bridge/live.js'
import type { AvatarClient } from '../client.js'
import type { HandedBackEvent, NoticeEvent, TakenOverEvent } from '../contract/events.js'
import { MisuseError } from '../contract/errors.js'
import { calledFrom, misuse, type Site } from '../failures.js'
import { uncaught } from '../host-queue.js'
import { Visitor, type VisitorLike } from '../visitor.js'
import { Asking, type WebMessage } from './asking.js'
import { type Answer, badRequest, type Call, json, rateLimited, Refusal, unavailable } from './call.js'
import { Cookies, tagOf } from './cookie.js'
import { FetchCall, responseOf } from './fetch.js'
import { FILE, Files } from './files.js'
import type { WidgetEvent } from './messages.js'
import { LIMITS, secretsOf, type WidgetErrorContext, type WidgetOptions, wrongOption } from './options.js'
import { Origins } from './origins.js'
import { liveOutlet } from './outlet.js'
import type { Present } from './present.js'
import { Presents } from './presents.js'
import { questionOf } from './question.js'
import { addressKey, Rate } from './rates.js'
import { every } from './time.js'

const KEEP_ALIVE_MS = 15_000
const TICK_MS = 5000
/** How long it is waited for who speaks. */
const WAKE_MS = 2000
const MOST_MESSAGES = 100
const MESSAGES = 50
/** `{chat}` of `GET {chat}/stream`. */
const STREAM = /^\/([^/]{1,300})\/stream$/
const LONGEST_CHAT = 100

/** Who calls. */
interface Caller {
  readonly visitor: Visitor
  /** A cookie to set. */
  readonly cookie?: string | undefined
  readonly isNew: boolean
}

/** The server part of the website widget: {@link avatarWidget} makes it. */
export class AvatarWidget {
  readonly #client: AvatarClient
  readonly #options: WidgetOptions
  readonly #limits: Readonly<Record<keyof typeof LIMITS, number>>
  readonly #bridge: Bridge
  readonly #presents: Presents
  readonly #asking: Asking
  readonly #cookies: Cookies | undefined
  readonly #origins: Origins
  readonly #files: Files
  readonly #calls: Rate
  readonly #newcomers: Rate
  readonly #rates: readonly Rate[]
  readonly #clock: Clock
  readonly #now: () => number
  readonly #stop = new AbortController()
  /** @internal The path of the widget, without a slash at its end. */
  readonly path: string
  #isListening = false
  #isClosing = false

  /** @internal */
  constructor(client: AvatarClient, options: WidgetOptions, site: Site) {
    const problem = wrongOption(options)
    if (problem !== undefined) throw misuse(problem, site)
    const { name = 'web', clock = quietClock } = options
    this.#clock = clock
    this.#client = client
    this.#options = options
    this.#limits = { ...LIMITS, ...defined(options) }
    this.#now = () => clock.now()
    this.path = (options.path ?? '/avatar').replace(/\/$/, '')
    this.#presents = new Presents(client, name, this.#limits.keepHistoryMs, this.#now)
    this.#bridge = this.#made(name)
    const { messagesPerMinute, addressMessagesPerMinute, newVisitorsPerMinute, callsPerMinute } = this.#limits
    const messages = { visitor: new Rate(messagesPerMinute), address: new Rate(addressMessagesPerMinute) }
    this.#asking = new Asking(this.#bridge, messages, this.#now, (error, visitorId, messageId) =>
      this.#report(error, { during: 'call', visitorId, messageId }),
    )
    this.#calls = new Rate(callsPerMinute)
    this.#newcomers = new Rate(newVisitorsPerMinute)
    this.#rates = [messages.visitor, messages.address, this.#calls, this.#newcomers]
    this.#origins = new Origins(options.allowOrigins ?? [])
    this.#files = new Files(options.files)
    if (options.visitorOf === undefined) {
      const cookieName = options.cookieName ?? '__Host-avatar'
      this.#cookies = new Cookies(cookieName, secretsOf(options.secret), options.embedded ?? false)
    }
    // Every conversation that is opened listens to it.
    setMaxListeners(0, this.#stop.signal)
    every(clock, TICK_MS, this.#stop.signal, () => this.#tick())
  }

  /**
   * Listens to the avatar and its owner, and goes on with what earlier processes have left. The first call of a browser
   * does so too, and only `start` does so before. Calling it again is allowed.
   */
  async start(): Promise<void> {
    if (!this.#isListening) this.#listen('on')
    await this.#bridge.start()
  }

  /**
   * Answers a call of a browser. Never rejects.
   *
   * `address` is the other end of the socket, which a `Request` does not tell; the option `address` comes before it.
   */
  async handle(request: Request, { address }: { address?: string | undefined } = {}): Promise<Response> {
    return responseOf(await this.answer(new FetchCall(request, this.path, address)), this.#now)
  }

  /** Is fulfilled when nothing is being answered or said. */
  idle(): Promise<void> {
    return this.#bridge.idle()
  }

  /**
   * Forgets a visitor: ends its streams and the answer that is under way, and deletes its history and everything else
   * that the client's store holds of it, as the client's `forget` does. That alone would leave what is in memory here.
   * What the visitor says afterwards begins a new session.
   *
   * Rejects with a {@link StoreError} where the client's `forget` does: call it again then.
   */
  async forget(visitor: VisitorLike): Promise<void> {
    const forgotten = Visitor.from(visitor, calledFrom(this.forget))
    const transcript = this.#presents.of(forgotten)?.transcript
    this.#presents.drop(forgotten.id)
    await this.start()
    await this.#bridge.forget(forgotten)
    // A message that was taken meanwhile may have come to the history afterwards.
    while (await transcript?.settled()) await this.#bridge.forget(forgotten)
    // An answer that was under way may have come to it once more.
    this.#presents.drop(forgotten.id)
  }

  /**
   * Takes no more messages, ends the event streams, and finishes the answers that are under way until the deadline;
   * default: 5 s. What it cannot finish stays in the client's store for the next process. The client is not closed: close
   * it afterwards.
   */
  async close({ deadlineMs = 5000 }: { deadlineMs?: number | undefined } = {}): Promise<void> {
    this.#isClosing = true
    for (const { feeds } of this.#presents.all()) for (const feed of feeds) feed.end()
    await this.#bridge.close({ deadlineMs })
    this.#listen('off')
    this.#stop.abort()
    for (const { turns } of this.#presents.all()) {
      for (const turn of turns.values()) for (const feed of turn.feeds) feed.end()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @internal Whether the program says which address calls. */
  get knowsAddresses(): boolean {
    return this.#options.address !== undefined
  }

  /** @internal How many visitors are kept in memory. */
  get visitorsInMemory(): number {
    return this.#presents.size
  }

  /** @internal The time. */
  get now(): () => number {
    return this.#now
  }

  /** @internal Answers a call, however the server that took it is made. */
  async answer(call: Call): Promise<Answer> {
    let allowed: Record<string, string> = {}
    try {
      if (this.#isClosing) throw unavailable()
      const route = routeOf(call)
      if (route === 'file') return await this.#files.answer(call)
      if (call.method === 'OPTIONS') return this.#origins.preflight(call)
      allowed = this.#origins.check(call)
      const answer = await this.#routed(call, route)
      return { ...answer, headers: { ...answer.headers, ...allowed } }
    } catch (error) {
      const answer = this.#refused(error)
      return { ...answer, headers: { ...answer.headers, ...allowed } }
    }
  }

  async #routed(call: Call, route: Exclude<Route, 'file'>): Promise<Answer> {
    const address = this.#addressOf(call)
    const wait = address === undefined ? undefined : this.#calls.take(address, this.#now())
    if (wait !== undefined) throw rateLimited('these are too many calls at once from this address', wait)
    const caller = await this.#caller(call, address, route === 'base')
    await this.start()
    switch (route) {
      case 'base':
        return this.#base(caller)
      case 'message':
        return this.#message(call, caller, address)
      case 'stream':
        return this.#presents.of(caller.visitor)?.newest?.answer() ?? NOTHING
      case 'events':
        return this.#events(call, caller)
      case 'history':
        return this.#history(call, caller)
    }
  }

  async #base({ visitor, cookie, isNew }: Caller): Promise<Answer> {
    const isOwnerPresent = this.#presents.hasOwner(visitor.id)
    const names = { avatarName: this.#nameOf('avatar'), ownerName: this.#nameOf('owner') }
    const hasHistory = !isNew && !(await this.#presents.transcript(visitor).isEmpty())
    const speaker = isOwnerPresent ? 'owner' : 'avatar'
    const headers: Record<string, string> = cookie === undefined ? {} : { 'set-cookie': cookie }
    const what = { maxTextChars: this.#limits.maxTextChars, visitor: tagOf(visitor.id) }
    return json(200, { ...names, speaker, isOwnerPresent, hasHistory, ...what }, headers)
  }

  async #message(call: Call, { visitor }: Caller, address: string | undefined): Promise<Answer> {
    const { maxBodyBytes, maxTextChars } = this.#limits
    const question = await questionOf(call, maxBodyBytes, maxTextChars)
    return this.#presents.using(visitor, async (present) => {
      const turn = await this.#asking.ask(present, question, address)
      // The visitor was forgotten meanwhile.
      if (this.#presents.of(visitor) !== present) throw unavailable()
      return turn.answer()
    })
  }

  #events(call: Call, { visitor }: Caller): Promise<Answer> {
    return this.#presents.using(visitor, async (present) => {
      await this.#woken(present)
      const { maxEventStreams } = this.#limits
      return present.answer(call.header('last-event-id'), maxEventStreams, this.#owner(visitor.id))
    })
  }

  async #history(call: Call, { visitor }: Caller): Promise<Answer> {
    const { query } = call
    const limit = numberOf(query.get('limit') ?? `${MESSAGES}`)
    if (limit === undefined || limit < 1 || limit > MOST_MESSAGES) {
      throw badRequest(`\`limit\` is a number from 1 to ${MOST_MESSAGES}`)
    }
    const cursor = query.get('before')
    const before = cursor === null ? undefined : numberOf(cursor)
    if (cursor !== null && before === undefined) throw badRequest('`before` is what an earlier answer has named so')
    const page = await this.#presents.transcript(visitor).page(before, limit)
    return json(200, { messages: page.messages, before: page.before === null ? null : `${page.before}` })
  }

  async #caller(call: Call, address: string | undefined, mayBeNew: boolean): Promise<Caller> {
    const { visitorOf, name = 'web', channel = name } = this.#options
    if (visitorOf !== undefined) {
      const visitor = await visitorOf(call.request())
      if (visitor === undefined || visitor === null) throw noVisitor('sign in first')
      return { visitor: Visitor.from(visitor, calledFrom(this.#caller)), isNew: false }
    }
    const cookies = this.#cookies as Cookies
    const now = this.#now()
    const known = cookies.read(call.header('cookie'), now)
    if (known === undefined && !mayBeNew) throw noVisitor('load the page again: its cookie is missing or wrong')
    const wait = known !== undefined || address === undefined ? undefined : this.#newcomers.take(address, now)
    if (wait !== undefined) throw rateLimited('these are too many new visitors from this address', wait)
    const isMade = known === undefined || (mayBeNew && known.isStale)
    const made = isMade ? cookies.made(now, known?.id) : undefined
    const visitor = Visitor.forUser(name, (known ?? made)?.id ?? '', { channel })
    return { visitor, cookie: made?.header, isNew: known === undefined }
  }

  #addressOf(call: Call): string | undefined {
    const { address } = this.#options
    if (address === false) return undefined
    const found = address === undefined ? call.peer : address(call.request())
    if (found !== undefined && found !== '') return addressKey(found)
    throw new MisuseError(NO_ADDRESS)
  }

  #refused(error: unknown): Answer {
    if (error instanceof Refusal) return error.answer()
    this.#report(error, { during: 'call' })
    const isThere = !(error instanceof AvatarError) || error instanceof MisuseError
    if (!isThere) return unavailable().answer()
    return json(500, { error: { code: 'internal', message: 'the server has failed: its log says why' } })
  }

  #made(name: string): Bridge {
    const { channel, language, sentences, ownerName, ask, listen, clock } = this.#options
    const outlet = liveOutlet({
      nameOf: (author) => this.#nameOf(author),
      now: this.#now,
      present: (visitor) => this.#presents.made(visitor),
    })
    return new Bridge(this.#client, {
      platform: name,
      outlet,
      visitorOf: (_, message) => (message as WebMessage).visitor,
      keepIdsMs: this.#limits.keepHistoryMs,
      onError: (error, context) => this.#report(error, context),
      ...{ channel, language, sentences, ownerName, ask, listen, clock },
    })
  }

  #nameOf(author: LiveAuthor): string {
    const { avatarName = this.#bridge.avatarName, ownerName = avatarName } = this.#options
    return author === 'owner' ? ownerName : avatarName
  }

  #owner(visitorId: string): WidgetEvent {
    return { type: 'owner', isPresent: this.#presents.hasOwner(visitorId), name: this.#nameOf('owner') }
  }

  /**
   * A visitor who comes back hears what the owner has said meanwhile, and is told first who speaks: that is waited for,
   * but not for long.
   */
  async #woken(present: Present): Promise<void> {
    present.waking ??= this.#wake(present)
    const over = new AbortController()
    const late = this.#clock.wait(WAKE_MS, over.signal).catch(() => {})
    await Promise.race([present.waking, late])
    over.abort()
  }

  async #wake(present: Present): Promise<void> {
    const { visitor, transcript } = present
    try {
      if (await transcript.isEmpty()) return
      const { takenOver } = await this.#client.open(visitor, { signal: this.#stop.signal })
      if (this.#presents.of(visitor) === present) this.#setOwner(visitor.id, takenOver)
    } catch (error) {
      present.waking = undefined
      if (!this.#stop.signal.aborted) this.#report(error, { during: 'recover', visitorId: visitor.id })
    }
  }

  #setOwner(visitorId: string, isPresent: boolean): void {
    if (this.#presents.setOwner(visitorId, isPresent)) this.#presents.get(visitorId)?.tell(this.#owner(visitorId))
  }

  readonly #onTakenOver = ({ visitorId }: TakenOverEvent) => this.#setOwner(visitorId, true)
  readonly #onHandedBack = ({ visitorId }: HandedBackEvent) => this.#setOwner(visitorId, false)
  readonly #onNotice = ({ visitorId, kind, text }: NoticeEvent) => {
    const present = this.#presents.get(visitorId)
    if (present === undefined) return
    present.oldest?.notice({ kind, text })
    present.tell({ type: 'notice', kind, text })
  }

  #listen(how: 'on' | 'off'): void {
    this.#isListening = how === 'on'
    this.#client[how]('takenOver', this.#onTakenOver)
    this.#client[how]('handedBack', this.#onHandedBack)
    this.#client[how]('notice', this.#onNotice)
  }

  #tick(): void {
    const now = this.#now()
    for (const rate of this.#rates) rate.tidy(now)
    for (const present of this.#presents.all()) {
      const feeds = [...present.feeds, ...[...present.turns.values()].flatMap((turn) => [...turn.feeds])]
      if (feeds.length > 0) present.usedAt = now
      for (const feed of feeds) if (now - feed.takenAt >= KEEP_ALIVE_MS) feed.keepAlive()
    }
    this.#presents.forget(now - this.#limits.forgetAfterMs)
  }

  #report(error: unknown, context: WidgetErrorContext): void {
    const { onError = toStderr } = this.#options
    try {
      onError(error, context)
    } catch (thrown) {
      uncaught(thrown)
    }
  }
}

type Route = 'base' | 'message' | 'events' | 'history' | 'stream' | 'file'

const PATHS: ReadonlyMap<string, ReadonlyMap<string, Route>> = new Map([
  [
    '',
    new Map<string, Route>([
      ['GET', 'base'],
      ['POST', 'message'],
    ]),
  ],
  ['/events', new Map<string, Route>([['GET', 'events']])],
  ['/history', new Map<string, Route>([['GET', 'history']])],
])
const NOTHING: Answer = { status: 204, headers: { 'cache-control': 'no-store' } }
const NO_ADDRESS =
  'it is not known which address calls: give `address`, a function that reads it from a header which your proxy sets, or `address: false` where something in front limits addresses'

/** Which calls a path takes. */
function routeOf({ method, path }: Call): Route {
  const methods = methodsOf(path)
  if (methods === undefined) throw new Refusal(404, 'not_found', 'the widget has no such path')
  const route = methods.get(method)
  if (route !== undefined) return route
  const isFile = methods.get('GET') === 'file'
  if (method === 'OPTIONS' && !isFile) return 'base'
  const allow = [...methods.keys(), ...(isFile ? [] : ['OPTIONS'])].join(', ')
  throw new Refusal(405, 'method_not_allowed', `this path takes ${allow}`, { allow })
}

function methodsOf(path: string): ReadonlyMap<string, Route> | undefined {
  const known = PATHS.get(path)
  if (known !== undefined) return known
  if (FILE.test(path)) return new Map([['GET', 'file']])
  const chat = STREAM.exec(path)?.[1]
  return chat !== undefined && isChat(chat) ? new Map([['GET', 'stream']]) : undefined
}

function isChat(encoded: string): boolean {
  try {
    return decodeURIComponent(encoded).length <= LONGEST_CHAT
  } catch {
    return false
  }
}

function noVisitor(message: string): Refusal {
  return new Refusal(401, 'no_visitor', message)
}

function numberOf(text: string): number | undefined {
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : undefined
}

function defined(options: WidgetOptions): Partial<Record<keyof typeof LIMITS, number>> {
  const names = Object.keys(LIMITS) as (keyof typeof LIMITS)[]
  return Object.fromEntries(names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])))
}

/** The program's own function may want something else. No words of a person stand in an error's message. */
function toStderr(error: unknown, { during }: WidgetErrorContext): void {
  const what = error instanceof AvatarError ? `${error.name}: ${error.message}` : String(error)
  process.stderr.write(`secondme-avatar widget (${during}): ${what}\n`)
}
