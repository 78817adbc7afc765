/** For Hono and Next.js. */

import { calledFrom, misuse } from '../failures.js'
import type { AvatarWidget } from './widget.js'

/** What of a context of Hono is used. */
export interface HonoContext {
  readonly req: { readonly raw: Request }
  /** `@hono/node-server` puts the request of Node here. */
  readonly env?: unknown
}

/**
 * Returns a handler for Hono: `app.all('/avatar/*', toHono(widget))`.
 *
 * Over `@hono/node-server` the address of a call is the other end of its socket. Elsewhere the widget needs the option
 * `address`.
 */
export function toHono(widget: AvatarWidget): (context: HonoContext) => Promise<Response> {
  return ({ req, env }) => widget.handle(req.raw, { address: remoteAddress(env) })
}

function remoteAddress(env: unknown): string | undefined {
  const { incoming } = (env ?? {}) as { incoming?: { socket?: { remoteAddress?: string } } }
  return incoming?.socket?.remoteAddress
}

/** The methods of a route of Next.js. */
export interface NextRoute {
  GET(request: Request): Promise<Response>
  POST(request: Request): Promise<Response>
  OPTIONS(request: Request): Promise<Response>
}

/**
 * Returns the methods of a route of Next.js, `app/avatar/[[...path]]/route.ts`:
 *
 * ```ts
 * export const { GET, POST, OPTIONS } = toNextRoute(widget)
 * ```
 *
 * @throws {@link MisuseError} if the widget has no option `address`: Next.js does not tell the other end of the socket.
 */
export function toNextRoute(widget: AvatarWidget): NextRoute {
  if (!widget.knowsAddresses) {
    const what =
      'Next.js does not tell which address calls: give the widget `address`, a function that reads it from a header which your proxy sets, or `address: false` where something in front limits addresses'
    throw misuse(what, calledFrom(toNextRoute))
  }
  const handle = (request: Request) => widget.handle(request)
  return { GET: handle, POST: handle, OPTIONS: handle }
}
