import { html, nothing, render, type TemplateResult } from 'lit/html.js'
import type { Session, SessionState } from '../session/session.js'
import type { Bubble, Item } from '../session/store.js'
import { filled } from '../words/launcher.js'
import type { PanelWords } from '../words/panel.js'
import { Announcer } from './announcer.js'
import { Bodies } from './body.js'
import { Composer } from './composer.js'
import { Frames } from './frames.js'
import { CLOSE, DOWN, SEND } from './icons.js'
import { failureOf, lineText, nameOf, rows, type RowContext } from './rows.js'
import { Scroll } from './scroll.js'
import { Times } from './times.js'

/** What the page says of how the panel looks and speaks. */
export interface PanelOptions {
  words: PanelWords
  language: string
  heading: string
  greeting: string
  /** The panel is a part of the page, which is not closed. */
  isInline: boolean
  /** A name for this browser's storage. */
  name: string
}

/**
 * After a part of a growing text was painted, the page is free for so many times as long, and for no longer than that: a
 * long text comes in larger pieces.
 */
const PAUSES = 4
const LONGEST_PAUSE_MS = 300

/** The panel: the conversation, and the field to write in. */
export class Panel {
  readonly #target: HTMLElement
  readonly #session: Session
  readonly #onClose: () => void
  readonly #announcer = new Announcer()
  readonly #bodies = new Bodies()
  readonly #growing = new Set<Bubble>()
  readonly #frames = new Frames(() => this.#paint())
  readonly #leave: (() => void)[]
  readonly #scroll: Scroll
  readonly #composer: Composer
  #options: PanelOptions
  #times: Times
  #isOpen = false
  #isStale = true
  #pausedUntil = 0
  #firstId: string | undefined
  #isAnswering = false
  /** Why the text in the field could not be sent. */
  #objection: 'too_large' | 'full' | undefined

  constructor(target: HTMLElement, session: Session, options: PanelOptions, onClose: () => void) {
    this.#target = target
    this.#session = session
    this.#options = options
    this.#onClose = onClose
    this.#times = new Times(options.language, options.words)
    target.setAttribute('aria-labelledby', 'heading')
    this.#render()
    this.#scroll = new Scroll(
      this.#find('.log'),
      () => void session.loadOlder(),
      () => this.#change(),
    )
    this.#composer = new Composer(
      this.#find('textarea'),
      options.name,
      () => this.#send(),
      () => this.#write(),
    )
    this.#leave = [
      session.listen({
        onState: () => this.#change(),
        onOther: () => {
          this.#composer.text = ''
        },
      }),
      session.store.listen({
        onChange: () => this.#change(),
        onGrow: (bubble) => this.#grow(bubble),
        onSaid: (bubble) => this.#said(bubble),
        onFailed: (bubble) => this.#announce(failureOf(bubble, this.#options.words)),
        onLine: (line) => this.#announce(lineText(line, this.#context)),
      }),
    ]
    target.addEventListener('keydown', this.#onKey)
  }

  update(options: PanelOptions): void {
    this.#options = options
    this.#times = new Times(options.language, options.words)
    this.#change()
  }

  /** The panel is shown. `takesFocus` where the visitor asked for it. */
  opened(takesFocus: boolean): void {
    this.#isOpen = true
    this.#isStale = true
    this.#frames.cancel()
    this.#paint()
    this.#composer.fit()
    this.#scroll.toEnd()
    if (takesFocus) this.focus()
  }

  closed(): void {
    this.#isOpen = false
  }

  /** On a touch screen the keyboard would cover what is to be read first. */
  focus(): void {
    if (matchMedia('(pointer: coarse)').matches) this.#find('.log').focus({ preventScroll: true })
    else this.#composer.focus()
  }

  destroy(): void {
    for (const leave of this.#leave) leave()
    this.#frames.cancel()
    this.#target.removeEventListener('keydown', this.#onKey)
    render(nothing, this.#target)
  }

  get #context(): RowContext {
    const { words } = this.#options
    const info = this.#session.state.info
    return {
      words,
      times: this.#times,
      bodies: this.#bodies,
      avatarName: info?.avatarName ?? '',
      ownerName: info?.ownerName ?? '',
      sendAgain: (id) => this.#session.sendAgain(id),
      takeBack: (id) => {
        this.#composer.text = this.#session.takeBack(id)
        this.#composer.focus()
      },
    }
  }

  #change(): void {
    this.#isStale = true
    this.#frames.request()
  }

  #grow(bubble: Bubble): void {
    this.#growing.add(bubble)
    this.#frames.requestAt(this.#pausedUntil)
  }

  /** What changed since the last frame: of a text that grows, its own body and nothing else. */
  #paint(): void {
    const began = performance.now()
    const isStale = this.#isStale
    this.#isStale = false
    if (isStale) this.#render()
    for (const bubble of this.#growing) this.#bodies.of(bubble)
    if (isStale || this.#growing.size > 0) this.#scroll?.settle()
    this.#growing.clear()
    const ended = performance.now()
    this.#pausedUntil = ended + Math.min(LONGEST_PAUSE_MS, PAUSES * (ended - began))
  }

  #render(): void {
    const { items } = this.#session.store
    const state = this.#session.state
    const first = items[0]?.id
    if (first !== this.#firstId) this.#scroll?.keep()
    this.#firstId = first
    this.#tellAnswering(items, state)
    render(this.#view(items, state), this.#target)
  }

  #view(items: readonly Item[], state: SessionState): TemplateResult {
    const { words } = this.#options
    return html`${this.#header(state)}
      <div class="trouble" role="alert" ?hidden=${state.trouble === null}>${this.#trouble(state)}</div>
      <div class="log" part="log" role="log" aria-live="off" aria-label=${words.log} aria-busy=${items.some(isGrowing)} tabindex="0">
        <div class="loading" ?hidden=${!state.isLoadingOlder}>${words.older}</div>
        ${this.#intro(state)} ${this.#greeting(items, state)} ${rows(items, this.#context)} ${this.#typing(items, state)}
      </div>
      <button
        type="button"
        class="jump"
        part="jump"
        aria-label=${words.toNewest}
        ?hidden=${this.#scroll?.follows ?? true}
        @click=${() => this.#toEnd()}
      >
        ${DOWN}
      </button>
      ${this.#form()}${this.#announcer.element}`
  }

  #header(state: SessionState): TemplateResult {
    const { words, isInline } = this.#options
    const isOwner = state.info?.isOwnerPresent === true
    const name = isOwner ? state.info?.ownerName || this.#options.words.owner : this.#avatar(state)
    return html`<div class="header" part="header" data-speaker=${isOwner ? 'owner' : 'avatar'}>
      <span class="face" part="face" aria-hidden="true">${initialOf(name)}</span>
      <div class="who">
        <div class="heading" id="heading">${this.#heading(state)}</div>
        <div class="status"><span class="dot"></span>${this.#status(state, isOwner)}</div>
      </div>
      <button type="button" class="close" part="close" aria-label=${words.close} ?hidden=${isInline} @click=${this.#onClose}>
        ${CLOSE}
      </button>
    </div>`
  }

  #heading(state: SessionState): string {
    const { words, heading } = this.#options
    if (heading !== '') return heading
    const name = state.info?.avatarName || state.info?.ownerName
    return name || words.chat
  }

  #status(state: SessionState, isOwner: boolean): string {
    const { words } = this.#options
    if (state.phase === 'starting' && state.info === undefined && state.trouble === null) return words.connecting
    if (!isOwner) return words.isAi
    return state.info?.ownerName ? `${state.info.ownerName} · ${words.isPerson}` : words.isPerson
  }

  #avatar({ info }: SessionState): string {
    const { words, heading } = this.#options
    return info?.avatarName || heading || words.avatar
  }

  #trouble({ trouble }: SessionState): TemplateResult | typeof nothing {
    if (trouble === null) return nothing
    const { words } = this.#options
    return html`<span>${words[trouble]}</span>
      <button
        type="button"
        class="text-button"
        ?hidden=${trouble === 'rate_limited'}
        @click=${() => this.#session.tryAgain()}
      >
        ${words.tryAgain}
      </button>`
  }

  /** Where the conversation begins: with whom it is. */
  #intro(state: SessionState): TemplateResult | typeof nothing {
    if (this.#session.store.before !== null) return nothing
    const { words } = this.#options
    return html`<div class="intro" part="intro">
      <span class="face" part="face" aria-hidden="true">${initialOf(this.#avatar(state))}</span>
      <div class="heading">${this.#avatar(state)}</div>
      <div>${filled(words.intro, { owner: state.info?.ownerName || words.theOwner })}</div>
    </div>`
  }

  /** The page's own first words, where nothing has been said yet. */
  #greeting(items: readonly Item[], state: SessionState): TemplateResult | typeof nothing {
    const { greeting, words } = this.#options
    if (greeting === '' || typeof this.#session.store.before === 'string') return nothing
    if (items.length > 0 && state.info?.hasHistory !== false) return nothing
    const name = nameOf({ author: 'avatar', name: '' }, this.#context)
    return html`<div class="row avatar first last" part="message message-avatar" data-author="avatar" data-greeting>
      <div class="by"><span class="name">${name}</span><span class="badge avatar">${words.aiBadge}</span></div>
      <div class="bubble" part="bubble bubble-avatar"><div class="text plain" dir="auto">${greeting}</div></div>
    </div>`
  }

  #typing(items: readonly Item[], state: SessionState): TemplateResult | typeof nothing {
    if (state.typing === null || items.some((item) => isGrowing(item) && item.text !== '')) return nothing
    const name = nameOf({ author: state.typing, name: '' }, this.#context)
    return html`<div class="row typing ${state.typing}" part="typing" data-typing=${state.typing}>
      <div class="bubble"><i></i><i></i><i></i></div>
      <span class="foot">${filled(this.#options.words.isTyping, { name })}</span>
    </div>`
  }

  #form(): TemplateResult {
    const { words } = this.#options
    const objection = this.#objection === undefined ? nothing : words[this.#objection]
    const text = this.#composer?.text ?? ''
    return html`<form class="composer" part="composer" @submit=${this.#onSubmit}>
      <div class="objection" id="objection" role="alert" ?hidden=${this.#objection === undefined}>${objection}</div>
      <div class="field">
        <textarea
          rows="1"
          part="input"
          dir=${text === '' ? nothing : 'auto'}
          enterkeyhint="send"
          aria-label=${words.message}
          aria-describedby="objection"
          placeholder=${words.placeholder}
        ></textarea>
        <button type="submit" class="send" part="send" aria-label=${words.send} ?data-empty=${text.trim() === ''}>${SEND}</button>
      </div>
    </form>`
  }

  #onSubmit = (event: Event): void => {
    event.preventDefault()
    this.#send()
  }

  #send(): void {
    const outcome = this.#session.send(this.#composer.text)
    this.#objection = outcome === 'taken' || outcome === 'empty' ? undefined : outcome
    if (outcome === 'taken') {
      this.#composer.text = ''
      this.#scroll.toEnd()
    }
    this.#composer.focus()
    this.#change()
  }

  #write(): void {
    this.#objection = undefined
    this.#change()
  }

  #toEnd(): void {
    this.#scroll.toEnd()
    this.#composer.focus()
  }

  #onKey = (event: KeyboardEvent): void => {
    if (event.key === 'F6') {
      event.preventDefault()
      const log = this.#find('.log')
      if (log.contains((this.#target.getRootNode() as ShadowRoot).activeElement)) this.#composer.focus()
      else log.focus({ preventScroll: true })
    }
  }

  /** Tells a screen reader once that an answer is coming. */
  #tellAnswering(items: readonly Item[], state: SessionState): void {
    const isAnswering = state.typing === 'avatar' || items.some(isGrowing)
    if (isAnswering && !this.#isAnswering) {
      const name = nameOf({ author: 'avatar', name: '' }, this.#context)
      this.#announce(filled(this.#options.words.isAnswering, { name }))
    }
    this.#isAnswering = isAnswering
  }

  #said(bubble: Bubble): void {
    if (bubble.text === '') return
    this.#announce(`${nameOf(bubble, this.#context)}: ${this.#bodies.of(bubble).spoken}`)
  }

  #announce(text: string): void {
    if (this.#isOpen) this.#announcer.say(text)
  }

  #find<Found extends HTMLElement>(selector: string): Found {
    return this.#target.querySelector(selector) as Found
  }
}

function isGrowing(item: Item): boolean {
  return item.kind === 'message' && item.state === 'streaming'
}

function initialOf(name: string): string {
  return (Array.from(name.trim())[0] ?? '').toLocaleUpperCase()
}
