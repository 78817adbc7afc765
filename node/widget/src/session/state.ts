import type { Trouble } from './api.js'
import type { Info } from './message.js'

export interface SessionListener {
  /** Something besides the messages is another. */
  onState?(): void
  /** Another visitor has signed in: what was written here is not theirs. */
  onOther?(): void
}

/** What is known of the conversation besides its messages. */
export interface SessionState {
  phase: 'idle' | 'starting' | 'ready'
  info: Info | undefined
  /** What stands in the way, or `null`. */
  trouble: Trouble | 'signed_out' | null
  /** Who is about to say something. */
  typing: 'avatar' | 'owner' | null
  unread: number
  isLoadingOlder: boolean
}

/** What stands in the way of each part of a session. */
export interface Troubles {
  start: SessionState['trouble']
  events: Trouble | null
  send: Trouble | null
}

export const NO_TROUBLES: Troubles = { start: null, events: null, send: null }

/** The kinds of notices that say why there is no answer. */
export const FAILED_ANSWERS = new Set(['busy', 'unavailable', 'payment', 'broken'])
