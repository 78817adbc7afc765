/** What is said, as the wire has it. */

import type { Said } from '../bridge/live.js'
import type { Card, NoticeKind } from '../contract/values.js'

/** Something that an answer draws on. */
export interface Source {
  /** Of `http:` or `https:`; `null` where there is none. */
  readonly url: string | null
  readonly title: string
}

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

/** What went wrong with a question, so that it may be asked again. */
export type Failure = 'busy' | 'unavailable' | 'payment' | 'broken'

/** A line that is no message. */
export interface Notice {
  readonly kind: Failure | 'taken_over' | 'cut' | NoticeKind
  readonly text: string
}

/** What an event stream carries. */
export type WidgetEvent =
  | Message
  | { readonly type: 'typing'; readonly author: 'avatar'; readonly isTyping: boolean }
  | { readonly type: 'owner'; readonly isPresent: boolean; readonly name: string }
  | ({ readonly type: 'notice' } & Notice)
  | { readonly type: 'reset' }

export function isFailure(kind: Notice['kind']): kind is Failure {
  return kind === 'busy' || kind === 'unavailable' || kind === 'payment' || kind === 'broken'
}

export function visitorsMessage(id: string, text: string, at: number): Message {
  const empty = { name: '', sources: [], cards: [], inReplyTo: null }
  return { ...empty, type: 'message', id, author: 'visitor', text, at: Math.floor(at) }
}

export function messageOf(said: Said, id: string, name: string, at: number, inReplyTo: string | null): Message {
  const { author, text, cards } = said
  return { type: 'message', id, author, name, text, at, sources: said.sources.flatMap(sourceOf), cards, inReplyTo }
}

/** The service says nowhere what a source holds: what has an address or a title is shown. */
function sourceOf(source: unknown): Source[] {
  if (typeof source === 'string') {
    const url = webAddress(source)
    return [{ url, title: url ?? source }]
  }
  if (typeof source !== 'object' || source === null) return []
  const { url, link, href, title, name } = source as Record<string, unknown>
  const address = [url, link, href].map(webAddress).find((one) => one !== null) ?? null
  const text = [title, name].find((one): one is string => typeof one === 'string' && one !== '')
  const shown = text ?? address
  return shown === null ? [] : [{ url: address, title: shown }]
}

/** Nothing but the web is linked to: no `javascript:`. */
function webAddress(text: unknown): string | null {
  if (typeof text !== 'string' || !URL.canParse(text)) return null
  const { protocol } = new URL(text)
  return protocol === 'https:' || protocol === 'http:' ? text : null
}
