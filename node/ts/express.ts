/**
 * Credentials for the signed-in users of an app, over Express or Node's own `http`: the app then speaks with the avatar
 * without the API key.
 *
 * ```ts
 * import express from 'express'
 * import { AvatarClient, Visitor } from 'secondme-avatar'
 * import { credentialsHandler } from 'secondme-avatar/express'
 *
 * const avatar = new AvatarClient()
 * const app = express()
 * app.post('/avatar', credentialsHandler(avatar, async (request) => {
 *   const user = await userOfSession(request) // your own login, which the server has verified
 *   return user && Visitor.forUser('myapp', user.id, { name: user.name })
 * }))
 * ```
 *
 * @packageDocumentation
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { AvatarError } from './avatar-error.js'
import type { AvatarClient } from './client.js'
import type { VisitorLike } from './visitor.js'

/**
 * Says which visitor the signed-in user of a request is; nothing for a request without one. Never derive the visitor from
 * what the request says of itself, such as a field of its body: a user could then speak as any other.
 */
export type VisitorOf<Request> = (
  request: Request,
) => VisitorLike | null | undefined | PromiseLike<VisitorLike | null | undefined>

/** Options of {@link credentialsHandler}. */
export interface CredentialsHandlerOptions {
  /** How long the credentials may take. Default: the client's `openDeadlineMs`. */
  readonly deadlineMs?: number | undefined
}

/**
 * What went wrong between the server and the service. All else is a fault of the server's own set-up, such as its key: 500.
 */
const STATUS: Readonly<Record<string, number>> = {
  rate_limited: 429,
  deadline: 504,
  connection_failed: 502,
  unavailable: 503,
  payment_required: 402,
}

/**
 * Returns a handler that answers with the credentials of the signed-in user's visitor as JSON: 401 where there is no user,
 * and `{"error": kind, "code": code}` with 429, 502, 503, 504, 402 or 500 where they cannot be had. The reason is not in
 * the answer; `onCall` of the client tells it. No answer may be stored (`Cache-Control: no-store`). What your function
 * throws goes to `next`, where there is one.
 */
export function credentialsHandler<Request extends IncomingMessage>(
  client: Pick<AvatarClient, 'authenticate'>,
  visitorOf: VisitorOf<Request>,
  options: CredentialsHandlerOptions = {},
): (request: Request, response: ServerResponse, next?: (error: unknown) => void) => Promise<void> {
  return async (request, response, next) => {
    try {
      const visitor = await visitorOf(request)
      if (visitor === null || visitor === undefined) return answer(response, 401, failure('not_signed_in'))
      const credentials = await client.authenticate(visitor, options)
      answer(response, 200, credentials.toJson())
    } catch (error) {
      if (error instanceof AvatarError) {
        const { kind, code, retryAfterMs } = error
        if (retryAfterMs !== undefined) response.setHeader('Retry-After', Math.ceil(retryAfterMs / 1000))
        // The names of the wire, the same whichever language the server is written in.
        const named = kind.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
        answer(response, STATUS[named] ?? 500, failure(named, code))
      } else if (next !== undefined) next(error)
      else answer(response, 500, failure('internal'))
    }
  }
}

function failure(error: string, code?: string): string {
  return JSON.stringify({ error, code: code ?? null })
}

function answer(response: ServerResponse, status: number, body: string): void {
  response.statusCode = status
  response.setHeader('Content-Type', 'application/json')
  response.setHeader('Cache-Control', 'no-store')
  response.end(body)
}
