/** The class of all errors, and what it is as plain data. */

import type { ErrorKind, Step, UnsentMessage } from './contract/values.js'
import { quiet } from './quiet.js'

/** What an {@link AvatarError} has beside its message. */
export interface AvatarErrorDetails {
  /** Default: what its class stands for. */
  readonly kind?: ErrorKind | undefined
  readonly code?: string | undefined
  readonly step?: Step | undefined
  readonly status?: number | undefined
  readonly retryable?: boolean | undefined
  readonly retryAfterMs?: number | undefined
  readonly unsent?: UnsentMessage | undefined
  readonly cause?: unknown
}

/**
 * A failure. The message says what went wrong and what to do; a program branches on the subclass.
 *
 * ```ts
 * try {
 *   await chat.ask('Hello')
 * } catch (error) {
 *   if (error instanceof RateLimitedError) await sleep(error.retryAfterMs ?? 60_000)
 *   else if (error instanceof AvatarError && error.retryable) …
 *   else throw error
 * }
 * ```
 *
 * No error message holds the API key or the text of a chat message. The text of a message that was given up is in
 * {@link unsent} only.
 */
export class AvatarError extends Error {
  /** The class's name, which a bundler does not shorten. */
  static override readonly name: string = 'AvatarError'
  /** @internal The kind of failure that the class stands for. */
  static readonly kind: ErrorKind = 'refused'
  /** What kind of failure it is. */
  readonly kind: ErrorKind
  /** The service's own code, such as `open.api.key.not.found`. */
  readonly code: string | undefined
  /** The step of the protocol at which it failed. */
  readonly step: Step | undefined
  /** The HTTP status, where there was an answer. */
  readonly status: number | undefined
  /** Whether the same call may succeed later, without anything else being changed. */
  readonly retryable: boolean
  /** How many milliseconds to wait before the call can succeed, where that is known. */
  readonly retryAfterMs: number | undefined
  /** The message that was given up, where the failure is about one. */
  declare readonly unsent: UnsentMessage | undefined

  /** This package creates such errors; a program's own tests may, too. */
  constructor(message = '', details: AvatarErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.kind = details.kind ?? new.target.kind
    this.code = details.code
    this.step = details.step
    this.status = details.status
    this.retryable = details.retryable ?? false
    this.retryAfterMs = details.retryAfterMs
    // The text of a message is there to be read, and not in every log that prints an error.
    hide(this, 'unsent', details.unsent && quiet(details.unsent))
    hide(this, 'name', new.target.name)
  }

  /**
   * Returns what `JSON.stringify` writes, for logs and for other processes: all but the stack and the text of an unsent
   * message.
   */
  toJSON(): AvatarErrorJson {
    const { name, message, kind, code, step, status, retryable, retryAfterMs, unsent, cause } = this
    return {
      name,
      message,
      kind,
      code,
      step,
      status,
      retryable,
      retryAfterMs,
      unsent: unsent && { messageId: unsent.messageId, certain: unsent.certain },
      cause: plainCause(cause),
    }
  }
}

/** An {@link AvatarError} as plain data. What is unknown is `undefined`, and absent in the JSON text. */
export interface AvatarErrorJson extends Omit<AvatarErrorDetails, 'kind' | 'unsent' | 'cause'> {
  readonly name: string
  readonly message: string
  readonly kind: ErrorKind
  readonly retryable: boolean
  readonly unsent: Omit<UnsentMessage, 'text'> | undefined
  readonly cause: AvatarErrorJson | PlainCause | undefined
}

/** Another error that is the cause of one. */
export interface PlainCause {
  readonly name: string
  readonly message: string
  readonly cause: AvatarErrorJson | PlainCause | undefined
}

function plainCause(cause: unknown): AvatarErrorJson | PlainCause | undefined {
  if (cause === undefined) return undefined
  if (cause instanceof AvatarError) return cause.toJSON()
  if (!(cause instanceof Error)) return { name: typeof cause, message: String(cause), cause: undefined }
  return { name: cause.name, message: cause.message, cause: plainCause(cause.cause) }
}

/** @internal Gives the error a property that no log prints. */
export function hide(error: Error, name: string, value: unknown): void {
  Object.defineProperty(error, name, { value, enumerable: false, writable: true, configurable: true })
}
