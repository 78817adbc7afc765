/**
 * What answers say beside their text, in the words of UI Message Stream v1: the same of the website widget's server part
 * and of `toUIMessageStream`, so that one page reads both. `spec/web-wire.json` holds them.
 */

import type { Author, Card, NoticeKind } from './contract/values.js'

/** Something that an answer draws on. */
export interface Source {
  /** Of `http:` or `https:`; `null` where there is none. */
  readonly url: string | null
  readonly title: string
}

/** Why there is no answer. */
export type FailureWord = 'busy' | 'unavailable' | 'payment' | 'broken'

/** What is told beside an answer. `taken_over`: the owner has the conversation and has not answered yet. */
export type NoticeWord = NoticeKind | 'taken_over' | 'cut'

/** Who speaks from now on. */
export interface AuthorPart {
  readonly type: 'data-author'
  readonly data: { readonly author: Author; readonly name: string }
}

export interface NoticePart {
  readonly type: 'data-notice'
  readonly data: { readonly kind: NoticeWord; readonly text: string }
}

export type SourcePart =
  | { readonly type: 'source-url'; readonly sourceId: string; readonly url: string; readonly title: string }
  | {
      readonly type: 'source-document'
      readonly sourceId: string
      readonly mediaType: 'text/plain'
      readonly title: string
    }

export interface CardPart {
  readonly type: 'data-card'
  readonly data: Card
}

export function authorPart(author: Author, name: string): AuthorPart {
  return { type: 'data-author', data: { author, name } }
}

export function noticePart(kind: NoticeWord, text: string): NoticePart {
  return { type: 'data-notice', data: { kind, text } }
}

/** The sources of the message of this id. */
export function sourceParts(id: string, sources: readonly Source[]): SourcePart[] {
  return sources.map(({ url, title }, at) => {
    const sourceId = `${id}/s${at + 1}`
    if (url !== null) return { type: 'source-url', sourceId, url, title }
    return { type: 'source-document', sourceId, mediaType: 'text/plain', title }
  })
}

export function cardPart({ template, params }: Card): CardPart {
  return { type: 'data-card', data: { template, params } }
}

/** Returns what can be shown of the sources of a reply. The service says nowhere what they hold. */
export function sourcesOf(sources: readonly unknown[]): Source[] {
  return sources.flatMap(sourceOf)
}

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
