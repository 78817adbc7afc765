import { t } from '../words'

// What the emulator draws holds texts of visitors, so it is parsed as a picture and never as a page, and what could
// run or load something is taken out.

const NOT_DRAWN = 'script, foreignObject, style, iframe, object, embed, use[href^="http"], image'

/** Puts a picture, as a text of SVG, in the place of the one before. */
export function adoptDrawing(place: HTMLElement, text: string): void {
  const parsed = new DOMParser().parseFromString(text, 'image/svg+xml')
  const drawing = parsed.documentElement
  if (drawing.localName !== 'svg' || parsed.querySelector('parsererror')) throw new Error(t('notAPicture'))
  for (const element of drawing.querySelectorAll(NOT_DRAWN)) element.remove()
  for (const element of [drawing, ...drawing.querySelectorAll('*')]) {
    for (const { name } of [...element.attributes]) {
      if (name.startsWith('on') || name === 'style') element.removeAttribute(name)
    }
  }
  place.replaceChildren(document.adoptNode(drawing))
}

export type Span = { from: number; to: number }

/** What a drawing says of itself, in milliseconds after the beginning of its conversation. */
export interface Shown {
  /** When the conversation began, in milliseconds of the emulator's time. */
  begin: number
  /** The time that is shown. */
  span: Span
  /** How long all of it is. */
  end: number
  /** Which moment stands at which place: between two of them the scale is even. */
  scale: { x: number; at: number }[]
}

export function shownBy(place: HTMLElement): Shown | null {
  const data = place.querySelector('svg')?.dataset
  const [begin, from, to, end] = [Number(data?.begin), Number(data?.from), Number(data?.to), Number(data?.end)]
  if (![begin, from, to, end].every(Number.isFinite) || to <= from) return null
  const scale = (data?.scale ?? '').split(' ').map((edge) => {
    const [x, at] = edge.split(':').map(Number)
    return { x: x ?? 0, at: at ?? 0 }
  })
  return { begin, span: { from, to }, end, scale }
}

/** The moment at a place of the drawing; that of its edge beyond it. */
export function momentAt({ scale, span }: Shown, x: number): number {
  const next = scale.findIndex((edge) => edge.x >= x)
  if (next <= 0) return next === 0 ? span.from : span.to
  const [one, other] = [scale[next - 1], scale[next]]
  if (!one || !other || other.x === one.x) return other?.at ?? span.to
  return one.at + ((x - one.x) / (other.x - one.x)) * (other.at - one.at)
}

/** The place of a moment in the drawing; `null` where it is not shown. */
export function placeAt({ scale, span }: Shown, at: number): number | null {
  if (at < span.from || at > span.to) return null
  const next = scale.findIndex((edge) => edge.at >= at)
  const [one, other] = [scale[Math.max(0, next - 1)], scale[next]]
  if (!one || !other) return null
  return other.at === one.at ? one.x : one.x + ((at - one.at) / (other.at - one.at)) * (other.x - one.x)
}

/** A part of the whole: not shorter than `LEAST`, and nothing beyond its ends. */
export function within(span: Span, end: number): Span | null {
  const length = Math.max(LEAST, span.to - span.from)
  const from = Math.max(0, Math.min(span.from, end - length))
  const to = Math.min(end, from + length)
  return from <= 0 && to >= end ? null : { from: Math.round(from), to: Math.round(to) }
}

const LEAST = 50
