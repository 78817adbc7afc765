import { infoOf, messageOf, textOf, type Info, type Message } from './message.js'

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
    const value = await json(await this.#call('', { signal }))
    return { info: infoOf(value), visitor: textOf(value.visitor) }
  }

  async history(before: string | null, signal: AbortSignal): Promise<Page> {
    const query = before === null ? '' : `?before=${encodeURIComponent(before)}`
    const value = await json(await this.#call(`/history${query}`, { signal }))
    const messages = Array.isArray(value.messages) ? value.messages : []
    return {
      messages: messages.map(messageOf).filter((message) => message !== undefined),
      before: typeof value.before === 'string' ? value.before : null,
    }
  }

  /** Sends a message. Resolves when the server has taken it, to the stream of the reply. */
  async send(id: string, text: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const message = { id, role: 'user', parts: [{ type: 'text', text }] }
    const response = await this.#call('', {
      signal,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: CHAT, trigger: 'submit-message', messages: [message] }),
    })
    return bodyOf(response)
  }

  /** The reply under way, from its beginning; `undefined` where there is none. */
  async resume(signal: AbortSignal): Promise<ReadableStream<Uint8Array> | undefined> {
    const response = await this.#call(`/${CHAT}/stream`, { signal })
    return response.status === 204 ? undefined : bodyOf(response)
  }

  async events(lastId: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const headers: Record<string, string> = { accept: 'text/event-stream' }
    if (lastId !== '') headers['last-event-id'] = lastId
    return bodyOf(await this.#call('/events', { signal, headers }))
  }

  async #call(path: string, init: RequestInit): Promise<Response> {
    const stop = new AbortController()
    const end = () => stop.abort()
    init.signal?.addEventListener('abort', end)
    // A server that takes a call and says nothing at all is as good as none. Of an answer, only the head is waited for.
    let isSilent = false
    const silence = setTimeout(() => {
      isSilent = true
      end()
    }, SILENCE_MS)
    let response: Response
    try {
      const options: RequestInit = { credentials: 'include', cache: 'no-store', ...init, signal: stop.signal }
      response = await fetch(`${this.#base}${path}`, options)
    } catch (error) {
      if (init.signal?.aborted) throw error
      throw new Failure('offline', undefined, isSilent)
    } finally {
      clearTimeout(silence)
    }
    if (response.ok) return response
    response.body?.cancel().catch(() => {})
    throw new Failure(troubleOf(response.status), retryAfterMs(response))
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
  try {
    const value: unknown = await response.json()
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {}
  // A page of something else, such as a proxy's.
  throw new Failure('refused')
}

function bodyOf(response: Response): ReadableStream<Uint8Array> {
  if (response.body === null || !/^text\/event-stream/.test(response.headers.get('content-type') ?? ''))
    throw new Failure('refused')
  return response.body
}
