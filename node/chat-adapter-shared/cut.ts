/** Texts that are too long for one message. */

/** Returns where to cut a text of which so much fits: at a paragraph's end, a line's, a sentence's, a word's, else there. */
export function cutAt(text: string, end: number): number {
  const head = text.slice(0, end)
  for (const mark of ['\n\n', '\n', '. ', '。', ' ']) {
    const found = head.lastIndexOf(mark)
    if (found >= end / 2) return found + mark.length
  }
  return end
}

/** Cuts a text into parts of which each is as long as `fitting` says of the rest. Joined, they are the text. */
export function cutInto(text: string, fitting: (rest: string) => number): string[] {
  const found: string[] = []
  let rest = text
  while (rest !== '') {
    const end = fitting(rest)
    found.push(rest.slice(0, end))
    rest = rest.slice(end)
  }
  return found
}
