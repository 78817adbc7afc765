import type { Bubble } from '../session/store.js'
import { GrowingMarkdown } from './growing-markdown.js'
import { linkified } from './links.js'

/** The element that shows a message's text. It stays the same while the text grows. */
export class Body {
  readonly element = document.createElement('div')
  #markdown: GrowingMarkdown | undefined
  #shown: string | undefined

  constructor() {
    this.element.className = 'text'
    this.element.dir = 'auto'
  }

  show({ author, text, state }: Bubble): void {
    if (author === 'avatar') {
      this.#markdown ??= new GrowingMarkdown(this.element)
      this.#markdown.show(text, state !== 'streaming')
    } else if (text !== this.#shown) {
      // People write what they see: their asterisks are asterisks.
      this.#markdown = undefined
      this.element.replaceChildren(linkified(text))
    }
    this.#shown = text
  }

  /** The text as it is read aloud: what stands apart on the screen is apart. */
  get spoken(): string {
    return spokenOf(this.element).replace(/\s+/g, ' ').trim()
  }
}

/** The bodies of a panel's messages: an element is in one place, and two panels may show the same message. */
export class Bodies {
  readonly #bodies = new WeakMap<Bubble, Body>()

  /** The body of a message, with its text as it is now. */
  of(bubble: Bubble): Body {
    let body = this.#bodies.get(bubble)
    if (body === undefined) {
      body = new Body()
      this.#bodies.set(bubble, body)
    }
    body.show(bubble)
    return body
  }
}

const APART = /^(BR|P|LI|TR|TH|TD|PRE|BLOCKQUOTE)$/

function spokenOf(node: Node): string {
  if (node.nodeType === Node.TEXT_NODE) return node.nodeValue ?? ''
  const inner = Array.from(node.childNodes, spokenOf).join('')
  return APART.test(node.nodeName) ? `${inner} ` : inner
}
