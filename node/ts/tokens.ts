/** The tokens of users of Visitor Chat and the credentials of visitors, which a function of the program gives. */

import { AvatarError } from './avatar-error.js'
import { Credentials } from './credentials.js'
import type { ClientOptions } from './contract/options.js'
import { guarded, keepThrown, misuse, type Site } from './failures.js'
import { BATCH, listen } from './host-queue.js'
import { anObject } from './known.js'
import type { NativeClient } from './native.js'
import { whole } from './words.js'

/** What a function that gives users' tokens is asked for. */
export interface TokenRequest {
  /** Whose token is needed. */
  readonly visitorId: string
  /** The service has refused the token that was given last: another one is needed, refreshed perhaps. */
  readonly refused: boolean
  /** Is aborted when no call waits for the token any more, and when there is no answer within 20 s. */
  readonly signal: AbortSignal
}

/** Gives a user's access token (`lba_at_…`). */
export type TokenFunction = (request: TokenRequest) => string | PromiseLike<string>

/** What a function that gives visitors' credentials is asked for. */
export interface CredentialsRequest {
  /** Whose credentials are needed. */
  readonly visitorId: string
  /** The service has refused the credentials that were given last: the server has to get others. */
  readonly refused: boolean
  /** Is aborted when no call waits for the credentials any more, and when there is no answer within 20 s. */
  readonly signal: AbortSignal
}

/** Gives a visitor's credentials, as a server with the key got them with `authenticate`. */
export type CredentialsFunction = (request: CredentialsRequest) => Credentials | PromiseLike<Credentials>

/** What an app shows for all its visitors. */
export interface AppOptions {
  /** The app's id. Default: `SECONDME_CLIENT_ID`. */
  readonly clientId?: string | undefined
  /** The app's secret, which must not leave your backend. Default: `SECONDME_CLIENT_SECRET`. */
  readonly clientSecret?: string | undefined
  readonly token?: undefined
}

/** What is shown for users of the service, who have let your app speak. */
export interface UserOptions {
  /**
   * Gives the access token of each user. It is called once for each visitor, and again where the service has refused
   * that visitor's token. It has 20 s to answer: after that its signal is aborted, and it is called again within the
   * deadlines of the calls that wait. What it throws, or its promise is rejected with, is the `cause` of the error of the waiting
   * calls. An {@link AvatarError} keeps its kind; a failure of the network, or a time limit's, becomes a
   * `ConnectionFailedError` and is tried again within the deadlines of the calls; anything else becomes an
   * `AuthenticationError`.
   */
  readonly token: TokenFunction
  readonly clientId?: undefined
  readonly clientSecret?: undefined
}

/** Options of a client that speaks through Visitor Chat: those of every client, and an app or its users' tokens. */
export type VisitorChatOptions = ClientOptions & (AppOptions | UserOptions)

/** @internal How a client comes to the service, where an API key alone is not how. */
export interface Door {
  readonly app?: { readonly clientId: string; readonly clientSecret: string } | undefined
  readonly token?: TokenFunction | undefined
  readonly credentials?: CredentialsFunction | undefined
}

/** @internal The door, and the options that all clients have. */
export function visitorChatOf(given: VisitorChatOptions, site: Site): [Door, ClientOptions] {
  anObject(given, '{ clientId, clientSecret, apiKey } or { apiKey, token }', site)
  const { clientId, clientSecret, token, ...options } = given
  if (token === undefined) {
    const id = named(clientId, 'clientId', 'SECONDME_CLIENT_ID', "the app's id", site)
    const secret = named(clientSecret, 'clientSecret', 'SECONDME_CLIENT_SECRET', "the app's secret", site)
    return [{ app: { clientId: id, clientSecret: secret } }, options]
  }
  if (clientId !== undefined || clientSecret !== undefined) {
    const message =
      '`token` gives the tokens of users, and `clientId` and `clientSecret` are those of an app that speaks for all ' +
      'its visitors: pass the one or the other'
    throw misuse(message, site)
  }
  if (typeof token !== 'function') {
    const message = "`token` takes a function that gives a user's token, and not the token itself"
    throw misuse(message, site)
  }
  return [{ token }, options]
}

/** @internal What a function has to give, as the core takes it. */
export const tokenText = (token: unknown): string => {
  if (typeof token === 'string') return token
  throw misuse(`it gave ${described(token)} and not the user's token as a string`, {})
}

const described = (given: unknown) => (given === null ? 'null' : `a value of type ${typeof given}`)

/** @internal */
export const credentialsText = (credentials: unknown): string => {
  if (credentials instanceof Credentials) return credentials.toJson()
  throw misuse(`it gave ${described(credentials)} and not the visitor's \`Credentials\``, {})
}

/** @internal Answers a client's requests. The queue holds it weakly, so the client holds it. */
export function answerRequests(
  native: NativeClient,
  give: (request: TokenRequest) => unknown,
  text: (given: unknown) => string,
): () => void {
  const asked = new Map<number, AbortController>()
  const answer = async (ticket: number, visitorId: string, refused: boolean) => {
    const controller = new AbortController()
    asked.set(ticket, controller)
    try {
      const given = text(await give({ visitorId, refused, signal: controller.signal }))
      guarded(() => native.answerToken(ticket, given), {})
    } catch (thrown) {
      native.failToken(ticket, failureOf(thrown))
    } finally {
      asked.delete(ticket)
    }
  }
  const drain = () => {
    let requests = native.drainTokens(BATCH)
    for (; requests?.length; requests = native.drainTokens(BATCH)) {
      for (const { ticket, visitorId, refused } of requests) {
        if (visitorId == null) asked.get(ticket)?.abort()
        else void answer(ticket, visitorId, refused)
      }
    }
    // There will be no more, and no call waits.
    if (requests !== null) for (const controller of asked.values()) controller.abort()
  }
  if (native.tokensTicket !== null) listen(native.tokensTicket, drain)
  drain()
  return drain
}

function named(value: unknown, name: string, variable: string, what: string, site: Site): string {
  // A variable that is empty counts as not set.
  const given = value ?? (process.env[variable] || undefined)
  if (given === undefined) throw misuse(`there is no \`${name}\`: put ${what} into ${variable}, or pass it`, site)
  if (typeof given !== 'string') throw misuse(`\`${name}\` has to be a string`, site)
  return given
}

function failureOf(thrown: unknown) {
  const kept = keepThrown(thrown)
  if (thrown instanceof AvatarError) {
    const { message, kind, code } = thrown
    return { thrown: kept, words: whole(message), mayPass: false, kind, code: code && whole(code) }
  }
  // What it says is the program's own, and stays in the cause.
  const words = whole(thrown instanceof Error ? String(thrown.name) : typeof thrown)
  return { thrown: kept, words, mayPass: mayPass(thrown) }
}

/** Whether it was the network's failure, or a time limit's: `fetch` and HTTP libraries wrap what the system says. */
function mayPass(thrown: unknown): boolean {
  const seen = new Set<unknown>()
  for (let now = thrown; now instanceof Error && !seen.has(now); now = now.cause) {
    seen.add(now)
    const { code, name } = now as { code?: unknown; name: string }
    if (name === 'TimeoutError' || (typeof code === 'string' && NETWORK.test(code))) return true
  }
  return false
}

const NETWORK = /^(ECONN|ENET|EHOST|EPIPE|ETIMEDOUT|EAI_AGAIN|ENOTFOUND|UND_ERR_(CONNECT|HEADERS|BODY|SOCKET))/
