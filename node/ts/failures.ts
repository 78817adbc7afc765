/** Failures of the native part and of calls, as the errors that a program sees. */

import { type AvatarError, type AvatarErrorDetails, hide } from './avatar-error.js'
import { CLASSES } from './contract/tables.js'
import type { ErrorKind } from './contract/values.js'

/** What the native part says of a failure. */
export interface Failure extends AvatarErrorDetails {
  readonly kind: ErrorKind
  readonly message: string
  readonly causes: readonly Cause[]
}

/** An error of this package's, the text of another one, or the number of what the program has thrown. */
type Cause = Failure | string | { readonly thrown: number }

/** What a function of the program has thrown, by the number under which errors name it: the last ones. */
const thrown = new Map<number, unknown>()
const KEPT = 1024
let last = 0

/** Keeps what a function of the program has thrown, for the errors whose cause it is. */
export function keepThrown(what: unknown): number {
  last += 1
  thrown.set(last, what)
  thrown.delete(last - KEPT)
  return last
}

/** The place of a call in the program. Its stack is formatted only when something fails. */
export interface Site {
  readonly stack?: string
}

/** Returns the place in the program that called this function of the package. */
export function calledFrom(api: object): Site {
  const site: Site = {}
  Error.captureStackTrace(site, api as () => void)
  return site
}

/** Returns the error for a failure, with the stack of the call. */
export function failed(failure: Failure | string, site?: Site): AvatarError {
  const { causes, ...known } = typeof failure === 'string' ? (JSON.parse(failure) as Failure) : failure
  // A cause with the same text says nothing more.
  const [first, ...beneath] = causes.filter((cause) => cause !== known.message)
  const cause = first === undefined ? undefined : causeOf(first, beneath)
  const error = new CLASSES[known.kind](known.message, { ...known, cause })
  hide(error, 'stack', `${error.name}: ${known.message}${site === undefined ? '' : frames(site)}`)
  return error
}

/** A wrong call. */
export function misuse(message: string, site: Site): AvatarError {
  return failed({ kind: 'misuse', message, retryable: false, causes: [] }, site)
}

/** A call to what is closed. */
export function closed(message: string, site: Site): AvatarError {
  return failed({ kind: 'closed', message, retryable: false, causes: [] }, site)
}

/** Calls into the native part; what that throws becomes an {@link AvatarError}. */
export function guarded<T>(call: () => T, site: Site): T {
  try {
    return call()
  } catch (failure) {
    throw understood(failure, site)
  }
}

/** The native part throws its failures as JSON, and Node-API its own when an argument is of another type. */
export function understood(failure: unknown, site: Site): unknown {
  const { message, code } = failure as { message?: unknown; code?: unknown }
  if (typeof message === 'string' && message.startsWith('{"kind":')) return failed(message, site)
  if (typeof code === 'string' && /^InvalidArg$|Expected$/.test(code)) {
    return misuse(`an argument is of another type than it should be: ${String(message)}`, site)
  }
  return failure
}

function causeOf(cause: Cause, beneath: readonly Cause[]): unknown {
  if (typeof cause !== 'string') return 'thrown' in cause ? thrown.get(cause.thrown) : failed(cause)
  const [next, ...rest] = beneath
  const error = new Error(cause, next === undefined ? undefined : { cause: causeOf(next, rest) })
  hide(error, 'stack', `Error: ${cause}`)
  return error
}

function frames(site: Site): string {
  const stack = site.stack ?? ''
  const first = stack.indexOf('\n')
  return first < 0 ? '' : stack.slice(first)
}
