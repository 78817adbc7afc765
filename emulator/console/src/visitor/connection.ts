import { signal } from '@preact/signals'
import { t } from '../words'
import { acknowledgement } from './frames'
import { type Credentials, Gate, GateError } from './gate'

const HEARTBEAT = 15_000
const FIRST_WAIT = 1_500
const LONGEST_WAIT = 30_000
/** The emulator knows this visitor's token or session no more: it was reset, or started anew. */
const UNKNOWN = new Set(['visitor.token.invalid', 'session.not.found'])
/** With this code the emulator closes a socket whose visitor has a newer one. */
const REPLACED = 4001

export type ConnectionState = 'opening' | 'live' | 'reconnecting' | 'replaced' | 'failed' | 'left'

/** A conversation that goes over a connection. */
export interface Conversing {
  /** Goes through the steps that make, or find again, its session. */
  begin(): Promise<void>
  /** What was known before is gone: the emulator is another one. */
  forget(): void
  hear(text: string): void
}

/** All there are, the newest last. */
const connections: Connection[] = []

/** A visitor's credentials and its socket, which all its conversations share. */
export class Connection {
  readonly visitorId: string
  readonly gate: Gate
  readonly state = signal<ConnectionState>('opening')
  readonly step = signal('auth')
  readonly failure = signal('')
  readonly avatarName = signal('')
  wsId = ''

  readonly #name: string
  readonly #channel: string
  #conversations: Conversing[] = []
  #socket: WebSocket | undefined
  #heartbeat: ReturnType<typeof setTimeout> | undefined
  #pinged = 0
  #wait = FIRST_WAIT
  #again: ReturnType<typeof setTimeout> | undefined
  /** The way through the steps anew, while that is under way. */
  #beginning: Promise<void> | undefined

  constructor(as: { key: string; name: string; channel: string; visitorId: string }) {
    this.visitorId = as.visitorId
    this.#name = as.name
    this.#channel = as.channel
    this.gate = new Gate(as.key, as.visitorId)
    connections.push(this)
  }

  /** Whether another conversation of this visitor can go over it. */
  isOf(key: string, visitorId: string): boolean {
    return this.gate.key === key && this.visitorId === visitorId && this.state.value === 'live'
  }

  add(conversation: Conversing): void {
    this.#conversations.push(conversation)
  }

  /** Without its last conversation it ends. */
  remove(conversation: Conversing): void {
    this.#conversations = this.#conversations.filter((one) => one !== conversation)
    if (this.#conversations.length > 0) return
    this.state.value = 'left'
    this.#end()
    connections.splice(connections.indexOf(this), 1)
  }

  async open(): Promise<void> {
    this.state.value = 'opening'
    this.failure.value = ''
    try {
      this.step.value = 'auth'
      this.avatarName.value = (await this.gate.authenticate(this.#name, this.#channel)).avatarName
      for (const conversation of this.#conversations) await conversation.begin()
      await this.#connect()
    } catch (error) {
      if (this.#hasLeft()) return
      this.failure.value = said(error)
      this.state.value = 'failed'
    }
  }

  /**
   * Begins again after a call that the emulator refused because it does not know the caller, with these credentials,
   * any more. Newer ones show that it has begun again since.
   */
  refused(error: unknown, credentials: Credentials): void {
    if (isUnknown(error) && this.gate.isBy(credentials)) void this.#anew()
  }

  /** Connects, now that the reader wants it. */
  async reconnect(): Promise<void> {
    clearTimeout(this.#again)
    this.state.value = 'reconnecting'
    const { credentials } = this.gate
    try {
      await this.#connect()
    } catch (error) {
      if (this.#hasLeft() || !this.gate.isBy(credentials)) return
      this.failure.value = said(error)
      if (isUnknown(error)) await this.#anew()
      else this.#later()
    }
  }

  async #connect(): Promise<void> {
    this.step.value = 'ws/create'
    const { credentials } = this.gate
    const { wsId, address } = await this.gate.createSocket()
    if (this.#hasLeft() || !this.gate.isBy(credentials)) return
    this.#end()
    this.step.value = 'connect'
    this.wsId = wsId
    const socket = new WebSocket(address)
    this.#socket = socket
    // A socket that another has replaced tells nothing any more.
    const isCurrent = () => this.#socket === socket
    socket.onopen = () => {
      if (!isCurrent()) return
      this.state.value = 'live'
      this.failure.value = ''
      this.#wait = FIRST_WAIT
      this.#pinged = performance.now()
      this.#beat(socket)
      // The newest stands last.
      connections.push(...connections.splice(connections.indexOf(this), 1))
    }
    socket.onmessage = (event) => {
      if (!isCurrent()) return
      this.#beat(socket)
      const text = String(event.data)
      const ack = acknowledgement(text, wsId)
      if (ack) socket.send(ack)
      for (const conversation of this.#conversations) conversation.hear(text)
    }
    socket.onclose = (event) => {
      if (isCurrent()) this.#lost(event.code, event.reason)
    }
  }

  #lost(code: number, reason: string): void {
    this.#end()
    if (this.#hasLeft()) return
    this.failure.value = t('socketClosed', { code, reason })
    // Two sockets of a visitor that each come back would close each other for ever.
    if (code === REPLACED || this.#hasNewer()) this.state.value = 'replaced'
    else this.#later()
  }

  #hasLeft(): boolean {
    return this.state.value === 'left'
  }

  #hasNewer(): boolean {
    const newer = connections.slice(connections.indexOf(this) + 1)
    return newer.some((one) => one.visitorId === this.visitorId && one.state.value === 'live')
  }

  /** Connects again, after pauses that grow for as long as that fails. */
  #later(): void {
    this.state.value = 'reconnecting'
    this.#again = setTimeout(() => void this.reconnect(), this.#wait)
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT)
  }

  /** Goes through the steps again, once for all that ask for it meanwhile. */
  #anew(): Promise<void> {
    this.#beginning ??= this.#begin().finally(() => {
      this.#beginning = undefined
    })
    return this.#beginning
  }

  /** What was said before belongs to conversations that are gone. */
  async #begin(): Promise<void> {
    this.#end()
    for (const conversation of this.#conversations) conversation.forget()
    await this.open()
    if (this.state.value === 'failed') this.#later()
  }

  /** Timers of a page in the background come once a minute, but not those that are set when something has come. */
  #beat(socket: WebSocket): void {
    clearTimeout(this.#heartbeat)
    if (performance.now() - this.#pinged >= HEARTBEAT) {
      this.#pinged = performance.now()
      socket.send(JSON.stringify({ type: 'ping', wsId: this.wsId }))
    }
    this.#heartbeat = setTimeout(() => this.#beat(socket), this.#pinged + HEARTBEAT - performance.now())
  }

  #end(): void {
    clearTimeout(this.#heartbeat)
    clearTimeout(this.#again)
    const socket = this.#socket
    this.#socket = undefined
    socket?.close()
  }
}

/** The connection of a visitor that is live in this page, the newest one. */
export const connectionOf = (key: string, visitorId: string): Connection | undefined =>
  connections.findLast((one) => one.isOf(key, visitorId))

export const said = (error: unknown) => (error instanceof Error ? error.message : String(error))
const isUnknown = (error: unknown) => error instanceof GateError && UNKNOWN.has(error.code)
