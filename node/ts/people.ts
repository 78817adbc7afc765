/** What a client keeps of people: shown, deleted, copied; and the program's notes. */

import type { CallOptions, DeadlineOptions } from './conversation.js'
import { AvatarEmitter } from './emitter.js'
import { parseExact, writeExact } from './exact-json.js'
import { calledFrom } from './failures.js'
import { call, SIGNAL } from './host-queue.js'
import type { Known } from './known.js'
import type { NativeClient } from './native.js'
import { quiet } from './quiet.js'
import { Visitor, type VisitorDetails, type VisitorLike } from './visitor.js'

/** Options of `setNote` and `addNote`. */
export interface NoteOptions extends CallOptions {
  /** After so many milliseconds, more than 0, the note counts as deleted. Default: never. */
  readonly lifetimeMs?: number | undefined
}

/** A small text that the program keeps with a visitor: see {@link AvatarClient.setNote}. */
export interface Note {
  /** The visitor, with the name, channel and tag that the note was last written with. */
  readonly visitor: Visitor
  /** Under which it is found. A visitor has one note under a key. */
  readonly key: string
  /** The text. */
  readonly text: string
}

/** Options of `request`. */
export interface RequestOptions extends DeadlineOptions {
  /** Shows this visitor's token, renewed where it is refused. Default: the API key, with a slot of its quota. */
  readonly visitor?: VisitorLike | undefined
}

interface NoteJson {
  readonly visitor: VisitorDetails & { id: string }
  readonly key: string
  readonly text: string
}

const REQUEST: Known = { deadlineMs: 'number', ...SIGNAL }
const LIFETIME: Known = { lifetimeMs: 'number', ...SIGNAL }

/** The part of a client that is about what it keeps. */
export abstract class People extends AvatarEmitter {
  /** @internal */
  protected abstract native(): NativeClient

  /**
   * Gives the visitors of the store, each with the name, the channel and the tag it was last given. The visitor saved
   * last comes first. Without a store the list is empty.
   */
  known(options: CallOptions = {}): Promise<Visitor[]> {
    const read = (visitors: string) => (JSON.parse(visitors) as Parameters<typeof Visitor.known>).map(Visitor.known)
    return call(() => this.native().known(), read, calledFrom(this.known), options)
  }

  /**
   * Deletes everything that the store holds of this visitor: the record, unsent messages, notes, claims. When it
   * resolves, nothing of it is in the store's files. A visitor of whom there is nothing is no error.
   *
   * An open conversation of the visitor is closed first, at once: what was still to be sent is not, its calls fail, and
   * durable messages are deleted. Opening the visitor again begins a new session.
   *
   * This store only: nothing is deleted at the service, in backups or in logs. The file is written anew, so use
   * {@link forgetIdle} to delete many.
   *
   * Rejects with a {@link StoreError} if another client of the same store has the visitor open, or has messages of the
   * visitor to send: then nothing is deleted, and the conversation here is closed all the same. So it does if the bytes
   * cannot be removed, because another program reads the file or the disk is full: then call it again. A client without a
   * store forgets what it has in memory.
   */
  forget(visitor: VisitorLike, options: CallOptions = {}): Promise<void> {
    const site = calledFrom(this.forget)
    return call(
      () => this.native().forget(Visitor.from(visitor, site).id),
      () => {},
      site,
      options,
    )
  }

  /**
   * Gives everything that the store holds of this visitor, as a JSON text without secrets. A visitor of whom there is
   * nothing is no error: `holds_data` is `false` then. `docs/privacy.md` in the repository lists the fields.
   */
  export(visitor: VisitorLike, options: CallOptions = {}): Promise<string> {
    const site = calledFrom(this.export)
    const begin = () => this.native().export(Visitor.from(visitor, site).id)
    return call(begin, (json: string) => json, site, options)
  }

  /**
   * Forgets all visitors of whom nothing was written to the store for longer than so many milliseconds, and gives how many.
   * The option `retentionMs` does the same by itself.
   *
   * Not idle are visitors with an open conversation, in this client or in another one of the same store, and those with a
   * durable message that is still to be sent. It fails as {@link forget} does, except that visitors in use are skipped.
   */
  forgetIdle(longerThanMs: number, options: CallOptions = {}): Promise<number> {
    const site = calledFrom(this.forgetIdle)
    return call(
      () => this.native().forgetIdle(longerThanMs),
      (many: string) => Number(many),
      site,
      options,
    )
  }

  /**
   * Copies the store into a file while it is in use, and replaces an earlier copy. The copy is a whole store that
   * another client can use. Only one of the two may be used from then on. Do not copy the file by other means while the
   * store is open.
   *
   * Rejects with an {@link UnsupportedError} if there is no store, and with a {@link StoreError} if the file cannot be
   * written, is in use as a store, or is not a store.
   */
  backup(path: string, options: CallOptions = {}): Promise<void> {
    return call(
      () => this.native().backup(path),
      () => {},
      calledFrom(this.backup),
      options,
    )
  }

  /**
   * Writes a note: a small text that the program keeps with this visitor, in place of the one under this key. When it
   * resolves, the note outlives the process.
   *
   * ```ts
   * await client.setNote(visitor, 'address', 'C0123/1700000000.000100')
   * const address = await client.note(visitor, 'address')
   * ```
   *
   * Notes are in the client's store: sealed where it is, in its backups and exports, and forgotten with the visitor.
   * Without a store they are in memory until the client closes. **Keys are not sealed:** put no secret and no word of a
   * person into a key. Where a store does not know the API key yet, the visitor is authenticated first.
   *
   * Rejects with a {@link MisuseError} unless the key has 1 to 200 bytes of UTF-8 and the text at most 16 KiB, and with a
   * {@link StoreError} if the store cannot be written.
   */
  setNote(visitor: VisitorLike, key: string, text: string, options: NoteOptions = {}): Promise<void> {
    const site = calledFrom(this.setNote)
    return call(
      () => this.native().setNote(Visitor.from(visitor, site), key, text, options.lifetimeMs),
      () => {},
      site,
      options,
      LIFETIME,
    )
  }

  /**
   * Writes a note unless there is one under this key that has not expired, and gives whether it was written.
   *
   * Of several that add the same note at the same time, one succeeds, also among the processes that use the same store
   * file. So a message that a platform delivers twice is taken once. It fails as {@link setNote} does.
   *
   * ```ts
   * if (await client.addNote(visitor, `message/${id}`, 'taken', { lifetimeMs: 7 * 24 * 3_600_000 })) answer(message)
   * ```
   */
  addNote(visitor: VisitorLike, key: string, text: string, options: NoteOptions = {}): Promise<boolean> {
    const site = calledFrom(this.addNote)
    const begin = () => this.native().addNote(Visitor.from(visitor, site), key, text, options.lifetimeMs)
    return call(begin, (added: string) => added === 'true', site, options, LIFETIME)
  }

  /** Gives the text of the visitor's note under this key; `undefined` where there is none, or it has expired. */
  note(visitor: VisitorLike, key: string, options: CallOptions = {}): Promise<string | undefined> {
    const site = calledFrom(this.note)
    const read = (json: string) => (JSON.parse(json) as string | null) ?? undefined
    return call(() => this.native().note(Visitor.from(visitor, site).id, key), read, site, options)
  }

  /** Deletes the visitor's note under this key, and gives whether there was one that had not expired. */
  deleteNote(visitor: VisitorLike, key: string, options: CallOptions = {}): Promise<boolean> {
    const site = calledFrom(this.deleteNote)
    const begin = () => this.native().deleteNote(Visitor.from(visitor, site).id, key)
    return call(begin, (deleted: string) => deleted === 'true', site, options)
  }

  /**
   * Makes a call of the service that this library does not know, and gives the `data` of the answer's envelope; `null`
   * where there is none. Integers that a number cannot hold are `bigint`, and may be in the body.
   *
   * ```ts
   * const latest = await client.request('GET', `/rest/general/message/latest?sessionId=${id}`, undefined, { visitor })
   * ```
   *
   * The path goes on after the base URL, and cannot lead elsewhere. The method is GET, POST, PUT, PATCH or DELETE. Nothing
   * is sent twice but after the visitor's token was refused. `onCall` is told of calls with a visitor alone. Default
   * deadline: 30 s.
   *
   * Rejects with a {@link MisuseError}, and nothing is sent, if the method is unknown, the path could lead to outside of
   * the base URL, or the body is not JSON; with an {@link InvalidAnswerError} if the answer is not the service's envelope,
   * as a redirect.
   */
  request(method: string, path: string, body?: unknown, options: RequestOptions = {}): Promise<unknown> {
    const site = calledFrom(this.request)
    const begin = () => {
      const visitor = options.visitor === undefined ? undefined : Visitor.from(options.visitor, site)
      return this.native().request(method, path, writeExact(body, site), visitor, options.deadlineMs)
    }
    const { visitor: _, ...others } = options
    return call(begin, parseExact as (data: string) => unknown, site, others, REQUEST)
  }

  /**
   * Gives the notes of all visitors whose keys begin so, and that have not expired. The one that was first written longest
   * ago comes first; one that was replaced keeps its place. With an empty prefix it gives all notes.
   */
  notes(prefix: string, options: CallOptions = {}): Promise<Note[]> {
    const read = (json: string) =>
      (JSON.parse(json) as NoteJson[]).map(({ visitor, key, text }) =>
        quiet({ visitor: Visitor.known(visitor), key, text }),
      )
    return call(() => this.native().notes(prefix), read, calledFrom(this.notes), options)
  }
}
