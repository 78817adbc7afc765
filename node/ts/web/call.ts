/** A call of the website, and its answer: what all servers have in common. */

import type { Feed } from './feed.js'

/** A call, however the server that took it is made. */
export interface Call {
  readonly method: string
  /** The path below the widget's own: empty, or `/events`. */
  readonly path: string
  readonly query: URLSearchParams
  /** The address of the other end of the socket, where it is known. */
  readonly peer: string | undefined
  header(name: string): string | undefined
  /**
   * Reads the body.
   *
   * @throws {@link Refusal} with 413 as soon as it is longer than so many bytes.
   */
  body(longest: number): Promise<string>
  /** The call as the program's own functions take it. */
  request(): Request
}

/** An answer. Its body may go on for long. */
export interface Answer {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body?: string | Uint8Array | Feed | undefined
}

/** Why a call is refused. It holds no secret, and nothing of what was said. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly headers: Record<string, string> = {},
  ) {
    super(message)
  }

  answer(): Answer {
    return json(this.status, { error: { code: this.code, message: this.message } }, this.headers)
  }
}

export function json(status: number, value: unknown, headers: Record<string, string> = {}): Answer {
  return { status, headers: { ...JSON_HEADERS, ...headers }, body: JSON.stringify(value) }
}

const JSON_HEADERS = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
}

export function badRequest(message: string): Refusal {
  return new Refusal(400, 'bad_request', message)
}

export function tooLarge(longest: number): Refusal {
  // What was not read of the body would be taken for the next call.
  return new Refusal(413, 'too_large', `a body has at most ${longest} bytes`, { connection: 'close' })
}

export function unavailable(): Refusal {
  return new Refusal(503, 'unavailable', 'the server is ending: try again in a moment', { 'retry-after': '2' })
}

export function rateLimited(message: string, waitMs: number): Refusal {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000))
  return new Refusal(429, 'rate_limited', message, { 'retry-after': `${seconds}` })
}
