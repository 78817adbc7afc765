import type { Token, Tokens } from 'marked'
import { growingFrom, lastOf, LongCode, LongList, type LongBlock } from './long-blocks.js'
import { blocksOf, fragment, normal } from './markdown.js'

/** A block that is longer than this, in UTF-16 units, is not rendered anew with each piece of it. */
const LONG = 1000

/** A text in markdown that grows. What is finished of it is not rendered again. */
export class GrowingMarkdown {
  readonly #element: HTMLElement
  #text = ''
  #isWhole = false
  /** How much of the text is finished blocks, whose nodes stay. */
  #finished = 0
  /** Where finished blocks end. */
  #ends: number[] = []
  /** The nodes of the block that still grows. */
  #growing: ChildNode[] = []
  #long: LongBlock | undefined

  constructor(element: HTMLElement) {
    this.#element = element
  }

  show(text: string, isWhole: boolean): void {
    const markdown = normal(text)
    if (!markdown.startsWith(this.#text)) this.#clear()
    if (markdown !== this.#text) {
      this.#text = markdown
      this.#isWhole = false
      if (!this.#long?.grow(markdown)) this.#grow()
    }
    if (isWhole && !this.#isWhole) this.#finish()
    this.#isWhole = isWhole
  }

  #grow(isWhole = false): void {
    const tokens = blocksOf(this.#text.slice(this.#finished))
    const last = growingFrom(tokens)
    const finished = tokens.slice(0, last)
    const growing = fragment(tokens.slice(last))
    const nodes = [...growing.childNodes]
    for (const node of this.#growing) node.remove()
    this.#element.append(fragment(finished), growing)
    for (const { raw } of finished) {
      this.#finished += raw.length
      this.#ends.push(this.#finished)
    }
    this.#growing = nodes
    const token = tokens[last]
    this.#long = undefined
    // What may be a list's next item is rendered behind the list until it is one.
    const isLast = last === lastOf(tokens)
    if (isWhole || token === undefined || token.raw.length < LONG || !isLast) return
    const [block] = nodes
    if (!(block instanceof Element)) return
    const start = this.#finished
    if (token.type === 'list') this.#long = new LongList(token as Tokens.List, block, start)
    if (token.type === 'code') this.#long = LongCode.of(token, block, start)
  }

  #finish(): void {
    // While it grew it was rendered in parts, of which each knew nothing of the others.
    if (this.#long !== undefined) this.#grow(true)
    const tokens = blocksOf(this.#text)
    if (this.#isRight(tokens)) return
    this.#element.replaceChildren(fragment(tokens))
    this.#finished = 0
    this.#ends = []
    this.#growing = [...this.#element.childNodes]
  }

  /** Whether the blocks that were taken for finished are those of the whole text, and so are their links. */
  #isRight(tokens: Token[]): boolean {
    // A reference at the text's end may be to a link in a block that was rendered without it.
    if (/^ {0,3}\[[^\]]+\]:/m.test(this.#text)) return false
    const ends = new Set<number>()
    let end = 0
    for (const { raw } of tokens) ends.add((end += raw.length))
    return this.#ends.every((one) => ends.has(one))
  }

  #clear(): void {
    this.#element.replaceChildren()
    this.#text = ''
    this.#isWhole = false
    this.#finished = 0
    this.#ends = []
    this.#growing = []
    this.#long = undefined
  }
}
