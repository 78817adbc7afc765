import { Api, Failure, failureOf, type Trouble } from './api.js'
import { Events } from './events.js'
import { Identity } from './identity.js'
import { Incoming } from './incoming.js'
import { LONGEST_TEXT, textOf, type Info, type Message } from './message.js'
import { Outbox } from './outbox.js'
import { watchPage } from './page.js'
import { Replies } from './replies.js'
import { Sender } from './sender.js'
import { NO_TROUBLES } from './state.js'
import type { SessionListener, SessionState, Troubles } from './state.js'
import { Store, type Bubble } from './store.js'
import { read, remove, write } from './storage.js'
import { Tabs, type TabMessage } from './tabs.js'
import { TitleCount } from './title.js'
import { Unread } from './unread.js'
import { backoffMs, Waiter } from './wait.js'

export type { SessionState } from './state.js'

/** The conversation of this browser with one server. All elements of a page that name the same server share it. */
export class Session {
  readonly store = new Store()
  readonly #listeners = new Set<SessionListener>()
  readonly #api: Api
  readonly #waiter = new Waiter()
  readonly #name: string
  readonly #outbox: Outbox
  readonly #identity: Identity
  readonly #sender: Sender
  readonly #replies: Replies
  readonly #incoming: Incoming
  readonly #unread: Unread
  readonly #title = new TitleCount()
  readonly #users = new Map<object, boolean>()
  #running: AbortController | undefined
  #tabs: Tabs | undefined
  #events: Events | undefined
  #isLeader = false
  #renewal: Promise<boolean> | undefined
  #loading: Promise<void> | undefined
  #isLoadedAgain = false
  #meeting: Promise<unknown> | undefined
  #isAsked = false
  #isIntroduced = false
  #troubles: Troubles = NO_TROUBLES
  #phase: SessionState['phase'] = 'idle'
  #isLoadingOlder = false

  constructor(server: string) {
    this.#name = `secondme-avatar:${server}`
    this.#api = new Api(server)
    this.#outbox = new Outbox(this.#name)
    this.#identity = new Identity(this.#name, this.#outbox)
    this.#replies = new Replies(this.#api, this.store, this.#waiter, {
      onState: () => this.#changed(),
      onLost: () => void this.#loadNewest(),
    })
    this.#incoming = new Incoming(this.store, {
      onState: () => this.#changed(),
      onAnswered: (question) => this.#taken(question),
      onReset: () => this.#reset(),
      isReading: (question) => this.#replies.isReading(question),
    })
    this.#sender = new Sender(this.#name, this.#api, this.#outbox, this.store, this.#waiter, {
      onReply: (id, body) => this.#replies.follow(id, body),
      onNoVisitor: () => this.#renew(),
      onTrouble: (trouble) => this.#trouble('send', trouble),
    })
    this.#unread = new Unread(this.#name, this.store)
    this.store.listen({ onChange: () => this.#count(), onSaid: () => this.#count() })
  }

  get state(): SessionState {
    const { start, events, send } = this.#troubles
    return {
      phase: this.#phase,
      info: this.#incoming.info,
      trouble: start ?? send ?? events,
      typing: this.#typingNow(),
      unread: this.#unread.count,
      isLoadingOlder: this.#isLoadingOlder,
    }
  }

  listen(listener: SessionListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Has this browser talked with the server before? Until then nothing is asked of it, and no cookie is set. */
  get isKnown(): boolean {
    return read(this.#name) !== null
  }

  /** An element shows the conversation, and `isVisible` to the visitor. */
  use(user: object, isVisible: boolean): void {
    this.#users.set(user, isVisible)
    this.#count()
  }

  /** The element is gone; the last one ends the session's connections. */
  leave(user: object): void {
    this.#users.delete(user)
    if (this.#users.size > 0) return
    this.#stop()
    this.#title.show(0)
  }

  /** Begins, if it has not begun. `isAsked` where the visitor opened the panel: only then the browser becomes known. */
  start(isAsked: boolean): void {
    this.#isAsked ||= isAsked
    if (this.#running !== undefined) {
      // It ran to count what is unread; now the visitor wants to know who is there.
      if (isAsked && !this.#isIntroduced) void this.#introduce(this.#running.signal)
      return
    }
    if (!this.#isAsked && !this.isKnown) return
    const running = new AbortController()
    this.#running = running
    watchPage(running.signal, {
      onWake: () => this.#wake(),
      onView: () => this.#count(),
      onStored: (key) => this.#stored(key),
      onAside: () => this.#stop(),
      onBack: () => this.#users.size > 0 && this.start(false),
    })
    void this.#run(running.signal)
  }

  /** Everything that waits is tried again now. */
  tryAgain(): void {
    this.#isAsked = true
    this.#wake()
    if (this.#troubles.start !== null || this.#running === undefined) {
      this.#stop()
      this.start(true)
    }
    this.#sender.flush()
  }

  /** Takes a message of the visitor's, or says why it cannot. */
  send(text: string): 'taken' | 'empty' | 'too_large' | 'full' {
    const said = text.trim()
    if (said === '') return 'empty'
    if (said.length > (this.#incoming.info?.longestText ?? LONGEST_TEXT)) return 'too_large'
    return this.#sender.send(said) ? 'taken' : 'full'
  }

  /** Sends a message again that failed, or that got no answer. */
  sendAgain(id: string): void {
    const bubble = this.store.get(id)
    if (bubble === undefined) return
    this.#sender.sendAgain(bubble)
    this.#wake()
  }

  /** Drops a message that was not sent, and returns its text. */
  takeBack(id: string): string {
    const bubble = this.store.get(id)
    if (bubble?.state !== 'failed') return ''
    this.#outbox.remove(id)
    this.store.remove(id)
    return bubble.text
  }

  async loadOlder(): Promise<void> {
    const before = this.store.before
    const signal = this.#running?.signal
    if (this.#isLoadingOlder || typeof before !== 'string' || signal === undefined) return
    this.#isLoadingOlder = true
    this.#changed()
    try {
      const page = await this.#api.history(before, signal)
      // Another page took its place meanwhile.
      if (this.store.before === before) this.store.older(page.messages, page.before)
    } catch {
      // It is asked for again when the visitor scrolls.
    } finally {
      this.#isLoadingOlder = false
      this.#changed()
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    this.#phase = 'starting'
    this.#sender.restore()
    this.#changed()
    // What was written in this browser goes out only when it is known who is here now.
    const isNeeded = this.#isAsked || this.#outbox.next !== undefined
    if (isNeeded && !(await this.#introduce(signal))) return
    const tabs = new Tabs(this.#name, (message) => void this.#fromTab(message))
    this.#tabs = tabs
    signal.addEventListener('abort', () => tabs.close())
    const onEvent = (event: Record<string, unknown>, id: string) => {
      this.#tell({ type: 'event', event, id })
      this.#incoming.take(event)
    }
    const events = new Events(this.#api, this.#waiter, {
      onEvent,
      onTrouble: (trouble) => {
        this.#tell({ type: 'trouble', trouble })
        this.#trouble('events', trouble)
        if (trouble === null) this.#waiter.wake()
        // What was said between the history's answer and the stream's first event is in neither.
        if (trouble === null && events.lastId === '') void this.#loadNewest()
      },
      onSilence: () => onEvent({ type: 'reset' }, ''),
      onNoVisitor: () => this.#renew(),
    })
    this.#events = events
    void tabs.lead(signal, async () => {
      this.#isLeader = true
      await events.follow(signal)
      this.#isLeader = false
    })
    this.#tell({ type: 'hello' })
    await this.#loadNewest()
    if (signal.aborted) return
    this.#phase = 'ready'
    this.#changed()
    this.#replies.start(signal)
    this.#sender.start(signal)
    this.#resume()
  }

  /** Asks who is there, until the server answers. Returns whether it did. */
  async #introduce(signal: AbortSignal, isRenewal = false): Promise<boolean> {
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        const { info, visitor } = await this.#api.info(signal)
        // One whose cookie is not taken any more is the same person, whose message is to go out.
        if (isRenewal && this.#troubles.start === null) this.#identity.take(visitor)
        else if (this.#isOther(visitor)) return false
        this.#incoming.info = info
        this.#isIntroduced = true
        write(this.#name, '1')
        this.#trouble('start', null)
        return true
      } catch (error) {
        if (signal.aborted) return false
        const { trouble, afterMs } = failureOf(error)
        this.#trouble('start', trouble === 'no_visitor' ? 'signed_out' : trouble)
        // These stay as they are until the visitor tries again.
        if (trouble === 'no_visitor' || trouble === 'origin_not_allowed' || trouble === 'refused') return false
        await this.#waiter.wait(afterMs ?? backoffMs(failures), signal)
      }
    }
    return false
  }

  /** Clears what is another visitor's. Returns whether the session had run for that one, and begins anew. */
  #isOther(visitor: string): boolean {
    if (!this.#identity.meet(visitor)) return false
    const isRunning = this.#tabs !== undefined
    this.#incoming.info = undefined
    if (isRunning) this.#stop()
    this.store.clear()
    for (const listener of this.#listeners) listener.onOther?.()
    if (isRunning) this.start(this.#isAsked)
    return isRunning
  }

  /** The server does not know the visitor: asks to be made known once more. Returns whether that is worth a try. */
  #renew(): Promise<boolean> {
    this.#renewal ??= this.#renewOnce().finally(() => {
      // Were it asked again at once, a browser without cookies would ask for ever.
      setTimeout(() => {
        this.#renewal = undefined
      }, 5000)
    })
    return this.#renewal.then((isKnown) => isKnown && this.#troubles.start === null)
  }

  async #renewOnce(): Promise<boolean> {
    const signal = this.#running?.signal
    if (signal === undefined) return false
    if (!this.#isAsked) {
      // The visitor has not asked for anything on this page: the browser is forgotten, not made known again.
      remove(this.#name)
      this.#stop()
      return false
    }
    if (!(await this.#introduce(signal, true))) return false
    try {
      await this.#api.history(null, signal)
      return true
    } catch (error) {
      if (!(error instanceof Failure) || error.trouble !== 'no_visitor') return true
      this.#trouble('start', 'no_visitor')
      return false
    }
  }

  /** Loads the newest messages: once for all who ask meanwhile, and once more where they asked later than it began. */
  #loadNewest(): Promise<void> {
    this.#isLoadedAgain = this.#loading !== undefined
    this.#loading ??= this.#loadUntilNewest().finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  async #loadUntilNewest(): Promise<void> {
    do {
      this.#isLoadedAgain = false
      await this.#loadOnce()
    } while (this.#isLoadedAgain)
  }

  async #loadOnce(): Promise<void> {
    const signal = this.#running?.signal
    for (let failures = 0; signal !== undefined && !signal.aborted; failures += 1) {
      try {
        const page = await this.#api.history(null, signal)
        if (this.#running?.signal !== signal) return
        this.store.newest(page.messages, page.before)
        return
      } catch (error) {
        if (signal.aborted) return
        const failure = failureOf(error)
        if (failure.trouble === 'no_visitor') {
          if (await this.#renew()) continue
          return
        }
        if (failure.trouble === 'refused' || failure.trouble === 'origin_not_allowed')
          return this.#trouble('start', failure.trouble)
        await this.#waiter.wait(failure.afterMs ?? backoffMs(failures), signal)
      }
    }
  }

  /** After a reload in the middle of a reply, the reply goes on. */
  #resume(): void {
    const last = this.store.items.filter((item): item is Bubble => item.kind === 'message').at(-1)
    if (last?.author !== 'visitor' || last.state !== 'done' || this.#incoming.info?.isOwnerPresent) return
    // One that is sent once more has the reply in its answer.
    if (!this.#outbox.has(last.id)) this.#replies.resume(last.id)
  }

  #reset(): void {
    // A server that answers is there, though its stream may be held back.
    void this.#loadNewest().then(() => this.#trouble('events', null))
    // The stream may be another's since it was opened again.
    if (this.#isIntroduced) void this.#meet()
  }

  async #meet(): Promise<void> {
    if (this.#running === undefined) return
    this.#meeting ??= this.#introduce(this.#running.signal).finally(() => {
      this.#meeting = undefined
    })
    await this.#meeting
  }

  /**
   * There is an answer to this message, so the server has it for good. That others are told of a message says less: the
   * server may have failed to keep it, and then it is to be sent again.
   */
  #taken(id: string): void {
    this.store.stand(id, 'done')
    if (!this.#outbox.has(id)) return
    this.#outbox.remove(id)
    this.#waiter.wake()
  }

  /** Tells the other tabs, and whose it is: another visitor may have signed in. */
  #tell(message: TabMessage): void {
    this.#tabs?.tell({ ...message, tag: this.#isIntroduced ? this.#identity.here : undefined })
  }

  async #fromTab(message: TabMessage): Promise<void> {
    if (message.type === 'wake') return this.#waiter.wake()
    if (message.type === 'trouble') return this.#trouble('events', message.trouble as Trouble | null)
    if (!this.#isIntroduced) {
      // A browser that has a history is made no other visitor when it asks who is here.
      await this.#loading
      await this.#meet()
    }
    if (!this.#isIntroduced || (message.type !== 'hello' && message.tag !== this.#identity.here)) return
    if (message.type === 'event') {
      if (this.#events !== undefined && typeof message.id === 'string' && message.id !== '')
        this.#events.lastId = message.id
      this.#incoming.take(message.event as Record<string, unknown>)
    } else if (message.type === 'hello' && this.#isLeader) {
      const { typing, info } = this.#incoming
      const state = { typing, info, growing: this.store.allGrowing, events: this.#troubles.events }
      this.#tell({ type: 'state', ...state, lastId: this.#events?.lastId })
    } else if (message.type === 'state' && !this.#isLeader) {
      Object.assign(this.#incoming.typing, message.typing)
      if (this.#events !== undefined) this.#events.lastId = textOf(message.lastId)
      this.#incoming.info ??= message.info as Info | undefined
      // A tab that was loaded before may be of an older version, which tells nothing of it.
      for (const growing of (message.growing ?? []) as Message[]) this.store.growing(growing)
      this.#trouble('events', message.events as Trouble | null)
    }
  }

  #typingNow(): SessionState['typing'] {
    const { typing, info } = this.#incoming
    if (typing.owner) return 'owner'
    if (info?.isOwnerPresent) return null
    return typing.avatar || this.#replies.isAwaited ? 'avatar' : null
  }

  /** What waits for another attempt begins it now, also in the tab that has the events. */
  #wake(): void {
    this.#waiter.wake()
    this.#tell({ type: 'wake' })
  }

  #stored(key: string | null): void {
    if (key === this.#outbox.key) {
      this.#sender.restore()
      if (this.#outbox.next === undefined) this.#waiter.wake()
    } else if (key === this.#identity.key) this.#isOther(this.#identity.kept)
    else if (key === this.#unread.key) this.#count()
  }

  #stop(): void {
    this.#running?.abort()
    this.#running = undefined
    this.#tabs = undefined
    this.#isLeader = false
    this.#isIntroduced = false
    this.#phase = 'idle'
    this.#troubles = NO_TROUBLES
    this.#incoming.forgetTyping()
    this.store.cut(() => true)
    this.#changed()
  }

  #trouble<Part extends keyof Troubles>(part: Part, trouble: Troubles[Part]): void {
    if (this.#troubles[part] === trouble) return
    // That the typing ended could not be told.
    if (part === 'events' && trouble !== null) this.#incoming.forgetTyping()
    this.#troubles = { ...this.#troubles, [part]: trouble }
    this.#changed()
  }

  #count(): void {
    const isSeen = !document.hidden && [...this.#users.values()].some((isVisible) => isVisible)
    if (this.#unread.update(isSeen)) this.#changed()
    this.#title.show(this.#unread.count)
  }

  #changed(): void {
    for (const listener of this.#listeners) listener.onState?.()
  }
}
