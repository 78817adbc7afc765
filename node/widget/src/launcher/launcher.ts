import { filled, type LauncherWords } from '../words/launcher.js'

const SVG = 'http://www.w3.org/2000/svg'
const BUBBLE =
  'M4 11.5C4 7.4 7.6 4 12 4s8 3.4 8 7.5S16.4 19 12 19c-1 0-2-.2-2.9-.5L4.500 20l1.300-3.700C4.700 15 4 13.300 4 11.500Z'
const DOWN = 'm6 9.500 6 6 6-6'

/** The button in the page's corner, with the number of unread messages. */
export class Launcher {
  readonly #button: HTMLButtonElement
  readonly #badge: HTMLSpanElement
  readonly #status: HTMLElement

  constructor(root: ShadowRoot, onPress: () => void) {
    const frame = root.querySelector('.frame') as HTMLElement
    this.#button = document.createElement('button')
    this.#button.type = 'button'
    this.#button.className = 'launcher'
    this.#button.part.add('launcher')
    this.#button.setAttribute('aria-haspopup', 'dialog')
    this.#button.setAttribute('aria-controls', 'panel')
    this.#badge = document.createElement('span')
    this.#badge.className = 'count'
    this.#badge.part.add('count')
    this.#badge.ariaHidden = 'true'
    this.#button.append(icon('talk', BUBBLE), icon('down', DOWN), this.#badge)
    this.#button.addEventListener('click', onPress)
    this.#status = document.createElement('div')
    this.#status.className = 'unseen'
    this.#status.setAttribute('role', 'status')
    frame.append(this.#button, this.#status)
  }

  update(words: LauncherWords, isOpen: boolean, unread: number): void {
    const label = unread === 0 ? words.open : filled(words.openUnread, { count: unread })
    this.#button.setAttribute('aria-label', isOpen ? words.close : label)
    this.#button.setAttribute('aria-expanded', String(isOpen))
    this.#badge.textContent = unread > 99 ? '99+' : String(unread)
    this.#badge.hidden = unread === 0 || isOpen
  }

  setLoading(isLoading: boolean): void {
    this.#button.setAttribute('aria-busy', String(isLoading))
  }

  /** Tells a screen reader. */
  say(text: string): void {
    this.#status.textContent = text
  }

  focus(): void {
    this.#button.focus({ preventScroll: true })
  }
}

function icon(name: string, path: string): SVGElement {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('class', `icon ${name}`)
  svg.setAttribute('viewBox', '0 0 24 24')
  svg.setAttribute('aria-hidden', 'true')
  const shape = document.createElementNS(SVG, 'path')
  shape.setAttribute('d', path)
  svg.append(shape)
  return svg
}
