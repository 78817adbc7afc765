/** Answers what was heard, and says what is to be said: one job after the other for each visitor. */

import { AvatarError } from '../avatar-error.js'
import type { AvatarClient } from '../client.js'
import type { Conversation } from '../conversation.js'
import { ClosedError } from '../contract/errors.js'
import type { OwnerReplyEvent, ReplyEvent } from '../contract/events.js'
import type { Reply } from '../contract/values.js'
import { newMessageId } from '../message-id.js'
import type { ReplyStream } from '../reply-stream.js'
import type { Visitor } from '../visitor.js'
import type { Clock } from './clock.js'
import { type Found, lookUp } from './look-up.js'
import { type Kept, type Notes, OPEN } from './notes.js'
import type { BridgeOptions, ErrorContext } from './options.js'
import { type Outlet, type PostAuthor, Undeliverable } from './outlet.js'
import type { Pacer } from './pacer.js'
import { filled, type Language, sentenceFor, type Sentences } from './sentences.js'
import { Telling } from './telling.js'

/** Something that is to be answered or said. */
export interface Job {
  readonly visitor: Visitor
  readonly kept: Kept
  /** Whether this process has accepted it, so that no other one can have begun with it. */
  readonly isFresh: boolean
}

/** What an answerer works with. */
export interface Means {
  readonly client: AvatarClient
  readonly outlet: Outlet
  readonly notes: Notes
  readonly pacer: Pacer
  readonly clock: Clock
  readonly language: Language
  readonly sentences: Sentences
  readonly ownerName: string | undefined
  readonly ask: NonNullable<BridgeOptions['ask']>
  report(error: unknown, context: ErrorContext): void
  /** Whether a visitor is being forgotten: nothing is written any more. */
  isForgotten(visitorId: string): boolean
  /** Puts a job at the beginning of the visitor's line. */
  follow(visitorId: string, job: Job): void
}

/** How often a question that was not taken is asked again. */
const TRIES = 3
/** A quota that is free again within so long is waited for. */
const LONGEST_WAIT_MS = 60_000
/** How long an answer is waited for where the owner has spoken last. */
const OWNER_MS = 15_000
/** How many of the last replies, and of the last messages of the platform, are remembered. */
const REMEMBERED = 10_000

export class Answerer {
  protected readonly means: Means
  /** The platform's messages that show answers. */
  readonly #shown = new Set<string>()
  readonly #replies = new Set<string>()
  /** Visitors whose sessions are in the store. */
  readonly #opened = new Set<string>()
  /** Visitors who were told that the owner has the conversation. */
  protected readonly told = new Set<string>()

  avatarName = ''

  constructor(means: Means) {
    this.means = means
  }

  protected get ownerName(): string | undefined {
    return this.means.ownerName || this.avatarName || undefined
  }

  sentence(name: keyof Sentences): string {
    const { sentences, language } = this.means
    return filled(sentences[name], language, this.ownerName)
  }

  /** What can be shown of a reply. */
  textOf({ text, parts }: Pick<Reply, 'text' | 'parts'>): string {
    return text.trim() !== '' || parts.length === 0 ? text : this.sentence('notShown')
  }

  /** Whether a reply that was not asked for shows anything. */
  hasWords(_: ReplyEvent | OwnerReplyEvent): boolean {
    return true
  }

  /** Whether what this author says unasked is shown beside the answer that is being told, and does not wait for its end. */
  isPassedBy(_visitorId: string, _author: PostAuthor): boolean {
    return false
  }

  /** What an earlier process has accepted is gone on with. */
  protected async resumed(_: Job, __: string): Promise<void> {}

  /** A job of an earlier process waits. */
  waits(_: Job): void {}

  /** A job could not be dealt with, and is left for the next process. */
  left(_: Job): void {}

  /** A reply of the avatar was shown by an earlier process. */
  heard(visitorId: string, replyId: string): void {
    remember(this.#replies, `${visitorId} ${replyId}`)
  }

  /** A message of the platform shows something of an answer. */
  shows(handle: string): void {
    remember(this.#shown, handle)
  }

  hasHeard(visitorId: string, replyId: string | undefined): boolean {
    return this.#replies.has(`${visitorId} ${replyId}`)
  }

  forgotten(visitorId: string): void {
    this.told.delete(visitorId)
    this.#opened.delete(visitorId)
  }

  handedBack(visitorId: string): void {
    this.told.delete(visitorId)
  }

  async do(job: Job): Promise<void> {
    try {
      await (job.kept.kind === 'message' ? this.#answer(job) : this.say(job))
    } catch (error) {
      if (!(error instanceof Undeliverable)) throw error
      const { visitor, kept } = job
      this.means.report(error, { during: 'answer', visitorId: visitor.id, messageId: kept.id })
      await this.means.notes.done(visitor, kept, {})
    }
  }

  protected async say(job: Job): Promise<void> {
    const { visitor, kept } = job
    const { notes } = this.means
    // The answer to a question may have been taken for unasked first.
    if (!(await notes.isOpen(visitor, kept))) return
    const text = await notes.text(visitor, kept)
    const author = kept.note.author ?? 'avatar'
    await this.tell(job, author, !job.isFresh).end(this.#headed(author, text))
    await notes.done(visitor, kept, { handles: this.#take(job) })
  }

  async #answer(job: Job): Promise<void> {
    const { visitor, kept } = job
    const { notes, pacer } = this.means
    const text = await notes.text(visitor, kept)
    if (!job.isFresh) await this.resumed(job, text)
    let isFresh = job.isFresh
    let said = ''
    let telling = this.tell(job, 'avatar', !isFresh)
    let unsure: AvatarError | undefined
    let isSpent = false
    for (let tries = 0; ; ) {
      let isAsked = false
      try {
        const chat = await this.#open(job)
        const found = isFresh ? undefined : await this.#found(chat, job)
        if (found !== undefined && found !== 'unknown') return await this.tellFound(job, telling, chat, found)
        // It may have been taken, and nothing can tell: it is not asked twice.
        if (found === 'unknown' && unsure !== undefined) return await this.apologise(job, telling, unsure, said)
        // The id is a part of the key under which the answer is posted.
        if (isSpent) await this.#rename(job)
        isSpent = false
        // Nothing can have been shown of an answer to a question that was never taken.
        if (found === undefined) telling = this.tell(job, 'avatar', false)
        isAsked = true
        if (chat.takenOver && this.told.has(visitor.id)) return await this.pass(job, chat, text)
        return await this.ask(job, telling, chat, text, (all) => {
          said = all
        })
      } catch (error) {
        pacer.stopped.throwIfAborted()
        if (!(error instanceof AvatarError) || this.means.isForgotten(visitor.id)) throw error
        if (isAsked) isFresh = false
        // A message that the client handed back keeps its id, by which the service may know it.
        if (isAsked) isSpent = error.unsent === undefined
        if (isAsked && !error.unsent?.certain) unsure = error
        tries += 1
        if (!telling.hasBegun && said === '' && tries <= TRIES && isWorthwhile(error, isAsked)) {
          await pacer.wait(error.retryAfterMs ?? 4 ** (tries - 1) * 1000)
          continue
        }
        return await this.apologise(job, telling, error, said)
      }
    }
  }

  async #open({ visitor, kept }: Job): Promise<Conversation> {
    const { client, pacer, notes } = this.means
    try {
      const chat = await client.open(visitor, { signal: pacer.stopped })
      this.avatarName = chat.avatarName || this.avatarName
      if (!this.#opened.has(visitor.id)) {
        // The store writes a session in its own time, and a note behind it: without its session, a process that is
        // killed would ask once more in another one.
        await notes.keep(visitor, kept)
        remember(this.#opened, visitor.id)
      }
      return chat
    } catch (error) {
      if (!(error instanceof ClosedError)) throw error
      // A client that is closed leaves everything to the next one.
      throw new Error('the client was closed before its bridge: close the bridge first', { cause: error })
    }
  }

  /** Asks the avatar. */
  protected asked({ kept }: Job, chat: Conversation, text: string): ReplyStream {
    const { ask, pacer } = this.means
    const first = ask.firstPieceDeadlineMs ?? 60_000
    return chat.stream(text, {
      ...ask,
      // The owner may have handed the conversation back, which shows when the avatar answers.
      firstPieceDeadlineMs: chat.takenOver ? Math.min(first, OWNER_MS) : first,
      messageId: kept.note.messageId,
      signal: pacer.stopped,
    })
  }

  protected async ask(job: Job, telling: Telling, chat: Conversation, text: string, heard: (all: string) => void) {
    const pieces = this.asked(job, chat, text)
    let avatar = ''
    let owner = ''
    for await (const piece of pieces) {
      if (pieces.author === 'owner') owner += piece
      else {
        avatar += piece
        heard(avatar)
        telling.grow(avatar)
      }
    }
    const reply = await pieces.reply()
    if (reply.author === 'avatar') this.told.delete(job.visitor.id)
    const byOwner = reply.author === 'owner' && avatar === ''
    const words = byOwner ? '' : avatar || (owner === '' ? this.textOf(reply) : '')
    if (byOwner) owner ||= this.textOf(reply)
    await this.#finish(job, telling, words, reply.id, owner)
  }

  /** Shows the answer, and hands the owner's words on to a job of their own. */
  async #finish(job: Job, telling: Telling, words: string, replyId: string | undefined, owner: string): Promise<void> {
    if (words !== '') await telling.end(words)
    if (owner !== '') await this.#following(job, replyId ?? job.kept.note.messageId, owner, 'owner')
    await this.done(job, replyId)
  }

  async #following(job: Job, id: string, text: string, author: PostAuthor): Promise<void> {
    const { visitor, kept } = job
    const { address } = kept.note
    const note = { ...OPEN, at: this.means.clock.now(), messageId: id, address, text, author } as const
    const said: Kept = { kind: 'said', id, note }
    if (!(await this.means.notes.add(visitor, said))) return
    this.means.follow(visitor.id, { visitor, kept: said, isFresh: true })
  }

  /** Where the owner has the conversation and the visitor knows it, no answer is waited for: it comes as an event. */
  protected async pass(job: Job, chat: Conversation, text: string): Promise<void> {
    await chat.send(text, { messageId: job.kept.note.messageId, signal: this.means.pacer.stopped })
    await this.done(job, undefined)
  }

  protected async tellTakenOver(job: Job, telling: Telling): Promise<void> {
    if (this.told.has(job.visitor.id)) return
    await this.#sentenceInPlace(job, telling, 'takenOver')
    this.told.add(job.visitor.id)
  }

  /**
   * Tells a sentence in the place of an answer. Where nothing is shown yet it has a key of its own: the answer may be
   * posted by the next process, to a platform that recognises keys.
   */
  async #sentenceInPlace(job: Job, telling: Telling, name: keyof Sentences): Promise<void> {
    const place = telling.hasBegun ? telling : this.tell(job, 'avatar', telling.isUnsure, `.${name}`)
    await place.end(this.sentence(name))
  }

  protected async apologise(job: Job, telling: Telling, error: AvatarError, said: string): Promise<void> {
    const { visitor, kept } = job
    const sentence = sentenceFor(error)
    if (sentence !== 'takenOver') {
      this.means.report(error, { during: 'answer', visitorId: visitor.id, messageId: kept.id })
    }
    if (said !== '') await telling.end(`${said}\n\n${this.sentence('cut')}`)
    else if (sentence === 'takenOver') await this.tellTakenOver(job, telling)
    else await this.#sentenceInPlace(job, telling, sentence)
    await this.done(job, undefined)
  }

  /** What became of a question of an earlier attempt. */
  async #found(chat: Conversation, job: Job): Promise<Found | 'unknown' | undefined> {
    const { clock, pacer, ask } = this.means
    return lookUp(chat, job.kept.note, clock, pacer.stopped, ask.firstPieceDeadlineMs ?? 60_000)
  }

  protected async tellFound(job: Job, telling: Telling, chat: Conversation, [first, ...more]: Found) {
    const { visitor } = job
    if (first === undefined) {
      if (chat.takenOver) await this.tellTakenOver(job, telling)
      else await this.#sentenceInPlace(job, telling, 'unavailable')
      return this.done(job, undefined)
    }
    // The client may bring them as events as well.
    const { notes, clock } = this.means
    const isOwner = first.author === 'owner'
    if (!isOwner && first.id !== undefined) await notes.close(visitor, 'said', first.id, { at: clock.now() })
    for (const { id, author, ...reply } of [...more].reverse()) {
      await this.#following(job, id ?? newMessageId(), this.textOf(reply), author === 'owner' ? 'owner' : 'avatar')
    }
    const words = this.textOf(first)
    await this.#finish(job, telling, isOwner ? '' : words, first.id, isOwner ? words : '')
  }

  /** The client takes an id once only, but for a message that it has handed back. */
  async #rename({ visitor, kept }: Job): Promise<void> {
    kept.note.messageId = newMessageId()
    await this.means.notes.keep(visitor, kept)
  }

  readonly #tellings = new WeakMap<Kept, Telling>()

  protected tell({ visitor, kept }: Job, author: PostAuthor, isUnsure: boolean, ofSentence = ''): Telling {
    const { outlet, pacer, clock, notes } = this.means
    const { note } = kept
    const telling = new Telling(outlet, pacer, clock, {
      address: note.address,
      author,
      ownerName: this.ownerName,
      // An id of the bridge's own, such as `text-only`, is one of several visitors and times.
      key: `${visitor.id}.${note.messageId}${kept.kind === 'said' ? `.${Math.round(note.at)}` : ''}${ofSentence}`,
      parts: isUnsure ? (note.shown ?? []) : undefined,
      unsureSinceMs: isUnsure ? note.at : undefined,
      isKnown: (handle) => this.#shown.has(handle),
      shows: (handle) => this.shows(handle),
      save: async (parts) => {
        note.shown = parts
        await notes.keep(visitor, kept)
      },
    })
    this.#tellings.set(kept, telling)
    return telling
  }

  #take({ kept }: Job): string[] {
    return this.#tellings.get(kept)?.handles ?? []
  }

  protected async done(job: Job, replyId: string | undefined): Promise<void> {
    const handles = this.#take(job)
    const rest = { ...(handles.length > 0 && { handles }), ...(replyId !== undefined && { replyId }) }
    await this.means.notes.done(job.visitor, job.kept, rest)
  }

  #headed(author: PostAuthor, text: string): string {
    if (author !== 'owner' || this.means.outlet.showsAuthor) return text
    return `${this.sentence('ownerHead')}\n${text}`
  }
}

function remember(all: Set<string>, one: string): void {
  all.add(one)
  if (all.size <= REMEMBERED) return
  for (const oldest of all) return void all.delete(oldest)
}

/** Whether the same question may be answered in a moment. */
function isWorthwhile({ kind, retryable, retryAfterMs, unsent }: AvatarError, isAsked: boolean): boolean {
  if (retryAfterMs !== undefined && retryAfterMs > LONGEST_WAIT_MS) return false
  if (kind === 'deadline') return !isAsked || unsent !== undefined
  return retryable || ['connectionFailed', 'unavailable', 'rateLimited', 'notMember', 'closed'].includes(kind)
}
