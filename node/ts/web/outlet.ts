/** Where the bridge's answers go: to the visitors' browsers, and into the transcripts. */

import type { LiveAuthor, LiveOutlet, Said } from '../bridge/live.js'
import type { Sentences } from '../bridge/sentences.js'
import { Visitor } from '../visitor.js'
import { messageOf, type Notice, visitorsMessage } from './messages.js'
import type { Present } from './present.js'
import { Turn } from './turn.js'

/** What the outlet asks of the server part. */
export interface Site {
  nameOf(author: LiveAuthor): string
  now(): number
  present(visitor: Visitor): Present
}

/** The outlet of the website. */
export function liveOutlet(site: Site): LiveOutlet {
  return {
    limits: { maxChars: Number.MAX_SAFE_INTEGER, updateIntervalMs: 0 },
    async post() {
      throw new Error('a website is given answers as they are said')
    },
    live: new WebLive(site),
  }
}

/** Under which id the bridge knows a question: a question that has failed is asked again under another one. */
export function bridgeId(id: string, attempt: number): string {
  return attempt === 1 ? id : `${id}#${attempt}`
}

function asked(question: string): { id: string; attempt: number } {
  const [id = '', attempt = '1'] = question.split('#')
  return { id, attempt: Number(attempt) }
}

class WebLive {
  readonly #site: Site

  constructor(site: Site) {
    this.#site = site
  }

  waits(visitorId: string, question: string): void {
    this.#turn(this.#present(visitorId), question)
  }

  async resumed(visitorId: string, question: string, text: string, at: number): Promise<void> {
    await this.#present(visitorId).transcript.add(visitorsMessage(asked(question).id, text, at))
  }

  began(visitorId: string, question: string, takenOver: boolean): void {
    const present = this.#present(visitorId)
    this.#turn(present, question)
    if (!takenOver) isTyping(present, true)
  }

  piece(visitorId: string, question: string, author: LiveAuthor, text: string): void {
    const present = this.#present(visitorId)
    if (author === 'avatar') isTyping(present, true)
    const turn = this.#turn(present, question)
    const name = this.#site.nameOf(author)
    turn.piece(author, name, text)
    present.grow({ id: turn.messageId, author, name, inReplyTo: turn.id }, text)
  }

  async said(visitorId: string, question: string | undefined, said: Said): Promise<void> {
    const present = this.#present(visitorId)
    const turn = question === undefined ? undefined : this.#turn(present, question)
    // It was told as it came, before it was found in the service's history.
    if (turn !== undefined && said.id !== undefined && (await present.transcript.message(said.id))) return
    const id = turn?.messageId ?? said.id ?? crypto.randomUUID()
    const name = this.#site.nameOf(said.author)
    const message = messageOf(said, id, name, Math.floor(this.#site.now()), turn?.id ?? null)
    const isNew = await present.transcript.add(message)
    turn?.said(message)
    if (turn !== undefined) {
      present.grown()
      isTyping(present, false)
    }
    // Words that an earlier process has told stand in the history, which the browser has read.
    if (isNew || turn !== undefined) present.tell(message)
  }

  async notice(visitorId: string, question: string, name: keyof Sentences, text: string): Promise<void> {
    const present = this.#present(visitorId)
    this.#notice(present, this.#turn(present, question), { kind: kindOf(name), text })
  }

  async ended(visitorId: string, question: string): Promise<void> {
    const present = this.#present(visitorId)
    const turn = this.#turn(present, question)
    const { notices, parts } = turn
    await present.transcript.keepOutcome(turn.id, { attempt: asked(question).attempt, parts, notices })
    this.#end(present, turn)
  }

  left(visitorId: string, question: string): void {
    const present = this.#present(visitorId)
    const turn = this.#turn(present, question)
    // Nothing is kept of it: who asks again goes on with what is left.
    if (!turn.hasFailed) this.#notice(present, turn, { kind: 'unavailable', text: '' })
    this.#end(present, turn)
  }

  #present(visitorId: string): Present {
    return this.#site.present(Visitor.known({ id: visitorId }))
  }

  #turn(present: Present, question: string): Turn {
    const { id } = asked(question)
    let turn = present.turns.get(id)
    if (turn === undefined) {
      turn = new Turn(id)
      present.turns.set(id, turn)
    }
    // The bridge knows of it, so it is in the store.
    turn.taken()
    return turn
  }

  #notice(present: Present, turn: Turn, notice: Notice): void {
    isTyping(present, false)
    turn.notice(notice)
    present.tell({ type: 'notice', ...notice })
  }

  #end(present: Present, turn: Turn): void {
    present.grown()
    isTyping(present, false)
    turn.end()
    present.turns.delete(turn.id)
    present.usedAt = this.#site.now()
  }
}

function isTyping(present: Present, isTyping: boolean): void {
  if (present.isTyping === isTyping) return
  present.isTyping = isTyping
  present.tell({ type: 'typing', author: 'avatar', isTyping })
}

function kindOf(name: keyof Sentences): Notice['kind'] {
  switch (name) {
    case 'takenOver':
      return 'taken_over'
    case 'busy':
    case 'unavailable':
    case 'payment':
    case 'cut':
      return name
    default:
      return 'broken'
  }
}
