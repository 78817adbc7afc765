/** What is said, as the wire has it. */

import type { Said } from '../bridge/live.js'
import type { Card } from '../contract/values.js'
import { type FailureWord, type NoticeWord, type Source, sourcesOf } from '../ui-parts.js'
import type { GrowingReply } from './growing.js'

/** A message of the conversation. */
export interface Message {
  readonly type: 'message'
  readonly id: string
  readonly author: 'visitor' | 'avatar' | 'owner'
  /** Empty where it is not known, and of the visitor. */
  readonly name: string
  readonly text: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly sources: readonly Source[]
  readonly cards: readonly Card[]
  /** The id of the visitor's message that it answers. */
  readonly inReplyTo: string | null
}

/** A line that is no message. */
export interface Notice {
  readonly kind: FailureWord | NoticeWord
  readonly text: string
}

/** What an event stream carries. */
export type WidgetEvent =
  | Message
  | (GrowingReply & { readonly type: 'growing'; readonly text: string })
  | { readonly type: 'piece'; readonly id: string; readonly from: number; readonly text: string }
  | { readonly type: 'typing'; readonly author: 'avatar'; readonly isTyping: boolean }
  | { readonly type: 'owner'; readonly isPresent: boolean; readonly name: string }
  | ({ readonly type: 'notice' } & Notice)
  | { readonly type: 'reset' }

export function isFailure(kind: Notice['kind']): kind is FailureWord {
  return kind === 'busy' || kind === 'unavailable' || kind === 'payment' || kind === 'broken'
}

export function visitorsMessage(id: string, text: string, at: number): Message {
  const empty = { name: '', sources: [], cards: [], inReplyTo: null }
  return { ...empty, type: 'message', id, author: 'visitor', text, at: Math.floor(at) }
}

export function messageOf(said: Said, id: string, name: string, at: number, inReplyTo: string | null): Message {
  const { author, text, cards } = said
  return { type: 'message', id, author, name, text, at, sources: sourcesOf(said.sources), cards, inReplyTo }
}
