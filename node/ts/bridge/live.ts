/** Places that take answers as they are said, piece by piece, with sources and cards: a page in a browser. */

import { AvatarError } from '../avatar-error.js'
import { StoreError } from '../contract/errors.js'
import type { OwnerReplyEvent, ReplyEvent } from '../contract/events.js'
import type { Card, Reply } from '../contract/values.js'
import type { Conversation } from '../conversation.js'
import { Answerer, type Job } from './answerer.js'
import type { Found } from './look-up.js'
import type { Outlet, PostAuthor } from './outlet.js'
import { type Sentences, sentenceFor } from './sentences.js'
import { Telling } from './telling.js'

/** Who says something to the visitor. */
export type LiveAuthor = 'avatar' | 'owner'

/** What one author has said, whole. */
export interface Said {
  /** The reply's id, of words that were not asked for, or were found in the service's history. */
  readonly id?: string | undefined
  readonly author: LiveAuthor
  readonly text: string
  readonly cards: readonly Card[]
  readonly sources: readonly unknown[]
}

/**
 * A place that takes answers as they are said. Its limits and `post` are not used, since what it is given needs neither
 * cutting nor pacing. Its calls fail only where the client's store does.
 *
 * `question` is the platform's id of the message that is answered, and absent of words that were not asked for.
 */
export interface LiveOutlet extends Outlet {
  readonly live: {
    /** A message of an earlier process waits to be answered. */
    waits(visitorId: string, question: string): void
    /** The bridge begins with a message. `takenOver`: the owner has the conversation. */
    began(visitorId: string, question: string, takenOver: boolean): void
    /** What an earlier process has accepted is gone on with. */
    resumed(visitorId: string, question: string, text: string, at: number): Promise<void>
    /** Takes a piece of an answer. */
    piece(visitorId: string, question: string, author: LiveAuthor, text: string): void
    /** Takes what one author has said, whole. It may come again after a restart. */
    said(visitorId: string, question: string | undefined, said: Said): Promise<void>
    /** Takes a sentence of the bridge's own. */
    notice(visitorId: string, question: string, name: keyof Sentences, text: string): Promise<void>
    /** Is told that nothing more comes in answer to a message. */
    ended(visitorId: string, question: string): Promise<void>
    /** Is told that a message could not be dealt with, and is left for the next process. */
    left(visitorId: string, question: string): void
  }
}

export function isLive(outlet: Outlet): outlet is LiveOutlet {
  return 'live' in outlet
}

/** Answers at a place that takes answers as they are said. */
export class LiveAnswerer extends Answerer {
  /** The visitors who are being answered. */
  readonly #answered = new Set<string>()
  /** Of all answers: nothing is posted, so that it holds nothing, and thousands of visitors are answered at once. */
  readonly #untold = new Telling(this.means.outlet, this.means.pacer, this.means.clock, {
    address: '',
    author: 'avatar',
    ownerName: undefined,
    key: '',
    isKnown: () => false,
    shows: () => {},
    save: async () => {},
  })

  get #live(): LiveOutlet['live'] {
    return (this.means.outlet as LiveOutlet).live
  }

  /** What is kept of words that were not asked for: all of them. */
  override textOf({ text, parts, ...reply }: Pick<Reply, 'text' | 'parts'>): string {
    const { sources = [] } = reply as Partial<Reply>
    return JSON.stringify({ text, cards: cardsOf(parts), sources })
  }

  override hasWords({ text, parts }: ReplyEvent | OwnerReplyEvent): boolean {
    return !isNothing(text, parts)
  }

  /** The owner who takes over while the avatar speaks is heard at once: the avatar may speak for a minute. */
  override isPassedBy(visitorId: string, author: PostAuthor): boolean {
    return author === 'owner' && this.#answered.has(visitorId)
  }

  protected override async resumed({ visitor, kept }: Job, text: string): Promise<void> {
    await this.#live.resumed(visitor.id, kept.id, text, kept.note.at)
  }

  override waits({ visitor, kept }: Job): void {
    if (kept.kind === 'message') this.#live.waits(visitor.id, kept.id)
  }

  override left({ visitor, kept }: Job): void {
    if (kept.kind === 'message') this.#live.left(visitor.id, kept.id)
  }

  protected override tell(): Telling {
    return this.#untold
  }

  protected override async say(job: Job): Promise<void> {
    const { visitor, kept } = job
    const { notes } = this.means
    // The answer to a question may have been taken for unasked first.
    if (!(await notes.isOpen(visitor, kept))) return
    const words = JSON.parse(await notes.text(visitor, kept)) as Omit<Said, 'id' | 'author'>
    const author = kept.note.author === 'owner' ? 'owner' : 'avatar'
    await this.#live.said(visitor.id, undefined, { ...words, id: kept.id, author })
    await notes.done(visitor, kept, {})
  }

  protected override async ask(
    job: Job,
    _: Telling,
    chat: Conversation,
    text: string,
    heard: (all: string) => void,
  ): Promise<void> {
    const { visitor, kept } = job
    const pieces = this.asked(job, chat, text)
    this.#live.began(visitor.id, kept.id, chat.takenOver)
    this.#answered.add(visitor.id)
    let author: LiveAuthor | undefined
    let segment = ''
    let hasWords = false
    try {
      for await (const piece of pieces) {
        if (author !== undefined && author !== pieces.author) {
          await this.#said(job, author, segment)
          hasWords ||= segment.trim() !== ''
          segment = ''
        }
        author = pieces.author === 'owner' ? 'owner' : 'avatar'
        segment += piece
        heard(segment)
        this.#live.piece(visitor.id, kept.id, author, piece)
      }
    } catch (error) {
      const { pacer, isForgotten } = this.means
      if (author === undefined || !(error instanceof AvatarError)) throw error
      if (pacer.stopped.aborted || isForgotten(visitor.id)) throw error
      this.means.report(error, { during: 'answer', visitorId: visitor.id, messageId: kept.id })
      await this.#said(job, author, segment)
      await this.#notice(job, 'cut')
      return this.done(job, undefined)
    } finally {
      this.#answered.delete(visitor.id)
    }
    const reply = await pieces.reply()
    if (reply.author === 'avatar') this.told.delete(visitor.id)
    const by = reply.author === 'owner' ? 'owner' : 'avatar'
    const { parts, sources } = reply
    const words = author === undefined ? reply.text : segment
    // Nothing at all was said: the visitor waits for something, and may ask once more.
    if (!hasWords && isNothing(words, parts)) await this.#notice(job, 'broken')
    await this.#said(job, author ?? by, words, { parts, sources })
    await this.done(job, reply.id)
  }

  protected override async tellFound(job: Job, telling: Telling, chat: Conversation, found: Found): Promise<void> {
    const { visitor } = job
    const { notes, clock } = this.means
    if (found.length === 0) {
      if (chat.takenOver) await this.tellTakenOver(job, telling)
      else await this.#notice(job, 'unavailable')
    } else if (found.every(({ text, parts }) => isNothing(text, parts))) await this.#notice(job, 'broken')
    for (const { id, author, text, parts } of found) {
      // The client may bring them as events as well.
      if (id !== undefined) await notes.close(visitor, 'said', id, { at: clock.now() })
      await this.#said(job, author === 'owner' ? 'owner' : 'avatar', text, { id, parts, sources: [] })
    }
    await this.done(job, found[0]?.id)
  }

  protected override async pass(job: Job, chat: Conversation, text: string): Promise<void> {
    const { visitor, kept } = job
    this.#live.began(visitor.id, kept.id, true)
    await chat.send(text, { messageId: kept.note.messageId, signal: this.means.pacer.stopped })
    await this.#notice(job, 'takenOver')
    await this.done(job, undefined)
  }

  protected override async tellTakenOver(job: Job, _: Telling): Promise<void> {
    this.told.add(job.visitor.id)
    await this.#notice(job, 'takenOver')
  }

  protected override async apologise(job: Job, telling: Telling, error: AvatarError): Promise<void> {
    // The answer may be there: the job is left, and gone on with once the store works.
    if (error instanceof StoreError) throw error
    const { visitor, kept } = job
    const sentence = sentenceFor(error)
    if (sentence === 'takenOver') await this.tellTakenOver(job, telling)
    else {
      this.means.report(error, { during: 'answer', visitorId: visitor.id, messageId: kept.id })
      await this.#notice(job, sentence)
    }
    await this.done(job, undefined)
  }

  protected override async done(job: Job, replyId: string | undefined): Promise<void> {
    const { visitor, kept } = job
    if (kept.kind === 'message') await this.#live.ended(visitor.id, kept.id)
    await super.done(job, replyId)
  }

  async #said(
    { visitor, kept }: Job,
    author: LiveAuthor,
    text: string,
    { id, parts, sources }: Pick<Reply, 'parts' | 'sources'> & { id?: string | undefined } = { parts: [], sources: [] },
  ): Promise<void> {
    if (isNothing(text, parts)) return
    const cards = cardsOf(parts)
    await this.#live.said(visitor.id, kept.id, { id, author, text, cards, sources })
  }

  async #notice({ visitor, kept }: Job, name: keyof Sentences): Promise<void> {
    await this.#live.notice(visitor.id, kept.id, name, this.sentence(name))
  }
}

/** Whether a page shows nothing of it. */
function isNothing(text: string, parts: Reply['parts']): boolean {
  return text.trim() === '' && cardsOf(parts).length === 0
}

function cardsOf(parts: Reply['parts']): Card[] {
  return parts.flatMap((part) => (part.type === 'card' ? [{ template: part.template, params: part.params }] : []))
}
