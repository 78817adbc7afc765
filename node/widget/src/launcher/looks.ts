import STYLE from '../styles/launcher.css'
import type { Position, Theme } from '../types.js'

interface Look {
  theme: Theme
  position: Position
  isRightToLeft: boolean
  /** Of the words that are shown. */
  language: string
}

/** As small as this, the panel takes the whole screen. The same stands in panel.css. */
const SMALL = '(max-width: 480px), (max-height: 420px)'

/** How the element looks: its frame, its theme, its place, and what follows from the size of the screen. */
export class Looks {
  readonly panel = document.createElement('div')
  readonly #host: HTMLElement
  readonly #root: ShadowRoot
  readonly #frame = document.createElement('div')
  readonly #sizes = new CSSStyleSheet()
  readonly #dark = matchMedia('(prefers-color-scheme: dark)')
  readonly #small = matchMedia(SMALL)
  #look: Look = { theme: 'auto', position: 'bottom-right', isRightToLeft: false, language: '' }
  #style: string | undefined
  #isOpen = false
  #connected: AbortController | undefined

  constructor(host: HTMLElement, root: ShadowRoot) {
    this.#host = host
    this.#root = root
    const style = new CSSStyleSheet()
    style.replaceSync(STYLE)
    // Style sheets of this kind stand under no policy of the page's that forbids styles in the document.
    root.adoptedStyleSheets = [style, this.#sizes]
    this.#frame.className = 'frame'
    this.panel.className = 'panel'
    this.panel.id = 'panel'
    this.panel.part.add('panel')
    this.panel.setAttribute('role', 'dialog')
    this.panel.inert = true
    this.panel.hidden = true
    this.#frame.append(this.panel)
    root.append(this.#frame)
  }

  get isRightToLeft(): boolean {
    return this.#look.isRightToLeft || getComputedStyle(this.#host).direction === 'rtl'
  }

  get isSmall(): boolean {
    return this.#small.matches && this.#look.position !== 'inline'
  }

  connect(): void {
    if (this.#connected !== undefined) return
    this.#connected = new AbortController()
    const { signal } = this.#connected
    this.#dark.addEventListener('change', () => this.#apply(), { signal })
    this.#small.addEventListener('change', () => this.#apply(), { signal })
    // The keyboard of a phone covers a part of the window, which only this tells.
    const fit = () => this.#fit()
    visualViewport?.addEventListener('resize', fit, { signal })
    visualViewport?.addEventListener('scroll', fit, { signal })
  }

  disconnect(): void {
    this.#connected?.abort()
    this.#connected = undefined
  }

  update(look: Look): void {
    this.#look = look
    this.#apply()
  }

  addStyle(text: string): void {
    if (this.#style === text) return
    this.#style = text
    const style = new CSSStyleSheet()
    style.replaceSync(text)
    this.#root.adoptedStyleSheets = [...this.#root.adoptedStyleSheets, style]
  }

  setOpen(isOpen: boolean): void {
    this.#isOpen = isOpen
    this.panel.inert = !isOpen
    this.panel.hidden = !isOpen
    this.#apply()
    this.#fit()
  }

  /** On a small screen the panel covers the page, so Tab stays in it. */
  keepFocus(event: KeyboardEvent): void {
    if (!this.isSmall) return
    const stops = [...this.panel.querySelectorAll<HTMLElement>('a[href], button, textarea, [tabindex="0"]')].filter(
      (stop) => stop.getClientRects().length > 0,
    )
    const last = stops.at(-1)
    const [from, to] = event.shiftKey ? [stops[0], last] : [last, stops[0]]
    if (to === undefined || this.#root.activeElement !== from) return
    event.preventDefault()
    to.focus()
  }

  #apply(): void {
    const { theme, position, isRightToLeft, language } = this.#look
    const isDark = theme === 'dark' || (theme === 'auto' && this.#dark.matches)
    this.#frame.className = `frame ${position} ${isDark ? 'dark' : 'light'} ${this.#isOpen ? 'open' : ''}`
    this.#frame.lang = language
    this.#frame.dir = isRightToLeft ? 'rtl' : 'ltr'
    this.panel.setAttribute('aria-modal', String(this.isSmall && this.#isOpen))
    this.panel.setAttribute('role', position === 'inline' ? 'region' : 'dialog')
  }

  #fit(): void {
    const view = visualViewport
    if (!this.#isOpen || !this.isSmall || view === null || view === undefined || view.scale > 1.05) {
      this.#sizes.replaceSync('')
      return
    }
    this.#sizes.replaceSync(`.frame { --view-top: ${view.offsetTop}px; --view-height: ${view.height}px }`)
  }
}
