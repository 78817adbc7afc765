import { Launcher } from './launcher/launcher.js'
import { Looks } from './launcher/looks.js'
import type { Loader } from './load.js'
import type { Panel, PanelOptions } from './panel/panel.js'
import type { Session } from './session/session.js'
import type { AvatarMessageDetail, AvatarUnreadDetail, Position, Theme } from './types.js'
import { ambientLanguage, builtIn, isRightToLeft } from './words/languages.js'
import { filled, LAUNCHER_WORDS, type LauncherWords } from './words/launcher.js'

const ATTRIBUTES = ['server', 'position', 'theme', 'language', 'strings', 'heading', 'greeting', 'open'] as const
type Attribute = (typeof ATTRIBUTES)[number]

/** What a page may set before the element is defined. */
const PROPERTIES = ['server', 'position', 'theme', 'language', 'strings', 'heading', 'greeting'] as const

let loader: Loader

/**
 * Defines `<secondme-avatar>` once, with what loads its parts.
 * @internal
 */
export function define(parts: Loader): void {
  loader ??= parts
  if (customElements.get('secondme-avatar') === undefined)
    customElements.define('secondme-avatar', SecondmeAvatarElement)
}

/** The widget: a launcher in the corner of the page, and the panel that it opens. */
export class SecondmeAvatarElement extends HTMLElement {
  static readonly observedAttributes: readonly string[] = ATTRIBUTES

  readonly #looks: Looks
  readonly #launcher: Launcher
  #session: Session | undefined
  #leave: (() => void)[] = []
  #panel: Panel | undefined
  #panelWords: Record<string, Record<string, string>> = {}
  #ownStrings: Record<string, string> | undefined
  #loadedStrings: { from: string; strings: Record<string, string> } | undefined
  #isOpen = false
  #isLoading = false
  #unread = 0

  constructor() {
    super()
    const root = this.attachShadow({ mode: 'open' })
    this.#looks = new Looks(this, root)
    this.#launcher = new Launcher(root, () => this.toggle())
    root.addEventListener('keydown', (event) => this.#onKey(event as KeyboardEvent))
  }

  connectedCallback(): void {
    for (const name of PROPERTIES) this.#upgrade(name)
    this.#looks.connect()
    this.#attend()
    this.#update()
    if (this.hasAttribute('open') || this.#isOpen || this.position === 'inline') void this.#show(false)
    else if (this.#wasOpen()) void this.#show(false)
  }

  disconnectedCallback(): void {
    // An element that is moved is taken out and put in again at once.
    queueMicrotask(() => {
      if (this.isConnected) return
      this.#looks.disconnect()
      for (const leave of this.#leave) leave()
      this.#leave = []
      this.#session = undefined
      this.#panel?.destroy()
      this.#panel = undefined
    })
  }

  attributeChangedCallback(name: Attribute, before: string | null, after: string | null): void {
    if (!this.isConnected || before === after) return
    if (name === 'open') {
      if (after === null) this.close()
      else void this.#show(false)
    } else if (name === 'server') {
      this.#serveAnew()
    } else {
      this.#update()
    }
  }

  /** The address that the server part is mounted at. Default: `/avatar`. */
  get server(): string {
    return this.getAttribute('server') ?? '/avatar'
  }
  set server(server: string) {
    this.setAttribute('server', server)
  }

  /** Where the launcher stands, or `inline` for a panel that is part of the page. Default: the corner where lines end. */
  get position(): Position {
    const named = this.getAttribute('position')
    if (named === 'bottom-left' || named === 'bottom-right' || named === 'inline') return named
    return this.#looks.isRightToLeft ? 'bottom-left' : 'bottom-right'
  }
  set position(position: Position) {
    this.setAttribute('position', position)
  }

  /** Default: `auto`, which is what the visitor's system says. */
  get theme(): Theme {
    const named = this.getAttribute('theme')
    return named === 'light' || named === 'dark' ? named : 'auto'
  }
  set theme(theme: Theme) {
    this.setAttribute('theme', theme)
  }

  /** A language tag, such as `en` or `zh-CN`. Default: the page's, else the browser's. */
  get language(): string {
    return this.getAttribute('language') || ambientLanguage(this)
  }
  set language(language: string) {
    this.setAttribute('language', language)
  }

  /** The words of another language, or of your own: an object, or the address of a JSON file. */
  get strings(): Record<string, string> | string | null {
    return this.#ownStrings ?? this.getAttribute('strings')
  }
  set strings(strings: Record<string, string> | string | null) {
    this.#ownStrings = typeof strings === 'object' && strings !== null ? strings : undefined
    if (typeof strings === 'string') this.setAttribute('strings', strings)
    else this.removeAttribute('strings')
    this.#update()
  }

  /** What stands at the panel's top. Default: the avatar's name. */
  get heading(): string {
    return this.getAttribute('heading') ?? ''
  }
  set heading(heading: string) {
    this.setAttribute('heading', heading)
  }

  /** What the avatar greets a new visitor with. Default: nothing. */
  get greeting(): string {
    return this.getAttribute('greeting') ?? ''
  }
  set greeting(greeting: string) {
    this.setAttribute('greeting', greeting)
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** How many messages came that the visitor has not seen. */
  get unread(): number {
    return this.#unread
  }

  /** Opens the panel and moves the focus into it. Resolves when it is shown. */
  open(): Promise<void> {
    return this.#show(true)
  }

  /** Closes the panel and moves the focus back to the launcher, if it was in the panel. */
  close(): void {
    if (this.position === 'inline' || !this.#isOpen) return
    const hadFocus = this.shadowRoot?.activeElement !== null
    this.#isOpen = false
    this.#remember()
    this.#looks.setOpen(false)
    this.#panel?.closed()
    this.toggleAttribute('open', false)
    this.#seen()
    this.#update()
    if (hadFocus) this.#launcher.focus()
    this.#tell('avatar-close')
  }

  toggle(): void {
    if (this.#isOpen) this.close()
    else void this.open()
  }

  async #show(takesFocus: boolean): Promise<void> {
    if (this.#isOpen && this.#panel !== undefined) {
      if (takesFocus) this.#panel.focus()
      return
    }
    if (this.#isLoading || !this.isConnected) return
    this.#isLoading = true
    this.#launcher.setLoading(true)
    try {
      const [{ sessionFor }, parts] = await Promise.all([loader.session(), loader.panel(), this.#loadStrings()])
      if (!this.isConnected) return
      const session = this.#serve(sessionFor)
      session.start(true)
      this.#panelWords = parts.PANEL_WORDS as unknown as Record<string, Record<string, string>>
      this.#looks.addStyle(parts.PANEL_STYLE)
      this.#panel ??= new parts.Panel(this.#looks.panel, session, this.#panelOptions(), () => this.close())
    } catch (error) {
      this.#launcher.say(this.#launcherWords().notLoaded)
      this.#tell('avatar-error', { kind: 'not_loaded' })
      console.error('secondme-avatar: the panel could not be loaded', error)
      return
    } finally {
      this.#isLoading = false
      this.#launcher.setLoading(false)
    }
    this.#isOpen = true
    this.#remember()
    this.#looks.setOpen(true)
    this.#update()
    this.toggleAttribute('open', true)
    this.#panel.opened(takesFocus)
    this.#seen()
    this.#tell('avatar-open')
  }

  /** A browser that has talked before is told what came meanwhile; of another one nothing is known, and nothing asked. */
  #attend(): void {
    let isKnown = false
    try {
      isKnown = localStorage.getItem(`secondme-avatar:${this.#address}`) !== null
    } catch {}
    if (!isKnown) return
    loader.session().then(
      ({ sessionFor }) => this.isConnected && this.#serve(sessionFor).start(false),
      () => {},
    )
  }

  #serve(sessionFor: (server: string) => Session): Session {
    const known = this.#session
    if (known !== undefined) return known
    const session = sessionFor(this.#address)
    this.#session = session
    session.use(this, false)
    this.#leave = [
      () => session.leave(this),
      session.listen({ onState: () => this.#count(session) }),
      session.store.listen({
        onSaid: ({ author, id, name }) => {
          if (author === 'visitor') return
          this.#tell('avatar-message', { author, id } satisfies AvatarMessageDetail)
          if (!this.#isOpen) this.#launcher.say(filled(this.#launcherWords().newMessage, { name }))
        },
      }),
    ]
    this.#count(session)
    return session
  }

  #serveAnew(): void {
    const wasOpen = this.#isOpen
    for (const leave of this.#leave) leave()
    this.#leave = []
    this.#session = undefined
    this.#panel?.destroy()
    this.#panel = undefined
    this.#isOpen = false
    this.#attend()
    if (wasOpen) void this.#show(false)
  }

  /** The server's address as the page means it, without a slash at its end. */
  get #address(): string {
    return new URL(this.server, document.baseURI).href.replace(/\/+$/, '')
  }

  #count(session: Session): void {
    const { unread } = session.state
    if (unread === this.#unread) return
    this.#unread = unread
    this.#update()
    this.#tell('avatar-unread', { count: unread } satisfies AvatarUnreadDetail)
  }

  #seen(): void {
    this.#session?.use(this, this.#isOpen)
  }

  #update(): void {
    if (!this.isConnected) return
    const words = this.#launcherWords()
    const { theme, position } = this
    // Words that fell back to English are English.
    const language = builtIn(this.language) !== undefined || this.#strings().open !== undefined ? this.language : 'en'
    this.#looks.update({ theme, position, isRightToLeft: this.#isRightToLeft(), language })
    this.#launcher.update(words, this.#isOpen, this.#unread)
    this.#panel?.update(this.#panelOptions())
    void this.#loadStrings().then((isNew) => isNew && this.#update())
  }

  /** Loads the words of a language that is not built in. Resolves to whether they are new. */
  async #loadStrings(): Promise<boolean> {
    const file = this.getAttribute('strings')
    const { language } = this
    const from = file ?? (builtIn(language) === undefined ? `language:${language}` : '')
    if (from === '' || this.#loadedStrings?.from === from) return false
    this.#loadedStrings = { from, strings: {} }
    try {
      const strings = file === null ? await loader.strings(language) : await fetchStrings(file)
      if (strings === undefined) return false
      this.#loadedStrings = { from, strings }
      return true
    } catch (error) {
      console.error(`secondme-avatar: the words at ${from} could not be loaded`, error)
      return false
    }
  }

  #strings(): Record<string, string> {
    return { ...this.#loadedStrings?.strings, ...this.#ownStrings }
  }

  #isRightToLeft(): boolean {
    const { direction, open } = this.#strings()
    if (direction !== undefined) return direction === 'rtl'
    // Words that fell back to English run as English does.
    return isRightToLeft(this.language) && open !== undefined
  }

  #launcherWords(): LauncherWords {
    return { ...LAUNCHER_WORDS[builtIn(this.language) ?? 'en'], ...this.#strings() }
  }

  #panelOptions(): PanelOptions {
    const language = builtIn(this.language) ?? 'en'
    const words = { ...this.#panelWords[language], ...this.#strings() } as unknown as PanelOptions['words']
    return {
      words,
      language: this.language,
      heading: this.heading,
      greeting: this.greeting,
      isInline: this.position === 'inline',
      name: `secondme-avatar:${this.#address}`,
    }
  }

  #onKey(event: KeyboardEvent): void {
    if (event.key === 'Escape' && this.#isOpen && !event.isComposing && this.position !== 'inline') {
      event.stopPropagation()
      this.close()
    } else if (event.key === 'Tab' && this.#isOpen) {
      this.#looks.keepFocus(event)
    }
  }

  #wasOpen(): boolean {
    // On a small screen the panel would cover the page that the visitor went to.
    if (this.#looks.isSmall) return false
    try {
      return sessionStorage.getItem(`secondme-avatar:${this.#address}:open`) !== null
    } catch {
      return false
    }
  }

  /** In this tab the panel stays as it is on the next page. */
  #remember(): void {
    const key = `secondme-avatar:${this.#address}:open`
    try {
      if (this.#isOpen) sessionStorage.setItem(key, '1')
      else sessionStorage.removeItem(key)
    } catch {}
  }

  /** A property that was set before the element was defined goes through its setter now. */
  #upgrade(name: (typeof PROPERTIES)[number]): void {
    if (!Object.hasOwn(this, name)) return
    const value = this[name]
    delete (this as unknown as Record<string, unknown>)[name]
    ;(this as unknown as Record<string, unknown>)[name] = value
  }

  #tell(type: string, detail: unknown = null): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }))
  }
}

async function fetchStrings(address: string): Promise<Record<string, string>> {
  const response = await fetch(new URL(address, document.baseURI))
  if (!response.ok) throw new Error(`HTTP ${response.status}`)
  return response.json()
}
