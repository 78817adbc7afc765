/** Cuts a text into messages that a platform takes. */

import type { Limits } from './outlet.js'

/** Whether a message of this text is within the limits. */
export function fits(text: string, limits: Limits): boolean {
  const { maxChars, maxBytes } = limits
  if (maxChars !== undefined && length(text, limits) > maxChars) return false
  return maxBytes === undefined || Buffer.byteLength(text) <= maxBytes
}

function length(text: string, { measure }: Limits): number {
  return measure === undefined ? text.length : measure(text)
}

/**
 * Returns how many UTF-16 units of the text the next message holds: all of a text that fits. Otherwise it ends behind a
 * paragraph, a line, a sentence or a word in its second half, or at least behind a whole character, and never before
 * `atLeast`, which is shown already.
 */
export function cut(text: string, limits: Limits, atLeast = 0): number {
  if (fits(text, limits)) return text.length
  let [least, most] = [0, text.length]
  while (least < most) {
    const middle = Math.ceil((least + most) / 2)
    if (fits(text.slice(0, middle), limits)) least = middle
    else most = middle - 1
  }
  const from = Math.max(atLeast, Math.floor(least / 2))
  const within = text.slice(from, least)
  for (const end of ENDS) {
    const last = [...within.matchAll(end)].at(-1)
    if (last !== undefined) return from + last.index + last[0].length
  }
  const whole = wholeCharacters(text, least)
  // A character longer than a message stays whole all the same, as does what is shown already.
  return Math.max(whole, atLeast, 1)
}

/** From the best end of a message to the worst. */
const ENDS = [/\n\s*\n/g, /\n/g, /[.!?…]["')\]]*\s+|[。！？][”’」』）]*/g, /\s+/g]

const characters = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** The end of the last whole character that ends at or before this place. */
function wholeCharacters(text: string, place: number): number {
  // Where a character begins depends on little before it.
  const start = Math.max(0, place - 256)
  let end = start
  for (const { index, segment } of characters.segment(text.slice(start, place + 256))) {
    if (start + index + segment.length > place) break
    end = start + index + segment.length
  }
  if (end > start) return end
  const unit = text.charCodeAt(place)
  return unit >= 0xdc00 && unit <= 0xdfff ? place + 1 : place
}
