import type { Token, Tokens } from 'marked'
import { blocksOf, fragment } from './markdown.js'

/** The beginning of a list's next item, as long as it may be, looks like a text behind the list. */
const MARKER = 11

/** Where the block begins that still grows: the last one, or the list before what may be its next item. */
export function growingFrom(tokens: Token[]): number {
  const last = lastOf(tokens)
  const before = lastOf(tokens.slice(0, Math.max(last, 0)))
  const isMarker = (tokens[last]?.raw.length ?? 0) <= MARKER && tokens[before]?.type === 'list'
  return Math.max(isMarker ? before : last, 0)
}

/** Where the last block begins that shows something, or -1. */
export function lastOf(tokens: Token[]): number {
  return tokens.findLastIndex(({ type }) => type !== 'space')
}

/**
 * A long block that grows. Rendered whole with each piece it would take as long as it is, each time. It is rendered whole
 * once, when it is finished.
 */
export interface LongBlock {
  /** Shows the text as it is now. Returns `false` where the block has ended, or is another one than it seemed. */
  grow(text: string): boolean
}

/** A list: of its items only the last is rendered again. */
export class LongList implements LongBlock {
  readonly #isOrdered: boolean
  readonly #list: Element
  /** Where the last item begins. */
  #from: number

  /** A list that begins here in the text. */
  constructor(token: Tokens.List, list: Element, start: number) {
    this.#isOrdered = token.ordered
    this.#list = list
    this.#from = start + lastItemOf(token)
  }

  grow(text: string): boolean {
    const tokens = blocksOf(text.slice(this.#from))
    const [token] = tokens as [Tokens.List?]
    if (token?.type !== 'list' || token.ordered !== this.#isOrdered || growingFrom(tokens) > 0) return false
    this.#list.lastElementChild?.remove()
    this.#list.append(...(fragment([token]).firstElementChild?.children ?? []))
    this.#from += lastItemOf(token)
    return true
  }
}

/** How much of a list stands before its last item. */
function lastItemOf({ items }: Tokens.List): number {
  return items.slice(0, -1).reduce((sum, { raw }) => sum + raw.length, 0)
}

/** So many UTF-16 units are laid out together. */
const CHUNK = 2000

/** A block of code: what comes is added to it as it stands. */
export class LongCode implements LongBlock {
  readonly #end: RegExp
  readonly #code: Element
  #chunk: Element
  #length: number

  static of({ raw }: Token, block: Element, start: number): LongCode | undefined {
    const [first, fence] = /^(`{3,}|~{3,}).*\n/.exec(raw) ?? []
    const code = block.querySelector('code')
    return first === undefined || fence === undefined || code === null
      ? undefined
      : new LongCode(fence, code, raw.slice(first.length), start + first.length)
  }

  private constructor(fence: string, code: Element, text: string, start: number) {
    this.#end = new RegExp(`^ {0,3}${fence}`, 'm')
    this.#code = code
    this.#length = start
    code.replaceChildren()
    this.#chunk = this.#next()
    this.#add(text)
  }

  grow(text: string): boolean {
    // Its end may have come in two pieces.
    if (this.#end.test(text.slice(text.lastIndexOf('\n', this.#length - 1) + 1))) return false
    this.#add(text.slice(this.#length))
    return true
  }

  #add(text: string): void {
    this.#length += text.length
    for (const line of text.split(/(?<=\n)/)) {
      this.#chunk.append(line)
      if (line.endsWith('\n') && (this.#chunk.textContent ?? '').length > CHUNK) this.#chunk = this.#next()
    }
  }

  #next(): Element {
    const chunk = document.createElement('div')
    this.#code.append(chunk)
    return chunk
  }
}
