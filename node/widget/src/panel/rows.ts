import { guard } from 'lit/directives/guard.js'
import { repeat } from 'lit/directives/repeat.js'
import { html, nothing, type TemplateResult } from 'lit/html.js'
import type { Source } from '../session/message.js'
import type { Bubble, Item, Line } from '../session/store.js'
import { filled } from '../words/launcher.js'
import type { PanelWords } from '../words/panel.js'
import type { Bodies } from './body.js'
import { cardView } from './cards.js'
import { LINK } from './icons.js'
import { REL, safeUrl } from './links.js'
import { isSameDay, type Times } from './times.js'

/** What rows are shown with. */
export interface RowContext {
  words: PanelWords
  times: Times
  bodies: Bodies
  avatarName: string
  ownerName: string
  sendAgain(id: string): void
  takeBack(id: string): void
}

/** Two messages of one author that are further apart than this do not stand together. */
const TOGETHER_MS = 5 * 60_000

/** The rows of the log. A row is rendered again only when something of it is another. */
export function rows(items: readonly Item[], context: RowContext): unknown {
  const shown = items.filter((item) => item.kind === 'line' || isSeen(item))
  return repeat(
    shown,
    (item) => item.id,
    (item, index) => {
      const before = shown[index - 1]
      const after = shown[index + 1]
      // That it is today goes without saying, unless another day stands above.
      const isNewDay = !isSameDay(before?.at ?? Date.now(), item.at)
      const isFirst = isNewDay || before === undefined || !areTogether(before, item)
      const isLast = after === undefined || !areTogether(item, after) || !isSameDay(item.at, after.at)
      const { avatarName, ownerName, words } = context
      return guard([item, item.revision, isNewDay, isFirst, isLast, avatarName, ownerName, words], () =>
        row(item, { isNewDay, isFirst, isLast }, context),
      )
    },
  )
}

/** Whether there is something to see: white space alone is nothing. */
function isSeen({ text, cards, sources }: Bubble): boolean {
  return text.trim() !== '' || cards.length > 0 || sources.length > 0
}

interface Place {
  isNewDay: boolean
  isFirst: boolean
  isLast: boolean
}

function row(item: Item, place: Place, context: RowContext): TemplateResult {
  const day = place.isNewDay ? html`<div class="day"><span>${context.times.day(item.at)}</span></div>` : nothing
  return html`${day}${item.kind === 'line' ? lineRow(item, context) : messageRow(item, place, context)}`
}

function lineRow(line: Line, context: RowContext): TemplateResult {
  return html`<div class="line ${line.what}" part="line" data-line=${line.what} data-kind=${line.notice || nothing}>
    <span>${lineText(line, context)}</span>
  </div>`
}

export function lineText(line: Line, { words, ownerName }: RowContext): string {
  const name = line.name || ownerName || words.owner
  if (line.what === 'joined') return filled(words.joined, { name })
  if (line.what === 'left') return filled(words.left, { name })
  if (line.notice === 'taken_over') return filled(words.takenOver, { name })
  return failureText(line.notice, words) ?? line.text
}

/** The sentence for a kind of failure or notice that the widget knows. */
export function failureText(kind: string, words: PanelWords): string | undefined {
  switch (kind) {
    case 'unavailable':
      return words.unanswered
    case 'busy':
    case 'payment':
    case 'broken':
    case 'cut':
      return words[kind]
    default:
      return undefined
  }
}

/** Why a message of the visitor's was not sent, or got no answer. */
export function failureOf({ state, trouble }: Bubble, words: PanelWords): string {
  if (state !== 'failed') return failureText(trouble ?? '', words) ?? words.unanswered
  return `${words.notSent} ${trouble === 'too_large' ? words.too_large : words.refused}`
}

function messageRow(bubble: Bubble, { isFirst, isLast }: Place, context: RowContext): TemplateResult {
  const { author, state, id } = bubble
  const isUnsent = state === 'waiting' || state === 'sending'
  return html`<div
    class="row ${author} ${isFirst ? 'first' : ''} ${isLast ? 'last' : ''} ${state === 'failed' ? 'unsent' : ''}"
    part="message message-${author}"
    data-id=${id}
    data-author=${author}
    ?data-streaming=${state === 'streaming'}
    ?data-pending=${isUnsent}
    ?data-failed=${state === 'failed' || bubble.trouble !== null}
  >
    ${byline(bubble, context)}
    ${
      bubble.text === ''
        ? nothing
        : html`<div class="bubble" part="bubble bubble-${author}">${context.bodies.of(bubble).element}</div>`
    }
    ${bubble.cards.map((card) => cardView(card, context.words))}
    ${bubble.sources.length === 0 ? nothing : sources(bubble.sources, context.words)}
    ${foot(bubble, isLast, context)}
  </div>`
}

export function nameOf({ author, name }: Pick<Bubble, 'author' | 'name'>, context: RowContext): string {
  const { words } = context
  if (author === 'visitor') return words.you
  if (author === 'owner') return name || context.ownerName || words.owner
  return name || context.avatarName || words.avatar
}

/** Who says it; shown above the first of several messages, and there for a screen reader in all. */
function byline(bubble: Bubble, context: RowContext): TemplateResult {
  const { words } = context
  const badge =
    bubble.author === 'visitor'
      ? nothing
      : html`<span class="badge ${bubble.author}" part="badge badge-${bubble.author}"
          >${bubble.author === 'owner' ? words.personBadge : words.aiBadge}</span
        >`
  return html`<div class="by"><span class="name">${nameOf(bubble, context)}</span>${badge}</div>`
}

function sources(all: Source[], words: PanelWords): TemplateResult {
  return html`<ul class="sources" aria-label=${words.sources}>
    ${all.map((source) => {
      const url = safeUrl(source.url)
      const title = source.title || source.url || ''
      return html`<li part="source">
        ${
          url === undefined
            ? html`<span>${title}</span>`
            : html`<a href=${url} target="_blank" rel=${REL}>${LINK}<span>${title}</span></a>`
        }
      </li>`
    })}
  </ul>`
}

function foot(bubble: Bubble, isLast: boolean, context: RowContext): TemplateResult | typeof nothing {
  const { words, times } = context
  const { id, state, trouble } = bubble
  if (state === 'waiting' || state === 'sending') return html`<div class="foot">${words[state]}</div>`
  if (trouble !== null) {
    const isFinal = trouble === 'broken' || trouble === 'payment'
    const { sendAgain, takeBack } = context
    return html`<div class="foot wrong">
      <span>${failureOf(bubble, words)}</span>
      <button type="button" class="text-button" ?hidden=${isFinal} @click=${() => sendAgain(id)}>${words.tryAgain}</button>
      <button type="button" class="text-button" ?hidden=${state !== 'failed'} @click=${() => takeBack(id)}>${words.edit}</button>
    </div>`
  }
  if (!isLast || state === 'streaming') return nothing
  return html`<div class="foot"><time datetime=${new Date(bubble.at).toISOString()}>${times.time(bubble.at)}</time></div>`
}

function areTogether(one: Item, other: Item): boolean {
  return (
    one.kind === 'message' &&
    other.kind === 'message' &&
    one.author === other.author &&
    one.trouble === null &&
    other.at - one.at < TOGETHER_MS
  )
}
