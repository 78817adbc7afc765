import { computed, signal } from '@preact/signals'
import { control } from '../api/control'
import type { Said } from '../owner/bubble'
import { thisMoment } from '../store/clock'
import { report } from '../store/notices'
import { t } from '../words'
import { Connection, type ConnectionState, connectionOf, type Conversing, said } from './connection'
import { Assembly, read } from './frames'
import { messageId } from './gate'

/** How many messages a chat shows, the newest ones. */
const KEPT = 500
/** How many replies are known by their id, so that a piece that comes twice counts once. */
const REPLIES = 50
/** A reply whose end never comes is whole after this time. */
const SILENCE = 3_000

export interface VisitorAs {
  key: string
  name: string
  channel: string
  /** A visitor that may be known; without it one that is new. */
  visitorId?: string
  /** A session of that visitor; without it a new one is made. */
  sessionId?: string
  /** Whether it has a socket beside the one that the visitor has in this page. */
  ownSocket?: boolean
}

let number = 0

/** One conversation of a visitor of the avatar: the steps of the vendor's page, and what was said. */
export class Visitor implements Conversing {
  readonly as: VisitorAs
  /** Tells it apart from another conversation of the same visitor. */
  readonly id = ++number
  readonly connection: Connection
  readonly said = signal<Said[]>([])
  readonly lines = signal<string[]>([])
  readonly sessionId = signal<string | null>(null)
  readonly unread = signal(0)
  readonly visitorId: string
  readonly #own = signal<{ state: 'opening' | 'failed' | 'left'; failure: string } | null>(null)
  readonly state = computed<ConnectionState>(() => this.#own.value?.state ?? this.connection.state.value)
  readonly failure = computed(() => this.#own.value?.failure || this.connection.failure.value)

  #wanted: string | undefined
  #mindId = ''
  #silence: ReturnType<typeof setTimeout> | undefined
  readonly #replies = new Map<string, Assembly>()
  #number = 0
  /** The id of a reply that was under way when the chat took up its session. */
  #recalled: string | undefined

  constructor(as: VisitorAs) {
    this.as = as
    this.#wanted = as.sessionId
    this.visitorId = as.visitorId || `${platform(as.channel)}_${uuid()}`
    const shared = as.ownSocket ? undefined : connectionOf(as.key, this.visitorId)
    this.connection = shared ?? new Connection({ ...as, visitorId: this.visitorId })
    this.connection.add(this)
    if (shared) this.#own.value = { state: 'opening', failure: '' }
  }

  /** Opens the visitor's connection; where that is shared and live, the conversation alone. */
  async open(): Promise<void> {
    if (!this.#own.value) return this.connection.open()
    this.#own.value = { state: 'opening', failure: '' }
    try {
      await this.begin()
      if (!this.#hasLeft()) this.#own.value = null
    } catch (error) {
      if (!this.#hasLeft()) this.#own.value = { state: 'failed', failure: said(error) }
    }
  }

  async begin(): Promise<void> {
    const { gate, step } = this.connection
    step.value = 'chat/init'
    const chat = await gate.init()
    this.#mindId = chat.mindId
    if (this.#wanted === undefined) {
      step.value = 'session/create'
      const sessionId = await gate.createSession()
      step.value = 'chat/start'
      await gate.bind(sessionId)
      this.sessionId.value = sessionId
    } else {
      await this.#recall(this.#wanted)
      this.sessionId.value = this.#wanted
    }
    if (chat.opening && this.said.value.length === 0) this.#put({ id: 'opening', author: 'avatar', text: chat.opening })
  }

  async say(text: string): Promise<void> {
    const sessionId = this.sessionId.value
    if (sessionId === null) throw new Error(t('conversationNotYet'))
    const { gate, wsId } = this.connection
    const { credentials } = gate
    const id = messageId()
    this.#put({ id, author: 'visitor', text })
    try {
      await gate.say(id, text, { sessionId, mindId: this.#mindId, wsId })
    } catch (error) {
      this.said.value = this.said.value.filter((one) => one.id !== id)
      this.connection.refused(error, credentials)
      throw error
    }
  }

  leave(): void {
    this.#own.value = { state: 'left', failure: '' }
    clearTimeout(this.#silence)
    this.connection.remove(this)
  }

  forget(): void {
    this.#wanted = undefined
    this.#line(t('visitorAnew'))
  }

  hear(text: string): void {
    const heard = read(text, this.connection.gate.credentials.visitorUserId, this.sessionId.value ?? '')
    if (heard.kind === 'failure') this.#line(`${heard.code} – ${heard.reason}`)
    if (heard.kind === 'line') this.#line(heard.text)
    // What this visitor says elsewhere, as what is said here stands under its id already.
    if (heard.kind === 'echo' && heard.id !== null) this.#putWhole(heard.id, { ...heard, author: 'visitor' })
    if (heard.kind !== 'piece') return
    const { author, index, extras } = heard
    if (index === null) {
      this.#putWhole(heard.id ?? `whole-${++this.#number}`, { author, text: heard.text, extras })
      return
    }
    const id = heard.id ?? 'reply'
    const reply = this.#replies.get(id) ?? new Assembly()
    this.#replies.set(id, reply)
    for (const oldest of this.#replies.keys()) if (this.#replies.size > REPLIES) this.#replies.delete(oldest)
    reply.add(index, heard)
    const { whole } = reply
    if (whole.text || whole.extras.length > 0) this.#put({ id, author, ...whole }, !reply.ended)
    clearTimeout(this.#silence)
    if (!reply.ended) this.#silence = setTimeout(() => this.#finish(), SILENCE)
    else if (id === this.#recalled) void this.#complete(id)
  }

  #hasLeft(): boolean {
    return this.#own.value?.state === 'left'
  }

  /** What was said in a session before it is gone on with here, with the reply that is under way. */
  async #recall(sessionId: string): Promise<void> {
    const { messages, streaming } = await control.messages(sessionId)
    if (this.said.value.length > 0) return
    const all = streaming ? [...messages, streaming] : messages
    this.said.value = all.map(({ id, author, text, at, streaming }) => ({ id, author, text, at, streaming }))
    if (!streaming) return
    this.#recalled = streaming.id
    this.#replies.set(streaming.id, new Assembly(streaming.text))
    this.#silence = setTimeout(() => this.#finish(), SILENCE)
  }

  /** Of the reply that was under way pieces may have been missed: the conversation has all of them. */
  async #complete(id: string): Promise<void> {
    const sessionId = this.sessionId.value
    if (sessionId === null || this.#hasLeft()) return
    try {
      const { messages, streaming } = await control.messages(sessionId)
      const whole = messages.findLast((one) => one.id === id && one.author !== 'visitor')
      const known = this.said.value.find((one) => one.id === id)
      if (known && whole) this.#put({ ...known, text: whole.text })
      if (streaming?.id === id) this.#silence = setTimeout(() => this.#finish(), SILENCE)
      else this.#recalled = undefined
    } catch (error) {
      report(error)
      this.#recalled = undefined
    }
    if (this.#recalled === undefined) this.#finish()
  }

  /** What has been silent for long is whole, but for the reply of which the conversation knows more. */
  #finish(): void {
    this.said.value = this.said.value.map((one) =>
      one.streaming && one.id !== this.#recalled ? { ...one, streaming: false } : one,
    )
    if (this.#recalled !== undefined) void this.#complete(this.#recalled)
  }

  #putWhole(id: string, one: Pick<Said, 'author' | 'text' | 'extras'>): void {
    const { author, text, extras } = one
    if (!this.said.value.some((other) => other.id === id)) this.#put({ id, author, text, ...(extras && { extras }) })
  }

  #put(one: Pick<Said, 'id' | 'author' | 'text' | 'extras'>, streaming = false): void {
    const known = this.said.value.findIndex((other) => other.id === one.id)
    const at = this.said.value[known]?.at ?? thisMoment()
    const message = { ...one, at, streaming }
    this.said.value = known < 0 ? [...this.said.value.slice(1 - KEPT), message] : this.said.value.with(known, message)
    if (known < 0 && one.author !== 'visitor') this.unread.value++
  }

  #line(text: string): void {
    this.lines.value = [...this.lines.value.slice(-4), text]
  }
}

/** The part of a visitor id before its `_`. */
const platform = (channel: string) => channel.toLowerCase().replace(/[^a-z0-9]+/g, '') || 'web'

/** `crypto.randomUUID` is there over HTTPS and on loopback only. */
function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
