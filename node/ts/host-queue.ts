/** The queue from the native part to this thread, and what keeps the process alive. */

import { setInterval } from './timers.js'
import { failed, type Site, understood } from './failures.js'
import { type Known, known } from './known.js'
import { native, type NativeQueue } from './native.js'

/** How much is drained at once: of the queue, of events, of pieces. */
export const BATCH = 256

/** What a message is about; see `HostQueue.drain` in `node/src/host_queue.rs`. */
enum Code {
  Done,
  Failed,
  Ready,
}

interface Pending {
  resolve(content: unknown): void
  reject(reason: unknown): void
  readonly site: Site
}

/** The options of calls that have no others, and of subscriptions. */
export const SIGNAL: Known = { signal: 'object' }

const pending = new Map<number, Pending>()
const waiting = new Map<number, () => void>()
const listening = new Map<number, WeakRef<() => void>>()
let queue: NativeQueue | undefined

/** This thread's queue. */
export function hostQueue(): NativeQueue {
  return (queue ??= new (native().HostQueue)(deliver))
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
      hostQueue().cancel(ticket)
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

/** Is told once, when there is something to drain under this ticket. */
export function whenReady(ticket: number, tell: () => void): void {
  waiting.set(ticket, tell)
}

/** Does not want to know any more. */
export function forget(ticket: number): void {
  waiting.delete(ticket)
}

/** Is told whenever there is something to drain under this ticket, for as long as the program holds the function. */
export function listen(ticket: number, tell: () => void): void {
  listening.set(ticket, new WeakRef(tell))
  gone.register(tell, ticket)
}

const gone = new FinalizationRegistry<number>((ticket) => listening.delete(ticket))

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
  const messages = hostQueue().drain(BATCH)
  for (let at = 0; at < messages.length; at += 3) {
    const ticket = messages[at + 1] as number
    const content = messages[at + 2]
    switch (messages[at] as Code) {
      case Code.Done:
        pending.get(ticket)?.resolve(content)
        break
      case Code.Failed: {
        const call = pending.get(ticket)
        call?.reject(failed(content as string, call.site))
        break
      }
      case Code.Ready: {
        const ready = waiting.get(ticket) ?? listening.get(ticket)?.deref()
        waiting.delete(ticket)
        ready?.()
        break
      }
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
