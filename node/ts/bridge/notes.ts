/** What a bridge keeps in the client's store: the messages it has heard, and what it still has to say. */

import { createHash } from 'node:crypto'
import type { AvatarClient } from '../client.js'
import { MisuseError } from '../contract/errors.js'
import type { Visitor, VisitorLike } from '../visitor.js'
import type { PostAuthor } from './outlet.js'
import type { Part } from './telling.js'

/** What every note of a bridge says: Python's bridge keeps other fields under the same keys. */
const OURS = { v: 1, by: 'node' } as const

/** How an open note begins. */
export const OPEN = { ...OURS, state: 'accepted' } as const

/** A message of the platform that is to be answered, or words that are to be said unasked. */
export interface OpenNote {
  readonly v: 1
  readonly by: 'node'
  readonly state: 'accepted'
  /** When it was accepted, in milliseconds. */
  readonly at: number
  /** The id of the question on the service; of words, that of the reply. */
  messageId: string
  readonly address: string
  /** Absent where it is long: then it stands in notes of its own. */
  readonly text?: string
  pieces?: number
  /** Of words: who says them. */
  readonly author?: PostAuthor
  /** The messages of the platform that show it. */
  shown?: readonly Part[]
}

/** What is left of it afterwards, so that the platform's duplicates are recognised. */
export interface DoneNote {
  readonly v: 1
  readonly by: 'node'
  readonly state: 'done'
  readonly at: number
  /** The platform's messages that show the answer. */
  readonly handles?: readonly string[]
  /** The avatar's reply. */
  readonly replyId?: string
}

/** The two kinds of notes that are gone on with. */
export type Kind = 'message' | 'said'

/** A note that is still to be dealt with. */
export interface Kept {
  readonly kind: Kind
  readonly id: string
  readonly note: OpenNote
}

/** A longer text stands in notes of its own: a note holds 16 KiB. */
const LONGEST = 3000
const MOST_BYTES = 9000
const LONGEST_ID = 120
const LONGEST_ADDRESS = 4096

/** The notes of one bridge. */
export class Notes {
  readonly #client: AvatarClient
  readonly #prefix: string
  readonly #lifetimeMs: number

  constructor(client: AvatarClient, platform: string, lifetimeMs: number) {
    this.#client = client
    this.#prefix = `bridge/${platform}/`
    this.#lifetimeMs = lifetimeMs
  }

  #key(kind: Kind, id: string): string {
    return `${this.#prefix}${kind}/${short(id)}`
  }

  #textKey(kind: Kind, id: string, at: number): string {
    return `${this.#prefix}text/${kind}/${short(id)}/${at}`
  }

  /** Keeps a new message or new words; `false` where they are known already. */
  async add(visitor: VisitorLike, { kind, id, note }: Kept): Promise<boolean> {
    const { text = '' } = note
    const long = isLong(text) ? pieces(text) : []
    if (long.length > 0) {
      if (await this.has(visitor, kind, id)) return false
      note.pieces = long.length
    }
    for (const [at, piece] of long.entries()) await this.#set(visitor, this.#textKey(kind, id, at), piece)
    const lifetimeMs = this.#lifetimeMs
    return this.#client.addNote(visitor, this.#key(kind, id), textOf(note), { lifetimeMs })
  }

  /** Writes an open note anew. */
  async keep(visitor: VisitorLike, { kind, id, note }: Kept): Promise<void> {
    await this.#set(visitor, this.#key(kind, id), textOf(note))
  }

  /** What is done is kept for the duplicates. */
  async done(visitor: VisitorLike, { kind, id, note }: Kept, rest: Partial<DoneNote>): Promise<void> {
    await this.close(visitor, kind, id, { ...rest, at: note.at })
    for (let at = 0; at < (note.pieces ?? 0); at++) {
      await this.#client.deleteNote(visitor, this.#textKey(kind, id, at))
    }
  }

  /** Marks as done what may never have been open here. */
  async close(visitor: VisitorLike, kind: Kind, id: string, rest: Omit<DoneNote, 'v' | 'by' | 'state'>): Promise<void> {
    const done: DoneNote = { ...OURS, state: 'done', ...rest }
    await this.#set(visitor, this.#key(kind, id), JSON.stringify(done))
  }

  /** Whether there is a note of it, open or done. */
  async has(visitor: VisitorLike, kind: Kind, id: string): Promise<boolean> {
    return (await this.#client.note(visitor, this.#key(kind, id))) !== undefined
  }

  /** Whether a note is still to be dealt with. */
  async isOpen(visitor: VisitorLike, { kind, id }: Kept): Promise<boolean> {
    const text = await this.#client.note(visitor, this.#key(kind, id))
    return text !== undefined && (JSON.parse(text) as OpenNote | DoneNote).state === 'accepted'
  }

  /** The whole text of a note. */
  async text(visitor: VisitorLike, { kind, id, note }: Kept): Promise<string> {
    if (note.pieces === undefined) return note.text ?? ''
    let text = note.text ?? ''
    for (let at = text === '' ? 0 : note.pieces; at < note.pieces; at++) {
      text += (await this.#client.note(visitor, this.#textKey(kind, id, at))) ?? ''
    }
    return text
  }

  /**
   * All that earlier processes have left, in the order in which it came.
   *
   * @throws {@link MisuseError} if a bridge of another language has left it.
   */
  async all(): Promise<{ visitor: Visitor; kind: Kind; id: string; note: OpenNote | DoneNote }[]> {
    const found = []
    for (const kind of ['message', 'said'] as const) {
      const prefix = `${this.#prefix}${kind}/`
      for (const { visitor, key, text } of await this.#client.notes(prefix)) {
        const note = JSON.parse(text) as OpenNote | DoneNote
        if (note.v !== 1 || note.by !== 'node') throw new MisuseError(otherNotes(this.#prefix, note))
        found.push({ visitor, kind, id: key.slice(prefix.length), note })
      }
    }
    // Sorting keeps the order of those of one time.
    return found.sort((a, b) => a.note.at - b.note.at)
  }

  /** Where the visitor was heard last. */
  address(visitor: VisitorLike): Promise<string | undefined> {
    return this.#client.note(visitor, `${this.#prefix}address`)
  }

  async keepAddress(visitor: VisitorLike, address: string): Promise<void> {
    await this.#client.setNote(visitor, `${this.#prefix}address`, address)
  }

  async #set(visitor: VisitorLike, key: string, text: string): Promise<void> {
    await this.#client.setNote(visitor, key, text, { lifetimeMs: this.#lifetimeMs })
  }
}

function otherNotes(prefix: string, { by = 'another version' }: { by?: string }): string {
  const what = `the client's store has notes \`${prefix}…\` of a bridge of ${by}, which this one cannot go on with`
  return `${what}: give this bridge another \`store\`, or another \`platform\``
}

/** A key holds 200 bytes. */
function short(id: string): string {
  return Buffer.byteLength(id) <= LONGEST_ID ? id : createHash('sha256').update(id).digest('hex')
}

/** Whether an address can be kept. */
export function isAddress(address: unknown): address is string {
  return typeof address === 'string' && address !== '' && Buffer.byteLength(address) <= LONGEST_ADDRESS
}

/** What an open note says: a text that is cut into pieces stands beside it. */
function textOf(note: OpenNote): string {
  const { text, ...rest } = note
  return JSON.stringify(note.pieces === undefined ? note : rest)
}

/** JSON takes up to 6 bytes for a character. */
function isLong(text: string): boolean {
  return text.length > LONGEST || Buffer.byteLength(JSON.stringify(text)) > MOST_BYTES
}

function pieces(text: string): string[] {
  const all: string[] = []
  for (let from = 0; from < text.length; ) {
    let to = Math.min(from + LONGEST, text.length)
    // A surrogate pair stays whole.
    if (to < text.length && /[\udc00-\udfff]/.test(text.charAt(to))) to -= 1
    all.push(text.slice(from, to))
    from = to
  }
  return all
}
