/** Who said something: the visitor, the avatar, or the avatar's owner in person. */
export type Author = 'visitor' | 'avatar' | 'owner'

export interface Source {
  /** `null` where the source is not a page. */
  url: string | null
  title: string
}

export interface Card {
  template: string
  params: unknown
}

/** A message as the server tells it. */
export interface Message {
  id: string
  author: Author
  /** "" where it is not known. */
  name: string
  text: string
  /** Milliseconds since 1970, on the server's clock. */
  at: number
  sources: Source[]
  cards: Card[]
  /** The id of the question, where this is its answer. */
  inReplyTo: string | null
}

/** UTF-16 units that a server takes which does not say it. */
export const LONGEST_TEXT = 10_000

/** What the server part tells about the conversation. */
export interface Info {
  avatarName: string
  ownerName: string
  isOwnerPresent: boolean
  hasHistory: boolean
  /** The longest message that the server takes, in UTF-16 units. */
  longestText: number
}

export function isAuthor(value: unknown): value is Author {
  return value === 'visitor' || value === 'avatar' || value === 'owner'
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** The message in a JSON value, or `undefined` where it holds none. */
export function messageOf(value: unknown): Message | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const from = value as Record<string, unknown>
  if (typeof from.id !== 'string' || !isAuthor(from.author)) return undefined
  return {
    id: from.id,
    author: from.author,
    name: textOf(from.name),
    text: textOf(from.text),
    at: typeof from.at === 'number' ? from.at : Date.now(),
    sources: listOf(from.sources).map((source) => ({
      url: typeof source.url === 'string' ? source.url : null,
      title: textOf(source.title) || textOf(source.url),
    })),
    cards: listOf(from.cards).map((card) => ({ template: textOf(card.template), params: card.params ?? null })),
    inReplyTo: typeof from.inReplyTo === 'string' ? from.inReplyTo : null,
  }
}

export function infoOf(value: Record<string, unknown>): Info {
  return {
    avatarName: textOf(value.avatarName),
    ownerName: textOf(value.ownerName),
    isOwnerPresent: value.isOwnerPresent === true,
    hasHistory: value.hasHistory === true,
    longestText: typeof value.maxTextChars === 'number' ? value.maxTextChars : LONGEST_TEXT,
  }
}

/** The objects of a JSON array; of anything else there are none. */
export function listOf(value: unknown): Record<string, unknown>[] {
  if (!Array.isArray(value)) return []
  return value.filter((entry) => typeof entry === 'object' && entry !== null)
}
