/** Carries the messages of a platform to the avatar, and what it says back. */

import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { AvatarError } from '../avatar-error.js'
import type { AvatarClient } from '../client.js'
import type { HandedBackEvent, OwnerReplyEvent, ReplyEvent } from '../contract/events.js'
import { calledFrom, closed, misuse } from '../failures.js'
import { uncaught } from '../host-queue.js'
import { newMessageId } from '../message-id.js'
import { Visitor } from '../visitor.js'
import { Answerer, type Job } from './answerer.js'
import { type Clock, machineClock } from './clock.js'
import { Lines } from './lines.js'
import { isLive, LiveAnswerer } from './live.js'
import { isAddress, type Kept, Notes, OPEN } from './notes.js'
import type { BridgeOptions, ErrorContext, IncomingMessage } from './options.js'
import { Pacer } from './pacer.js'
import { sentencesOf } from './sentences.js'

const DAY_MS = 86_400_000
/** So many are gone on with by this process; the others are left for the next one. */
const MOST_LEFT = 1000

/**
 * Connects a platform with the avatar: `receive` takes what people write, the outlet shows what the avatar and its owner
 * say.
 *
 * ```ts
 * const bridge = new Bridge(client, { platform: 'matrix', outlet })
 * await bridge.start()
 * matrix.on('message', async ({ id, sender, room, text, acknowledge }) => {
 *   await bridge.receive({ id, user: { id: sender }, address: room, text })
 *   acknowledge()
 * })
 * ```
 *
 * A client with a store keeps what was accepted and not answered yet, so that the next process goes on with it: give it a
 * `store`. Visitors who are idle give their sockets up with the client's `idleAfterMs` and `maxLive`.
 */
export class Bridge {
  readonly #client: AvatarClient
  readonly #options: BridgeOptions
  readonly #notes: Notes
  readonly #lines: Lines<Job>
  readonly #answerer: Answerer
  readonly #clock: Clock
  readonly #stop = new AbortController()
  #started: Promise<void> | undefined
  /** Messages that could not be dealt with, since the store had failed. */
  readonly #left = new Map<string, Job>()
  /** Visitors who are being forgotten. */
  readonly #forgotten = new Set<string>()
  #isClosing = false
  #seen = 0

  /**
   * Creates a bridge. Nothing is sent or read yet.
   *
   * @throws {@link MisuseError} if an option is wrong or missing.
   */
  constructor(client: AvatarClient, options: BridgeOptions) {
    const site = calledFrom(Bridge)
    const problem = wrongOption(options)
    if (problem !== undefined) throw misuse(problem, site)
    // Everything that waits listens to it.
    setMaxListeners(0, this.#stop.signal)
    this.#client = client
    this.#options = options
    this.#clock = options.clock ?? machineClock
    this.#notes = new Notes(client, options.platform, options.keepIdsMs ?? 7 * DAY_MS)
    const patienceMs = options.patienceMs ?? 600_000
    const failed = (error: unknown) => this.#report(error, { during: 'post' })
    const pacer = new Pacer(this.#clock, options.outlet.limits.callsPerSecond, patienceMs, this.#stop.signal, failed)
    this.#lines = new Lines((_, job) => this.#work(job))
    const Answers = isLive(options.outlet) ? LiveAnswerer : Answerer
    this.#answerer = new Answers({
      client,
      outlet: options.outlet,
      notes: this.#notes,
      pacer,
      clock: this.#clock,
      language: options.language ?? 'en',
      sentences: sentencesOf(options.language ?? 'en', options.sentences),
      ownerName: options.ownerName,
      ask: options.ask ?? {},
      report: (error, during) => this.#report(error, during),
      isForgotten: (visitorId) => this.#forgotten.has(visitorId),
      follow: (visitorId, job) => this.#lines.add(visitorId, job, true),
    })
  }

  /**
   * Listens to the avatar and its owner, and goes on with what earlier processes have left. `receive` calls it, but only
   * `start` does so before a person writes. Calling it again is allowed.
   */
  start(): Promise<void> {
    this.#started ??= this.#begin().catch((error) => {
      this.#started = undefined
      this.#listen('off')
      throw error
    })
    return this.#started
  }

  /**
   * Takes a message of the platform. The promise is fulfilled when the message is in the store: acknowledge it then. It is
   * answered in the background, after the visitor's earlier ones. A message that was taken before is not answered again.
   *
   * Returns whether the message is new. Where the promise is rejected, nothing was taken, and the platform has to deliver the message once more.
   *
   * @throws {@link MisuseError} if the message is not of the form of {@link IncomingMessage}.
   */
  receive(message: IncomingMessage): Promise<boolean> {
    const site = calledFrom(this.receive)
    if (this.#isClosing) return Promise.reject(closed('the bridge is closed', site))
    const problem = wrongMessage(message, this.#options)
    if (problem !== undefined) return Promise.reject(misuse(problem, site))
    let visitor: Visitor
    try {
      visitor = Visitor.from(this.#visitorOf(message), site)
    } catch (error) {
      return Promise.reject(error)
    }
    const at = this.#time()
    return this.#lines.accept(visitor.id, async () => {
      await this.start()
      return this.#accept(visitor, message, at)
    })
  }

  /** @internal Goes on with a message that was left when the store had failed; `false` where none was. */
  goOn(visitorId: string, id: string): boolean {
    const key = leftKey(visitorId, id)
    const job = this.#left.get(key)
    if (job === undefined) return false
    this.#left.delete(key)
    this.#lines.add(visitorId, job)
    return true
  }

  /**
   * @internal Ends what is said to a visitor, and forgets everything about it. What is received meanwhile is taken
   * afterwards.
   */
  forget(visitor: Visitor): Promise<void> {
    const { id } = visitor
    return this.#lines.accept(id, async () => {
      this.#forgotten.add(id)
      try {
        const running = [id, `${id} owner`, `${id} avatar`].map((line) => this.#lines.drop(line))
        for (const [key, job] of this.#left) if (job.visitor.id === id) this.#left.delete(key)
        this.#answerer.forgotten(id)
        await this.#client.forget(visitor)
        if (running.every((one) => one === undefined)) return
        // What was being done may have written something meanwhile.
        await Promise.all(running)
        await this.#client.forget(visitor)
      } finally {
        this.#forgotten.delete(id)
      }
    })
  }

  /** The avatar's name, once a conversation has told it; empty before. */
  get avatarName(): string {
    return this.#answerer.avatarName
  }

  /** Is fulfilled when nothing is being answered or said. */
  idle(): Promise<void> {
    return this.#lines.idle()
  }

  /**
   * Takes no more messages, and finishes what it can until the deadline; default: 5 s. What it cannot finish stays in the
   * store for the next process. The client is not closed: close it afterwards.
   */
  async close({ deadlineMs = 5000 }: { deadlineMs?: number | undefined } = {}): Promise<void> {
    this.#isClosing = true
    await this.#idleWithin(deadlineMs)
    this.#listen('off')
    this.#lines.clear()
    this.#stop.abort(new Error('the bridge is closed'))
    // A call of the platform that hangs does not hold up the end.
    await this.#idleWithin(1000)
    await this.#options.outlet.close?.()
  }

  async #idleWithin(ms: number): Promise<void> {
    const over = new AbortController()
    const late = this.#clock.wait(ms, over.signal).catch(() => {})
    await Promise.race([this.idle(), late])
    over.abort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #begin(): Promise<void> {
    this.#listen('on')
    const open: { visitor: Visitor; kept: Kept }[] = []
    for (const { visitor, kind, id, note } of await this.#notes.all()) {
      if (note.state === 'accepted') {
        open.push({ visitor, kept: { kind, id, note } })
        // What shows one answer is not taken for another.
        for (const { handle } of note.shown ?? []) if (handle) this.#answerer.shows(handle)
      } else for (const handle of note.handles ?? []) this.#answerer.shows(handle)
      if (note.state === 'done' && note.replyId !== undefined) this.#answerer.heard(visitor.id, note.replyId)
    }
    for (const { visitor, kept } of open) {
      const job = { visitor, kept, isFresh: false }
      this.#answerer.waits(job)
      this.#lines.add(visitor.id, job)
    }
    const report = (error: unknown) => this.#report(error, { during: 'recover' })
    if (this.#options.listen !== false) this.#client.recover({ all: true }).catch(report)
  }

  readonly #onReply = (event: ReplyEvent | OwnerReplyEvent) => {
    if (!event.asked && this.#answerer.hasWords(event)) this.#push(event)
  }

  readonly #onHandedBack = ({ visitorId }: HandedBackEvent) => this.#answerer.handedBack(visitorId)

  #listen(how: 'on' | 'off'): void {
    this.#client[how]('reply', this.#onReply)
    this.#client[how]('ownerReply', this.#onReply)
    this.#client[how]('handedBack', this.#onHandedBack)
  }

  async #accept(visitor: Visitor, message: IncomingMessage, at: number): Promise<boolean> {
    const { id, address, text, hasOtherParts } = message
    // An old message that comes once more says nothing about where the visitor is now.
    const known = [this.#notes.has(visitor, 'message', id), this.#notes.address(visitor)] as const
    const [isKnown, addressBefore] = await Promise.all(known)
    if (isKnown) return false
    if (addressBefore !== address) await this.#notes.keepAddress(visitor, address)
    if (hasOtherParts) await this.#say(visitor, 'text-only', address, this.#answerer.sentence('textOnly'), 'bridge')
    if (text.trim() === '') {
      await this.#notes.close(visitor, 'message', id, { at })
      return true
    }
    const note = { ...OPEN, at, messageId: newMessageId(), address, text } as const
    const kept: Kept = { kind: 'message', id, note }
    const isNew = await this.#notes.add(visitor, kept)
    if (isNew) this.#lines.add(visitor.id, { visitor, kept, isFresh: true })
    return isNew
  }

  /** What is said unasked goes where the visitor was heard last. */
  #push(event: ReplyEvent | OwnerReplyEvent): void {
    const { visitorId } = event
    const visitor = Visitor.known({ id: visitorId })
    const during = { during: 'push', visitorId } as const
    const said = async () => {
      if (this.#answerer.hasHeard(visitorId, event.id)) return
      const address = await this.#notes.address(visitor)
      // A visitor of another platform.
      if (address === undefined) return
      const author = event.author === 'owner' ? 'owner' : 'avatar'
      await this.#say(visitor, event.id ?? randomUUID(), address, this.#answerer.textOf(event), author)
    }
    this.#lines.accept(visitorId, said).catch((error) => this.#report(error, during))
  }

  async #say(visitor: Visitor, id: string, address: string, text: string, author: 'owner' | 'avatar' | 'bridge') {
    const note = { ...OPEN, at: this.#time(), messageId: id, address, text, author } as const
    const kept: Kept = { kind: 'said', id, note }
    if (!(await this.#notes.add(visitor, kept))) return
    // Nothing has an id with a space.
    const line = this.#answerer.isPassedBy(visitor.id, author) ? `${visitor.id} ${author}` : visitor.id
    this.#lines.add(line, { visitor, kept, isFresh: true })
  }

  async #work(job: Job): Promise<void> {
    if (this.#stop.signal.aborted || this.#forgotten.has(job.visitor.id)) return
    try {
      await this.#answerer.do(job)
    } catch (error) {
      // What is under way when the bridge ends stays in the store.
      const { visitor, kept } = job
      if (this.#stop.signal.aborted || this.#forgotten.has(visitor.id)) return
      if (kept.kind === 'message') this.#leave(job)
      this.#answerer.left(job)
      const during = kept.kind === 'message' ? 'answer' : 'push'
      this.#report(error, { during, visitorId: visitor.id, messageId: kept.id })
    }
  }

  #leave({ visitor, kept }: Job): void {
    this.#left.set(leftKey(visitor.id, kept.id), { visitor, kept, isFresh: false })
    if (this.#left.size <= MOST_LEFT) return
    for (const oldest of this.#left.keys()) return void this.#left.delete(oldest)
  }

  #visitorOf(message: IncomingMessage) {
    const { visitorOf, platform, sessions, channel } = this.#options
    if (visitorOf !== undefined) return visitorOf(message.user, message)
    const { id, tenant, name } = message.user
    const thread = sessions === 'thread' ? message.thread : undefined
    const parts = [tenant, id, thread].filter((part) => part !== undefined && part !== '') as string[]
    return Visitor.forUser(platform, parts.map(escaped).join('.'), {
      name,
      channel: channel ?? platform,
    })
  }

  /** Never the same twice, so that the next process knows the order. */
  #time(): number {
    this.#seen = Math.max(this.#seen + 1 / 1024, this.#clock.now())
    return this.#seen
  }

  #report(error: unknown, context: ErrorContext): void {
    const { onError = toStderr } = this.#options
    try {
      onError(error, context)
    } catch (thrown) {
      uncaught(thrown)
    }
  }
}

function leftKey(visitorId: string, id: string): string {
  return `${visitorId} ${id}`
}

/** Two lists of parts never give the same text. */
function escaped(part: string): string {
  return part.replaceAll('%', '%25').replaceAll('.', '%2E')
}

/** The program's own function may want something else. No words of a person stand in an error's message. */
function toStderr(error: unknown, { during }: ErrorContext): void {
  const what = error instanceof AvatarError ? `${error.name}: ${error.message}` : String(error)
  process.stderr.write(`secondme-avatar bridge (${during}): ${what}\n`)
}

function wrongOption(options: BridgeOptions | undefined): string | undefined {
  if (typeof options !== 'object' || options === null) return 'a bridge takes { platform, outlet }'
  const unknown = Object.keys(options).find((name) => !NAMES.includes(name))
  if (unknown !== undefined) return `there is no option \`${unknown}\`; there are ${NAMES.join(', ')}`
  const { platform, outlet, language, sessions } = options
  if (typeof platform !== 'string' || !/^[a-z][a-z0-9-]{0,31}$/.test(platform)) {
    return '`platform` is a name of lower-case letters, such as `slack`'
  }
  if (typeof outlet?.post !== 'function') return '`outlet` needs a method `post(address, text, details)`'
  const { maxChars, maxBytes, updateIntervalMs } = outlet.limits ?? {}
  if (!((maxChars ?? maxBytes ?? 0) > 0)) return '`outlet.limits` needs `maxChars` or `maxBytes`, above 0'
  if (!((updateIntervalMs ?? -1) >= 0)) return '`outlet.limits` needs `updateIntervalMs`'
  if (language !== undefined && language !== 'en' && language !== 'zh') return '`language` is `en` or `zh`'
  if (sessions !== undefined && sessions !== 'person' && sessions !== 'thread') {
    return '`sessions` is `person` or `thread`'
  }
  return undefined
}

const NAMES = [
  'platform',
  'outlet',
  'language',
  'sentences',
  'ownerName',
  'channel',
  'sessions',
  'visitorOf',
  'ask',
  'listen',
  'keepIdsMs',
  'patienceMs',
  'onError',
  'clock',
]

function wrongMessage(message: IncomingMessage, { sessions }: BridgeOptions): string | undefined {
  if (typeof message?.id !== 'string' || message.id === '') return "a message needs the platform's `id` of it"
  if (typeof message.user?.id !== 'string' || message.user.id === '') return "a message needs `user.id`, the platform's"
  if (!isAddress(message.address)) return 'a message needs an `address` to answer to, of at most 4096 bytes'
  if (typeof message.text !== 'string') return 'a message needs a `text`, which is empty where there is none'
  if (sessions === 'thread' && !message.thread) return 'with `sessions: "thread"` a message needs `thread`'
  return undefined
}
