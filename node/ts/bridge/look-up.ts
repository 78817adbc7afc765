/** Finds out what became of a question that an earlier process, or an earlier attempt, has asked. */

import { InvalidAnswerError, RefusedError, UnsupportedError } from '../contract/errors.js'
import type { HistoryMessage } from '../contract/values.js'
import type { Conversation } from '../conversation.js'
import type { Clock } from './clock.js'

/** What was answered, the oldest first; nothing where no answer came in time. */
export type Found = readonly HistoryMessage[]

/** A message that has not grown for so long is whole. */
const STILL_MS = 3000
const LOOK_MS = 500
const COUNT = 100
/** How much earlier than by this machine's clock the service may have taken the question. */
const SKEW_MS = 600_000
/** What a service without a history says. */
const NO_HISTORY = [UnsupportedError, RefusedError, InvalidAnswerError]

/** A question, and since when it may stand in the history. */
export interface Question {
  readonly messageId: string
  readonly at: number
}

/**
 * Returns what was answered to a question; nothing at all if the service did not take the question, and `unknown` where
 * it has no history to tell. Waits for an answer that is still to come, or still grows; not for one of the owner, who has
 * the conversation: it comes as an event.
 */
export async function lookUp(
  chat: Conversation,
  question: Question,
  clock: Clock,
  stopped: AbortSignal,
  deadlineMs: number,
): Promise<Found | 'unknown' | undefined> {
  const end = clock.now() + deadlineMs
  let before: { text: string; since: number } | undefined
  for (let pauseMs = LOOK_MS; ; pauseMs = Math.min(pauseMs * 2, STILL_MS)) {
    const found = await answers(chat, question, stopped)
    if (found === undefined || found === 'unknown') return found
    const now = clock.now()
    const [last] = found.answers.slice(-1)
    const text = JSON.stringify(found.answers.map(({ id, text }) => [id, text]))
    if (last !== undefined && (found.isOver || (before?.text === text && now - before.since >= STILL_MS))) {
      return found.answers
    }
    if (now >= end || (last === undefined && chat.takenOver)) return found.answers
    if (before?.text !== text) before = { text, since: now }
    await clock.wait(last === undefined ? pauseMs : STILL_MS, stopped)
  }
}

/** What stands behind the question, and whether the visitor has said something since. */
async function answers(chat: Conversation, { messageId, at }: Question, signal: AbortSignal) {
  const history: HistoryMessage[] = []
  for (let before: string | undefined; ; ) {
    let page: HistoryMessage[]
    try {
      page = await chat.history({ count: COUNT, before, signal })
    } catch (error) {
      const isThere = !NO_HISTORY.some((kind) => error instanceof kind)
      if (isThere) throw error
      return 'unknown' as const
    }
    history.unshift(...page)
    if (page.some(({ id }) => id === messageId)) break
    const first = page[0]
    const isOlder = first?.timestamp !== undefined && first.timestamp.getTime() < at - SKEW_MS
    const isFirst = first?.seqId === undefined || first.seqId === before || page.length < COUNT
    if (isFirst || isOlder) return undefined
    before = first.seqId
  }
  const after = history.slice(history.findIndex(({ id }) => id === messageId) + 1)
  const next = after.findIndex(({ author }) => author === 'visitor')
  return { answers: next < 0 ? after : after.slice(0, next), isOver: next >= 0 }
}
