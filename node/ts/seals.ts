/** A seal around what a store keeps, which functions of the program make. */

import { types } from 'node:util'

import { misuse, type Site } from './failures.js'
import { BATCH, listen } from './host-queue.js'
import type { NativeSeal } from './native.js'
import { whole } from './words.js'

/**
 * Encrypts what a store keeps, so that the file is of no use without a key that lies elsewhere: in a keychain, or in a key
 * management service.
 *
 * Both functions run on this thread, one call for each row, with some hundred bytes to some kilobytes. They may return
 * promises; what waits for the store waits meanwhile, and after 20 s it fails with a {@link StoreError}. So fetch a data
 * key once, and ask no server for each row. They must not wait for a call of the client, which may itself wait for the
 * store, and a thread that is kept busy for 20 s gets such an error as well.
 *
 * What they throw becomes a {@link StoreError} that repeats its words, shortened: put no secret into them.
 */
export interface Seal {
  /** Gives the bytes as they are to be written. Where it fails, nothing is written. */
  seal(bytes: Uint8Array): Uint8Array | PromiseLike<Uint8Array>
  /**
   * Gives what `seal` was given. Where it fails, the row stays where it is, for a later run. A seal adds what it needs to
   * its bytes (a nonce, the key's number), and refuses bytes that were changed.
   */
  unseal(bytes: Uint8Array): Uint8Array | PromiseLike<Uint8Array>
}

/** The seals of stores that are in use. A client that is gone may still write. */
const inUse = new Set<() => void>()

/** @internal Refuses what is no seal. */
export function checkSeal(seal: unknown, site: Site): void {
  const { seal: sealing, unseal } = Object(seal) as Partial<Seal>
  if (typeof sealing === 'function' && typeof unseal === 'function') return
  throw misuse('`seal` takes an object with two functions, `seal` and `unseal`, from bytes to bytes', site)
}

function wordsOf(thrown: unknown): string {
  const isError = thrown instanceof Error || types.isNativeError(thrown)
  if (!isError) return `it threw a ${typeof thrown}`
  try {
    return `${thrown.name}: ${thrown.message}`
  } catch {
    return 'it threw an error that cannot be printed'
  }
}

/** @internal Answers what the store asks, until it ends. */
export function answerSeal(native: NativeSeal, seal: Seal): void {
  const answer = async (ticket: number, isOpen: boolean, bytes: Uint8Array) => {
    try {
      const given: unknown = await (isOpen ? seal.seal(bytes) : seal.unseal(bytes))
      if (!types.isUint8Array(given)) throw new TypeError('it gave no `Uint8Array`')
      native.answer(ticket, given)
    } catch (thrown) {
      native.fail(ticket, whole(wordsOf(thrown)))
    }
  }
  const drain = () => {
    let asked = native.drain(BATCH)
    for (; asked?.length; asked = native.drain(BATCH)) {
      for (const { ticket, isOpen, bytes } of asked) void answer(ticket, isOpen, bytes)
    }
    if (asked !== null) inUse.delete(drain)
  }
  inUse.add(drain)
  listen(native.ticket, drain)
  drain()
}
