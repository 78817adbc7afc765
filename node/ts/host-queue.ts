/** The mailbox between the native part and this thread, and what keeps the process alive. */

import { setInterval } from './timers.js'
import { failed, type Site, understood } from './failures.js'
import { type Known, known } from './known.js'
import { native, type NativePort } from './native.js'

/** What a message is about; see `Message` in `node/src/port.rs`. */
enum Code {
  Done,
  Failed,
  Ready,
  Occupied,
  Logs,
  Report,
}

interface Pending {
  resolve(content: unknown): void
  reject(reason: unknown): void
  readonly site: Site
}

/** Who is told of what concerns a client as a whole. */
export interface ClientEar {
  occupied(isOccupied: boolean): void
  report(json: string): void
}

/** The options of calls that have no others, and of subscriptions. */
export const SIGNAL: Known = { signal: 'object' }

const pending = new Map<number, Pending>()
const waiting = new Map<number, () => void>()
const clients = new Map<number, WeakRef<ClientEar>>()
let onLogs: (() => void) | undefined
let mailbox: NativePort | undefined

/** This thread's port. */
export function port(): NativePort {
  return (mailbox ??= new (native().Port)(deliver))
}

/** Makes a call that has these options: `begin` starts it, and hands back its ticket. */
export function call<T>(
  begin: () => number,
  read: (content: never) => T,
  site: Site,
  options: { readonly signal?: AbortSignal | undefined },
  kinds: Known = SIGNAL,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let ticket: number
    let signal: AbortSignal | undefined
    try {
      known(options, kinds, site)
      signal = options.signal
      signal?.throwIfAborted()
      ticket = begin()
    } catch (thrown) {
      return reject(understood(thrown, site))
    }
    stay()
    const done = () => {
      pending.delete(ticket)
      signal?.removeEventListener('abort', abort)
      leave()
    }
    const abort = () => {
      done()
      port().cancel(ticket)
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', abort)
    pending.set(ticket, {
      site,
      resolve(content) {
        done()
        resolve(read(content as never))
      },
      reject(reason) {
        done()
        reject(reason)
      },
    })
  })
}

/** Is told once, when the subscription or stream of this number has something to take. */
export function whenReady(id: number, tell: () => void): void {
  waiting.set(id, tell)
}

/** Does not want to know any more. */
export function forget(id: number): void {
  waiting.delete(id)
}

/** From now on this is told what concerns the client of this number. */
export function listen(id: number, ear: ClientEar): void {
  clients.set(id, new WeakRef(ear))
  gone.register(ear, id)
}

const gone = new FinalizationRegistry<number>((id) => clients.delete(id))

/** Is told when the log has lines. */
export function whenLogged(tell: () => void): void {
  onLogs = tell
}

/** An exception of the program's own goes where those of listeners go: it is uncaught. */
export function uncaught(thrown: unknown): void {
  process.nextTick(() => {
    throw thrown
  })
}

/** Calls the program, whose exceptions are its own. */
export function tell<T extends unknown[]>(told: (...content: T) => void, ...content: T): void {
  try {
    told(...content)
  } catch (thrown) {
    uncaught(thrown)
  }
}

function deliver(): void {
  const messages = port().take()
  for (let at = 0; at < messages.length; at += 3) {
    const subject = messages[at + 1] as number
    const content = messages[at + 2]
    switch (messages[at] as Code) {
      case Code.Done:
        pending.get(subject)?.resolve(content)
        break
      case Code.Failed: {
        const call = pending.get(subject)
        call?.reject(failed(content as string, call.site))
        break
      }
      case Code.Ready: {
        const ready = waiting.get(subject)
        waiting.delete(subject)
        ready?.()
        break
      }
      case Code.Occupied:
        clients
          .get(subject)
          ?.deref()
          ?.occupied(content as boolean)
        break
      case Code.Logs:
        onLogs?.()
        break
      case Code.Report:
        clients
          .get(subject)
          ?.deref()
          ?.report(content as string)
        break
    }
  }
}

/** How many conversations, calls and so on need the process. */
let reasons = 0
/**
 * A timer, and no port: Bun lets a process end whose ports are held at one end only. It is made when the module is, so
 * that it keeps no context of `AsyncLocalStorage`.
 */
const anchor = setInterval(() => {}, 2 ** 31 - 1).unref()

/** The process, or the worker, must not end. The native part's wake is weak: it would not hold it. */
export function stay(): void {
  reasons += 1
  if (reasons === 1) anchor.ref()
}

/** One reason less. */
export function leave(): void {
  reasons -= 1
  if (reasons === 0) anchor.unref()
}
