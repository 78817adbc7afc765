import { LONGEST_TEXT, messageOf, textOf, type Info, type Message } from './message.js'
import { FAILED_ANSWERS } from './state.js'
import type { Store } from './store.js'

export interface IncomingListener {
  onState(): void
  /** There is an answer to this message of the visitor's. */
  onAnswered(question: string): void
  /** The stream does not go on where it ended: the history knows what came meanwhile. */
  onReset(): void
  /** This tab reads the answer to this question, or to any: that tells what fails too. */
  isReading(question?: string | null): boolean
}

/** What the event stream tells: messages, replies that grow, who types, who speaks. */
export class Incoming {
  readonly #store: Store
  readonly #listener: IncomingListener
  #isOwnerTold = false
  typing = { avatar: false, owner: false }
  info: Info | undefined

  constructor(store: Store, listener: IncomingListener) {
    this.#store = store
    this.#listener = listener
  }

  take(event: Record<string, unknown>): void {
    switch (event.type) {
      case 'message':
      case 'growing':
        this.#message(messageOf(event), event.type === 'growing')
        break
      case 'piece':
        if (typeof event.from === 'number') this.#store.grow(textOf(event.id), event.from, textOf(event.text))
        break
      case 'typing':
        if (event.author === 'avatar' || event.author === 'owner') this.typing[event.author] = event.isTyping === true
        this.#listener.onState()
        break
      case 'owner':
        this.#owner(event.isPresent === true, textOf(event.name))
        break
      case 'notice':
        this.#notice(textOf(event.kind), textOf(event.text))
        break
      case 'reset':
        this.forgetTyping()
        this.#breakOff()
        this.#listener.onReset()
    }
  }

  /** Whether anyone types is not known any more. */
  forgetTyping(): void {
    this.typing = { avatar: false, owner: false }
  }

  #message(message: Message | undefined, isGrowing: boolean): void {
    if (message === undefined) return
    const { author, inReplyTo } = message
    if (inReplyTo !== null) this.#listener.onAnswered(inReplyTo)
    if (isGrowing) {
      if (author !== 'visitor') this.#store.growing(message)
      return
    }
    if (author !== 'visitor') this.typing[author] = false
    this.#store.whole(message)
    this.#listener.onState()
  }

  /** What grew by events alone has no end, unless they say so again. */
  #breakOff(): void {
    this.#store.cut((question) => !this.#listener.isReading(question))
  }

  #owner(isPresent: boolean, name: string): void {
    const { info } = this
    const ownerName = name || info?.ownerName || ''
    const wasPresent = info?.isOwnerPresent
    const unknown = { avatarName: '', hasHistory: true, longestText: LONGEST_TEXT }
    this.info = { ...unknown, ...info, ownerName, isOwnerPresent: isPresent }
    if (isPresent) this.typing.avatar = false
    else this.typing.owner = false
    if (info === undefined ? isPresent : wasPresent !== isPresent)
      this.#store.addLine(isPresent ? 'joined' : 'left', ownerName)
    if (!isPresent || wasPresent !== isPresent) this.#isOwnerTold = isPresent
    this.#listener.onState()
  }

  /** What the server noted becomes a line; that there is no answer stands at the question, in every tab. */
  #notice(kind: string, text: string): void {
    if (FAILED_ANSWERS.has(kind)) {
      this.#breakOff()
      // The stream of the tab that asked tells it too, and knows which question it is.
      if (!this.#listener.isReading() && !this.#store.failLast(kind)) this.#store.addLine('notice', '', kind, text)
    } else if (kind === 'taken_over') {
      // Told once, and not after a line that says that the owner has joined.
      if (!this.#isOwnerTold) this.#store.addLine('notice', this.info?.ownerName ?? '', kind, text)
      this.#isOwnerTold = true
    } else this.#store.addLine('notice', '', kind, text)
  }
}
