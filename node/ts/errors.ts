/** What can go wrong. */

/** What kind of failure it is; the same names in every language. */
export type ErrorKind =
  | 'authentication'
  | 'rate_limited'
  | 'avatar_not_found'
  | 'invalid_visitor_id'
  | 'not_member'
  | 'closed'
  | 'connection_failed'
  | 'certificate'
  | 'unavailable'
  | 'deadline'
  | 'taken_over'
  | 'refused'
  | 'invalid_answer'
  | 'unsupported'
  | 'store'
  | 'misuse'

/** A step of the protocol, as the vendor's page numbers them; the same names in every language. */
export type Step =
  | 'authenticate'
  | 'init_chat'
  | 'create_socket'
  | 'create_session'
  | 'resolve_avatar'
  | 'bind_session'
  | 'connect'
  | 'send_message'
  | 'query_messages'
  | 'end_session'

/** A message that was given up. */
export interface Unsent {
  /** Its id. */
  readonly messageId: string
  /** What it said. */
  readonly text: string
  /** Whether it is certain that the service does not have it. */
  readonly certain: boolean
}

/** What an {@link AvatarError} has beside its message. */
export interface AvatarErrorDetails {
  /** If not said otherwise, what its class stands for. */
  readonly kind?: ErrorKind | undefined
  readonly code?: string | undefined
  readonly step?: Step | undefined
  readonly status?: number | undefined
  readonly retryable?: boolean | undefined
  readonly retryAfterMs?: number | undefined
  readonly unsent?: Unsent | undefined
  readonly cause?: unknown
}

/** @internal What the native part says of a failure. */
export interface Failure extends AvatarErrorDetails {
  readonly kind: ErrorKind
  readonly message: string
  readonly causes: readonly (Failure | string)[]
}

/**
 * Something went wrong. The message says what, and what to do; its subclasses are what a program would branch on.
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
 * Neither the API key nor what anybody says stands in a message. The text of a message that was given up is in
 * {@link unsent}, and nowhere else.
 */
export class AvatarError extends Error {
  /** What kind of failure it is. */
  readonly kind: ErrorKind
  /** The service's own code, such as `open.api.key.not.found`. */
  readonly code: string | undefined
  /** The step of the protocol at which it happened. */
  readonly step: Step | undefined
  /** The HTTP status, where there was an answer. */
  readonly status: number | undefined
  /** Whether the same call may succeed later, without anything else being changed. */
  readonly retryable: boolean
  /** How many milliseconds to wait before the call can succeed, where that is known. */
  readonly retryAfterMs: number | undefined
  /** The message that was given up, where the failure is about one. */
  declare readonly unsent: Unsent | undefined

  /** Such an error is what this package throws; make one yourself where a test of yours needs it. */
  constructor(message = '', details: AvatarErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.kind = details.kind ?? kindOf(new.target)
    this.code = details.code
    this.step = details.step
    this.status = details.status
    this.retryable = details.retryable ?? false
    this.retryAfterMs = details.retryAfterMs
    // What somebody said is there for whoever asks, and not for every log that prints an error.
    hide(this, 'unsent', details.unsent)
    hide(this, 'name', NAMES_OF.get(new.target) ?? new.target.name)
  }

  /**
   * What `JSON.stringify` makes of it, for logs and for other processes: everything but the stack, and of a message that
   * was given up all but its text.
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

/** An {@link AvatarError} as plain data. What is not known is `undefined`, and not in the JSON text. */
export interface AvatarErrorJson extends Omit<AvatarErrorDetails, 'kind' | 'unsent' | 'cause'> {
  readonly name: string
  readonly message: string
  readonly kind: ErrorKind
  readonly retryable: boolean
  readonly unsent: Omit<Unsent, 'text'> | undefined
  readonly cause: AvatarErrorJson | PlainCause | undefined
}

/** Any other error that is the cause of one. */
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

/** The API key was refused: missing, unknown or disabled. Nothing helps but another key. */
export class AuthenticationError extends AvatarError {}
/** The quota of the API key is used up; {@link AvatarError.retryAfterMs} says when to come back. */
export class RateLimitedError extends AvatarError {}
/** The key's avatar does not exist (any more). */
export class AvatarNotFoundError extends AvatarError {}
/** The visitor id is not of the service's form. */
export class InvalidVisitorIdError extends AvatarError {}
/** Not a member of the session. The next `open` makes a new one. */
export class NotMemberError extends AvatarError {}
/** The conversation or the client is closed, or the service has ended the session. */
export class ClosedError extends AvatarError {}
/** The service could not be reached, or the connection broke. */
export class ConnectionFailedError extends AvatarError {}
/** The certificate of the service or of a proxy was refused; the message says what to do. */
export class CertificateError extends AvatarError {}
/** The service answered, but is not able to work. */
export class UnavailableError extends AvatarError {}
/** The call's deadline passed first. The cause says what was in the way. */
export class DeadlineError extends AvatarError {}
/**
 * The message was sent, but the avatar's owner has the conversation and did not answer in time. What the owner says later
 * comes as an event.
 */
export class TakenOverError extends AvatarError {}
/** The service refused with a code that stands for nothing above. */
export class RefusedError extends AvatarError {}
/** The answer was not of the service's form: a proxy's page, perhaps, or a wrong base URL. */
export class InvalidAnswerError extends AvatarError {}
/** The service does not offer this. */
export class UnsupportedError extends AvatarError {}
/** The store could not be read or written. */
export class StoreError extends AvatarError {}
/** The call was wrong, and nothing was sent. The message says what to do. */
export class MisuseError extends AvatarError {}

const CLASSES: Record<ErrorKind, typeof AvatarError> = {
  authentication: AuthenticationError,
  rate_limited: RateLimitedError,
  avatar_not_found: AvatarNotFoundError,
  invalid_visitor_id: InvalidVisitorIdError,
  not_member: NotMemberError,
  closed: ClosedError,
  connection_failed: ConnectionFailedError,
  certificate: CertificateError,
  unavailable: UnavailableError,
  deadline: DeadlineError,
  taken_over: TakenOverError,
  service: RefusedError,
  invalid_answer: InvalidAnswerError,
  unsupported: UnsupportedError,
  store: StoreError,
  misuse: MisuseError,
}

/** The classes by their names. A bundler that makes names short leaves those of fields as they are. */
const NAMES_OF = new Map<typeof AvatarError, string>(
  Object.entries({
    AvatarError,
    AuthenticationError,
    RateLimitedError,
    AvatarNotFoundError,
    InvalidVisitorIdError,
    NotMemberError,
    ClosedError,
    ConnectionFailedError,
    CertificateError,
    UnavailableError,
    DeadlineError,
    TakenOverError,
    RefusedError,
    InvalidAnswerError,
    UnsupportedError,
    StoreError,
    MisuseError,
  }).map(([name, type]) => [type, name]),
)

/** @internal Where a program called: its stack is put into words only when something fails. */
export interface Site {
  readonly stack?: string
}

/** @internal The place in the program that called this function of the package. */
export function calledFrom(api: object): Site {
  const site: Site = {}
  Error.captureStackTrace(site, api as () => void)
  return site
}

function kindOf(type: typeof AvatarError): ErrorKind {
  const found = Object.entries(CLASSES).find(([, known]) => known === type || type.prototype instanceof known)
  return (found?.[0] as ErrorKind | undefined) ?? 'refused'
}

/** @internal The error that a failure is. Its stack is that of whoever called, not that of whoever was told. */
export function failed(failure: Failure | string, site?: Site): AvatarError {
  const { causes, ...known } = typeof failure === 'string' ? (JSON.parse(failure) as Failure) : failure
  // A cause that says nothing more is none.
  const [first, ...beneath] = causes.filter((cause) => cause !== known.message)
  const cause = first === undefined ? undefined : causeOf(first, beneath)
  const message = inJavaScript(known.message)
  const error = new (CLASSES[known.kind] ?? AvatarError)(message, { ...known, cause })
  hide(error, 'stack', `${error.name}: ${message}${site === undefined ? '' : frames(site)}`)
  return error
}

/** @internal */
export function misuse(message: string, site: Site): AvatarError {
  return failed({ kind: 'misuse', message, retryable: false, causes: [] }, site)
}

/** @internal */
export function closed(message: string, site: Site): AvatarError {
  return failed({ kind: 'closed', message, retryable: false, causes: [] }, site)
}

/** @internal Calls into the native part; what that throws becomes an {@link AvatarError}. */
export function guarded<T>(call: () => T, site: Site): T {
  try {
    return call()
  } catch (thrown) {
    throw understood(thrown, site)
  }
}

/** @internal The native part throws its failures as JSON, and Node-API its own when an argument is of another type. */
export function understood(thrown: unknown, site: Site): unknown {
  const { message, code } = thrown as { message?: unknown; code?: unknown }
  if (typeof message === 'string' && message.startsWith('{"kind":')) return failed(message, site)
  if (typeof code === 'string' && /^InvalidArg$|Expected$/.test(code)) {
    return misuse(`an argument is of another type than it should be: ${String(message)}`, site)
  }
  return thrown
}

function causeOf(cause: Failure | string, beneath: readonly (Failure | string)[]): Error {
  if (typeof cause !== 'string') return failed(cause)
  const [next, ...rest] = beneath
  const error = new Error(cause, next === undefined ? undefined : { cause: causeOf(next, rest) })
  hide(error, 'stack', `Error: ${cause}`)
  return error
}

/** The core speaks of its options by their names in Rust. */
const NAMES: Record<string, string> = {
  '`allow_insecure`': '`allowInsecure`',
  '`max_live`': '`maxLive`',
  '`idle_after`': '`idleAfterMs`',
  '`no_proxy`': '`proxy: false`',
  '`ca_file`': '`caFile`',
}

function inJavaScript(message: string): string {
  return message.replace(/`[a-zA-Z_:]+`/g, (name) => NAMES[name] ?? name)
}

function frames(site: Site): string {
  const stack = site.stack ?? ''
  const first = stack.indexOf('\n')
  return first < 0 ? '' : stack.slice(first)
}

function hide(error: Error, name: string, value: unknown): void {
  Object.defineProperty(error, name, { value, enumerable: false, writable: true, configurable: true })
}
