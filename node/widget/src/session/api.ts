import { infoOf, listOf, messageOf, textOf, type Info, type Message } from './message.js'
import { objectIn } from './sse.js'

/** Why a call failed, as the widget tells it to the visitor. */
export type Trouble =
  /** The server was not reached. */
  | 'offline'
  /** It was reached, and cannot answer now. */
  | 'unavailable'
  /** Too many messages or calls; it says when to come back. */
  | 'rate_limited'
  /** The visitor is not known, for the browser kept no cookie. */
  | 'no_visitor'
  /** The page may not speak with this server. */
  | 'origin_not_allowed'
  | 'too_large'
  /** The server does not take what was sent, or is not our server part. */
  | 'refused'

export class Failure extends Error {
  constructor(
    readonly trouble: Trouble,
    /** After how many milliseconds to try again, where the server says so. */
    readonly afterMs: number | undefined = undefined,
    /** The call was taken, and no answer began: the server hangs, or something in front holds its answers back. */
    readonly isSilent = false,
  ) {
    super(trouble)
  }
}

/** What an error of a call says of the server. */
export function failureOf(error: unknown): Failure {
  return error instanceof Failure ? error : new Failure('offline')
}

export interface Page {
  messages: Message[]
  /** Where the page before this one ends; `null` where there is none. */
  before: string | null
}

const SILENCE_MS = 30_000

/** The calls of the server part that is mounted at one address. */
export class Api {
  /** Without a slash at its end. */
  readonly #base: string

  constructor(base: string) {
    this.#base = base
  }

  /** Who is there. The only call that makes a visitor of a browser that is none yet. */
  async info(signal: AbortSignal): Promise<{ info: Info; visitor: string }> {
    const value = await this.#call('', { signal }, json)
    return { info: infoOf(value), visitor: textOf(value.visitor) }
  }

  async history(before: string | null, signal: AbortSignal): Promise<Page> {
    const query = before === null ? '' : `?before=${encodeURIComponent(before)}`
    const value = await this.#call(`/history${query}`, { signal }, json)
    return {
      messages: listOf(value.messages)
        .map(messageOf)
        .filter((message) => message !== undefined),
      before: typeof value.before === 'string' ? value.before : null,
    }
  }

  /** Sends a message. Resolves when the server has taken it, to the stream of the reply. */
  async send(id: string, text: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const message = { id, role: 'user', parts: [{ type: 'text', text }] }
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ id: CHAT, trigger: 'submit-message', messages: [message] })
    return this.#call('', { signal, method: 'POST', headers, body }, bodyOf)
  }

  /** The reply under way, from its beginning; `undefined` where there is none. */
  async resume(signal: AbortSignal): Promise<ReadableStream<Uint8Array> | undefined> {
    return this.#call(`/${CHAT}/stream`, { signal }, (response) =>
      response.status === 204 ? undefined : bodyOf(response),
    )
  }

  async events(lastId: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const headers = { accept: 'text/event-stream', ...(lastId !== '' && { 'last-event-id': lastId }) }
    return this.#call('/events', { signal, headers }, bodyOf)
  }

  /** The signal ends the call until `read` is done; who reads a stream ends that. */
  async #call<Read>(
    path: string,
    init: RequestInit & { signal: AbortSignal },
    read: (response: Response) => Read | Promise<Read>,
  ): Promise<Read> {
    const { signal } = init
    signal.throwIfAborted()
    const stop = new AbortController()
    const end = () => stop.abort()
    signal.addEventListener('abort', end)
    // A server that takes a call and says nothing at all is as good as none. Of an answer, only the head is waited for.
    let isSilent = false
    const silence = setTimeout(() => {
      isSilent = true
      end()
    }, SILENCE_MS)
    try {
      const options: RequestInit = { credentials: 'include', cache: 'no-store', ...init, signal: stop.signal }
      const response = await fetch(`${this.#base}${path}`, options)
        .catch((error) => {
          throw signal.aborted ? error : new Failure('offline', undefined, isSilent)
        })
        .finally(() => clearTimeout(silence))
      if (response.ok) return await read(response)
      response.body?.cancel().catch(() => {})
      throw new Failure(troubleOf(response.status), retryAfterMs(response))
    } finally {
      signal.removeEventListener('abort', end)
    }
  }
}

/** A visitor has one conversation, so its name says nothing. */
const CHAT = 'widget'

function troubleOf(status: number): Trouble {
  if (status === 401) return 'no_visitor'
  if (status === 403) return 'origin_not_allowed'
  if (status === 413) return 'too_large'
  if (status === 429) return 'rate_limited'
  return status >= 500 ? 'unavailable' : 'refused'
}

function retryAfterMs(response: Response): number | undefined {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined
}

async function json(response: Response): Promise<Record<string, unknown>> {
  const value = objectIn(await response.text().catch(() => ''))
  // A page of something else, such as a proxy's.
  if (value === undefined) throw new Failure('refused')
  return value
}

function bodyOf(response: Response): ReadableStream<Uint8Array> {
  if (response.body === null || !/^text\/event-stream/.test(response.headers.get('content-type') ?? ''))
    throw new Failure('refused')
  return response.body
}
