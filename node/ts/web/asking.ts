/** Takes a visitor's message: once for each id, however often and after whatever it comes. */

import { AvatarError } from '../avatar-error.js'
import type { Bridge } from '../bridge/bridge.js'
import type { IncomingMessage } from '../bridge/options.js'
import type { Visitor } from '../visitor.js'
import { rateLimited, Refusal } from './call.js'
import { isFailure, visitorsMessage } from './messages.js'
import { bridgeId } from './outlet.js'
import type { Present } from './present.js'
import type { Question } from './question.js'
import type { Rate } from './rates.js'
import type { Outcome } from './transcript.js'
import { Turn } from './turn.js'

/** A message that the bridge is given, with the visitor who says it. */
export interface WebMessage extends IncomingMessage {
  readonly visitor: Visitor
}

/** How often a visitor, and an address, may write. */
export interface MessageRates {
  readonly visitor: Rate
  readonly address: Rate
}

export class Asking {
  readonly #bridge: Bridge
  readonly #rates: MessageRates
  readonly #now: () => number
  readonly #report: (error: unknown, visitorId: string, messageId: string) => void
  /** Ends when it is known what becomes of a message. */
  readonly #taking = new WeakMap<Turn, Promise<void>>()

  constructor(
    bridge: Bridge,
    rates: MessageRates,
    now: () => number,
    report: (error: unknown, visitorId: string, messageId: string) => void,
  ) {
    this.#bridge = bridge
    this.#rates = rates
    this.#now = now
    this.#report = report
  }

  /**
   * Returns the answer to a message: the one that is under way, or that was given, where the message was taken before.
   *
   * @throws {@link Refusal} where it is not taken.
   */
  async ask(present: Present, question: Question, address: string | undefined): Promise<Turn> {
    let turn = present.turns.get(question.id)
    if (turn === undefined) {
      turn = new Turn(question.id)
      // All who come with the same id from now on find it.
      present.turns.set(question.id, turn)
      this.#taking.set(turn, this.#take(present, turn, question, address))
    }
    await this.#taking.get(turn)
    return turn
  }

  async #take(present: Present, turn: Turn, question: Question, address: string | undefined): Promise<void> {
    try {
      const outcome = await present.transcript.outcome(question.id)
      if (outcome !== undefined && !outcome.notices.some(({ kind }) => isFailure(kind))) {
        await replay(present, turn, outcome)
        present.turns.delete(turn.id)
        return
      }
      await this.#count(present, question, address)
      await this.#give(present, turn, question, (outcome?.attempt ?? 0) + 1)
    } catch (error) {
      present.turns.delete(turn.id)
      if (error instanceof Refusal) throw error
      this.#report(error, present.visitor.id, question.id)
      if (!(error instanceof AvatarError)) throw error
      throw new Refusal(503, 'unavailable', 'the message could not be taken: send it again', { 'retry-after': '2' })
    }
  }

  /** Counts a message, unless it was taken before and waits to be answered. */
  async #count({ visitor, transcript }: Present, { id }: Question, address: string | undefined): Promise<void> {
    const now = this.#now()
    const rates = this.#rates
    const wait = rates.visitor.take(visitor.id, now)
    const others = wait === undefined && address !== undefined ? rates.address.take(address, now) : undefined
    if (wait === undefined && others !== undefined) rates.visitor.giveBack(visitor.id)
    if ((wait ?? others) === undefined || (await transcript.message(id)) !== undefined) return
    if (wait !== undefined) throw rateLimited('these are too many messages at once', wait)
    throw rateLimited('these are too many messages at once from this address', others ?? 0)
  }

  async #give(present: Present, turn: Turn, { id, text }: Question, attempt: number): Promise<void> {
    const { visitor, transcript } = present
    const message = visitorsMessage(id, text, this.#now())
    // A browser that hears of its message keeps it no more: it is told only what is in the store.
    turn.onTaken = () => {
      if (attempt === 1) present.tell(message)
      // The history follows, and holds up no piece of the answer: what is said in answer stands behind it, and the
      // bridge is done with the message only when it is there. After a kill the next process adds it.
      transcript.add(message).catch((error) => this.#report(error, visitor.id, id))
    }
    const given: WebMessage = {
      ...{ id: bridgeId(id, attempt), user: { id: visitor.id }, address: visitor.id, text },
      visitor,
    }
    const isNew = await this.#bridge.receive(given)
    turn.taken()
    if (isNew || turn.hasEnded || this.#bridge.goOn(visitor.id, given.id)) return
    // It was dealt with, and nothing is left of what was said.
    const notice = { kind: 'unavailable', text: '' } as const
    turn.notice(notice)
    present.tell({ type: 'notice', ...notice })
    turn.end()
    present.turns.delete(turn.id)
  }
}

/** Says once more what was said. */
async function replay({ transcript }: Present, turn: Turn, { parts, notices }: Outcome): Promise<void> {
  for (let part = 1; part <= parts; part++) {
    const message = await transcript.message(`${turn.id}.${part}`)
    if (message !== undefined) turn.said(message)
  }
  for (const notice of notices) if (parts === 0) turn.notice(notice)
  turn.end()
}
