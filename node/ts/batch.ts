/**
 * Events as they cross the border, in one call: a text, and numbers that say what of it is what. `node/src/batch.rs`
 * writes it.
 *
 * The numbers begin with how many events there are, and with 1 where one of them has a frame. Of each event they have
 * its kind, whose fields that are true or false are bits from the seventh on; whose it is; and its other fields in
 * order. The text has what they stand for, in the same order and with nothing between.
 *
 * Whose it is says the number of a conversation that the batch has named already, or, below zero, the length of the JSON
 * that names the next one. A field is the length of a text, or of JSON where it is of another type. A text that is
 * absent and a list that is empty are -1, a text that is that of this field before is -2, as are parts that are the
 * reply's text, and one below that is JSON of so many letters less 3.
 */

import type { AvatarError } from './avatar-error.js'
import type { Part } from './contract/values.js'
import { type Failure, failed } from './failures.js'
import type { NativeEvents, NativeFrames } from './native.js'

const HEAD = 2
const ABSENT = -1
const AGAIN = -2
const COPIED = -3

/** What the events of one conversation share. */
export type Whose = readonly unknown[]

/** Reads batches, each from its beginning to its end. */
export class Reader {
  /** The frames of the batch, where it has some. */
  frames: NativeFrames | undefined
  /** What of the event that is being read is true. */
  flags = 0
  /** Events that have been read. */
  count = 0
  readonly #numbers: Int32Array
  readonly #last: string[]
  #text = ''
  #from = 0
  #at = 0
  #named: Whose[] = []

  /** For so many numbers, of which so many columns often have the text before. */
  constructor(numbers: number, columns: number) {
    this.#numbers = new Int32Array(HEAD + numbers)
    this.#last = new Array(columns).fill('')
  }

  /** Takes a batch. `false`: nothing has come. */
  begin(events: NativeEvents): boolean {
    const text = events.drain(this.#numbers)
    if (text === null) return false
    this.#text = text
    this.frames = this.#numbers[1] === 1 ? (events.frames() ?? undefined) : undefined
    this.#from = 0
    this.#at = HEAD
    this.count = 0
    return true
  }

  get hasMore(): boolean {
    return this.count < (this.#numbers[0] as number)
  }

  /** Lets go of the batch. */
  end(): void {
    this.#text = ''
    this.frames = undefined
    this.#named = []
  }

  /** The kind of the next event. */
  kind(): number {
    const code = this.#number()
    this.flags = code >> 6
    return code & 63
  }

  whose(): Whose {
    const number = this.#number()
    if (number >= 0) return this.#named[number] as Whose
    const named = JSON.parse(this.#take(-number)) as unknown[]
    const whose = named.map((value) => value ?? undefined)
    this.#named.push(whose)
    return whose
  }

  text(): string | undefined {
    const length = this.#number()
    if (length >= 0) return this.#take(length)
    return length === ABSENT ? undefined : (JSON.parse(this.#take(COPIED - length)) as string)
  }

  /** A text that often is the one before in this column. */
  again(column: number): string | undefined {
    if (this.#numbers[this.#at] === AGAIN) {
      this.#at += 1
      return this.#last[column]
    }
    const text = this.text()
    if (text !== undefined) this.#last[column] = text
    return text
  }

  list(): unknown[] {
    const length = this.#number()
    return length === ABSENT ? [] : (JSON.parse(this.#take(length)) as unknown[])
  }

  /** The parts of a reply with this text. */
  parts(text: string): Part[] {
    if (this.#numbers[this.#at] !== AGAIN) return this.list() as Part[]
    this.#at += 1
    return [{ type: 'text', text }]
  }

  json(): unknown {
    return JSON.parse(this.#take(this.#number())) ?? undefined
  }

  error(): AvatarError | undefined {
    const failure = this.json() as Failure | undefined
    return failure === undefined ? undefined : failed(failure)
  }

  #number(): number {
    const number = this.#numbers[this.#at] as number
    this.#at += 1
    return number
  }

  #take(length: number): string {
    const from = this.#from
    this.#from += length
    return this.#text.slice(from, this.#from)
  }
}
