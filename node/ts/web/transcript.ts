/**
 * What was said, kept as notes in the client's store: the service's own history has neither the ids of the browser's
 * messages nor what an answer draws on, and may not be there at all.
 */

import { createHash } from 'node:crypto'
import type { AvatarClient } from '../client.js'
import type { Visitor } from '../visitor.js'
import type { Message, Notice } from './messages.js'

/** A longer note is cut into several: a note holds 16 KiB, and a UTF-16 unit takes up to 3 bytes. */
const LONGEST = 5000
const LONGEST_ID = 120
/** The number of messages is kept as often. */
const EVERY = 32

/** What became of a question. */
export interface Outcome {
  /** Under how many ids of the bridge it was asked. */
  readonly attempt: number
  /** Of how many messages its answer is. */
  readonly parts: number
  /** What the visitor was told beside the answer. */
  readonly notices: readonly Notice[]
}

/** The messages of one visitor, numbered from 0. Calls that write wait for each other. */
export class Transcript {
  readonly #client: AvatarClient
  readonly #visitor: Visitor
  readonly #prefix: string
  readonly #lifetimeMs: number
  #count: Promise<number> | undefined
  #writing: Promise<unknown> = Promise.resolve()
  /** Messages that are not in the store yet. */
  #waiting = 0

  constructor(client: AvatarClient, visitor: Visitor, name: string, lifetimeMs: number) {
    this.#client = client
    this.#visitor = visitor
    this.#prefix = `web/${name}/`
    this.#lifetimeMs = lifetimeMs
  }

  /** Keeps a message; one of the same id is replaced. Returns whether it is new. */
  add(message: Message): Promise<boolean> {
    this.#waiting += 1
    const added = this.#writing.then(() => this.#add(message))
    this.#writing = added
      .catch(() => {})
      .finally(() => {
        this.#waiting -= 1
      })
    return added
  }

  async isEmpty(): Promise<boolean> {
    const number = await this.#known()
    return number === 0 || (await this.#client.note(this.#visitor, this.#key(`log/${number - 1}`))) === undefined
  }

  /** Returns the messages before a number, oldest first, and the number of the first; `null` if there are none before. */
  async page(before: number | undefined, limit: number): Promise<{ messages: Message[]; before: number | null }> {
    // What was told as an event already may still be on its way into the store.
    await this.#writing
    const newest = Math.min(before ?? Number.POSITIVE_INFINITY, await this.#known())
    for (let end = newest; ; ) {
      const start = Math.max(0, end - limit)
      const numbers = Array.from({ length: end - start }, (_, at) => start + at)
      const messages = await Promise.all(numbers.map((number) => this.#message(number)))
      const found = messages.filter((message) => message !== undefined)
      if (start === 0 || found.length > 0) return { messages: found, before: start === 0 ? null : start }
      // One may be missing among others; what is older than many that are missing has expired.
      if (newest - start >= EVERY) return { messages: [], before: null }
      end = start
    }
  }

  /** Returns the message of this id. */
  async message(id: string): Promise<Message | undefined> {
    const number = await this.#client.note(this.#visitor, this.#idKey(id))
    if (number === undefined) return undefined
    const message = await this.#message(Number(number))
    return message?.id === id ? message : undefined
  }

  async outcome(question: string): Promise<Outcome | undefined> {
    const text = await this.#read(`turn/${short(question)}`)
    return text === undefined ? undefined : (JSON.parse(text) as Outcome)
  }

  /** Keeps what became of a question, behind the messages that are being kept. */
  async keepOutcome(question: string, outcome: Outcome): Promise<void> {
    await this.#writing
    await this.#write(`turn/${short(question)}`, JSON.stringify(outcome))
  }

  /** Is fulfilled when all messages are in the store. Returns whether one was not. */
  async settled(): Promise<boolean> {
    const isWaiting = this.#waiting > 0
    await this.#writing
    return isWaiting
  }

  async #add(message: Message): Promise<boolean> {
    const text = JSON.stringify(message)
    const known = await this.#client.note(this.#visitor, this.#idKey(message.id))
    const there = known === undefined ? undefined : await this.#message(Number(known))
    // A process that was killed may not have come to the message itself.
    if (there?.id === message.id) {
      // It keeps its time.
      await this.#write(`log/${known}`, JSON.stringify({ ...message, at: there.at }))
      return false
    }
    // Another process of the same store may have taken the number.
    for (let number = await this.#known(); ; number += 1) {
      // At once, so that the disk is written once for both; what is given first is written first.
      const id = this.#set(`id/${short(message.id)}`, `${number}`)
      const [isNew] = await Promise.all([this.#writeNew(`log/${number}`, text), id])
      if (!isNew) continue
      this.#count = Promise.resolve(number + 1)
      if ((number + 1) % EVERY === 0) await this.#client.setNote(this.#visitor, this.#key('count'), `${number + 1}`)
      return true
    }
  }

  /** How many messages there are. */
  #known(): Promise<number> {
    this.#count ??= this.#counted().catch((error) => {
      this.#count = undefined
      throw error
    })
    return this.#count
  }

  async #counted(): Promise<number> {
    let number = Number((await this.#client.note(this.#visitor, this.#key('count'))) ?? 0)
    // The oldest of them may have expired before the newest.
    for (let from = number; from <= number; from += EVERY) {
      const numbers = Array.from({ length: EVERY }, (_, at) => from + at)
      const notes = await Promise.all(numbers.map((one) => this.#client.note(this.#visitor, this.#key(`log/${one}`))))
      const last = notes.map((note) => note !== undefined).lastIndexOf(true)
      if (last >= 0) number = from + last + 1
    }
    return number
  }

  async #message(number: number): Promise<Message | undefined> {
    const text = await this.#read(`log/${number}`)
    return text === undefined ? undefined : (JSON.parse(text) as Message)
  }

  async #write(name: string, text: string): Promise<void> {
    await this.#set(name, await this.#first(name, text))
  }

  /** Writes a note unless there is one. */
  async #writeNew(name: string, text: string): Promise<boolean> {
    return this.#client.addNote(this.#visitor, this.#key(name), await this.#first(name, text), this.#lifetime)
  }

  /** Writes all of a text but its first piece, and returns that. */
  async #first(name: string, text: string): Promise<string> {
    const [first, ...rest] = pieces(text)
    for (const [at, piece] of rest.entries()) await this.#set(`${name}/${at + 1}`, piece)
    return `${rest.length + 1} ${first}`
  }

  async #read(name: string): Promise<string | undefined> {
    const note = await this.#client.note(this.#visitor, this.#key(name))
    if (note === undefined) return undefined
    const space = note.indexOf(' ')
    let text = note.slice(space + 1)
    for (let at = 1; at < Number(note.slice(0, space)); at++) {
      text += (await this.#client.note(this.#visitor, this.#key(`${name}/${at}`))) ?? ''
    }
    return text
  }

  async #set(name: string, text: string): Promise<void> {
    await this.#client.setNote(this.#visitor, this.#key(name), text, this.#lifetime)
  }

  get #lifetime(): { lifetimeMs: number } {
    return { lifetimeMs: this.#lifetimeMs }
  }

  #idKey(id: string): string {
    return this.#key(`id/${short(id)}`)
  }

  #key(name: string): string {
    return `${this.#prefix}${name}`
  }
}

/** A key holds 200 bytes. */
function short(id: string): string {
  return Buffer.byteLength(id) <= LONGEST_ID ? id : createHash('sha256').update(id).digest('hex')
}

function pieces(text: string): string[] {
  const all: string[] = []
  for (let from = 0; from < text.length || all.length === 0; ) {
    let to = Math.min(from + LONGEST, text.length)
    // A surrogate pair stays whole.
    if (to < text.length && /[\udc00-\udfff]/.test(text.charAt(to))) to -= 1
    all.push(text.slice(from, to))
    from = to
  }
  return all
}
