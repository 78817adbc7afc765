import createDOMPurify, { type Config, type DOMPurify } from 'dompurify'
import { Marked, type Token, type Tokens } from 'marked'
import { REL, safeUrl } from './links.js'

const SANITIZED: Config & { RETURN_DOM_FRAGMENT: true } = {
  ALLOWED_TAGS: [
    ...['p', 'br', 'hr', 'a', 'b', 'strong', 'em', 'del', 'code', 'pre', 'blockquote'],
    ...['ul', 'ol', 'li', 'table', 'thead', 'tbody', 'tr', 'th', 'td'],
  ],
  ALLOWED_ATTR: ['href', 'title', 'start', 'align', 'target', 'rel'],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
}

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    // What looks like HTML was meant as text.
    html: ({ text }) => escaped(text),
    heading({ tokens }) {
      // A heading would be one of the page's.
      return `<p><b>${this.parser.parseInline(tokens)}</b></p>\n`
    },
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
    link({ href, title, tokens }) {
      return link(href, title, this.parser.parseInline(tokens))
    },
    // An image is fetched when the visitor wants to see it: its host would learn of every reader.
    image: ({ href, title, text }) => link(href, title, `🖼 ${escaped(text || href)}`),
  },
})

let purifier: DOMPurify | undefined

/** The elements that markdown stands for. Only harmless ones are among them. */
export function fragmentOf(markdown: string): DocumentFragment {
  return fragment(marked.lexer(normal(markdown)))
}

/** The blocks of a text. Their lengths are those of a text that is `normal`. */
export function blocksOf(markdown: string): Token[] {
  return marked.lexer(markdown)
}

/** The elements that blocks stand for. */
export function fragment(tokens: Token[]): DocumentFragment {
  purifier ??= purifierWithLinks()
  const sanitized = purifier.sanitize(marked.parser(tokens), SANITIZED)
  for (const table of sanitized.querySelectorAll('table')) {
    // A table that is too wide scrolls by itself, by keyboard too.
    const frame = document.createElement('div')
    frame.className = 'table'
    frame.tabIndex = 0
    table.replaceWith(frame)
    frame.append(table)
  }
  return sanitized
}

function purifierWithLinks(): DOMPurify {
  const made = createDOMPurify(window)
  made.addHook('afterSanitizeAttributes', (node) => {
    if (node.nodeName !== 'A') return
    node.setAttribute('target', '_blank')
    node.setAttribute('rel', REL)
  })
  return made
}

function link(href: string, title: Tokens.Link['title'], content: string): string {
  const url = safeUrl(href)
  if (url === undefined) return content
  const titled = title ? ` title="${escaped(title)}"` : ''
  return `<a href="${escaped(url)}"${titled}>${content}</a>`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

/** Line ends as the lexer makes them itself, so that the lengths of its blocks are those of the text. */
export function normal(text: string): string {
  return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text
}
