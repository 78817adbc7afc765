/** Ids for messages that a program chooses. */

import { calledFrom, guarded } from './failures.js'
import { native } from './native.js'

/**
 * Makes an id for a message, `{random}_____{milliseconds}` with the present time, for the option `messageId` of `ask`,
 * `stream` and `send`.
 *
 * ```ts
 * const messageId = newMessageId()
 * await client.setNote(visitor, `question/${id}`, messageId)
 * const reply = await chat.ask(text, { messageId })
 * ```
 */
export function newMessageId(): string {
  return guarded(() => native().newMessageId(), calledFrom(newMessageId))
}
