/** Texts that are too long for one message. */

import { cutAt, cutInto } from '#shared/cut.js'

/** Returns how many UTF-16 units fit, up to a good place to cut, and never within a character. */
function fitting(text: string, maxChars: number): number {
  if (text.length <= maxChars) return text.length
  const isSplit = text.charCodeAt(maxChars - 1) >= 0xd800 && text.charCodeAt(maxChars - 1) < 0xdc00
  return cutAt(text, isSplit ? maxChars - 1 : maxChars)
}

/** Cuts a text. Joined, the parts are the text. */
export function parts(text: string, maxChars: number): string[] {
  return cutInto(text, (rest) => fitting(rest, maxChars))
}
