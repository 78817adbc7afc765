/** Texts that are too long for one message. */

import { cutAt, cutInto } from '#shared/cut.js'

/** Returns how many UTF-16 units of the text fit into `maxBytes` of UTF-8, up to a good place to cut. */
export function fitting(text: string, maxBytes: number): number {
  let bytes = 0
  let end = 0
  for (const character of text) {
    bytes += Buffer.byteLength(character)
    if (bytes > maxBytes) break
    end += character.length
  }
  return end === text.length ? end : cutAt(text, end)
}

/** Cuts a text. Joined, the parts are the text. */
export function parts(text: string, maxBytes: number): string[] {
  return cutInto(text, (rest) => fitting(rest, maxBytes))
}
