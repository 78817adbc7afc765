/** For Hono and Next.js. */

import { calledFrom, misuse, type Site } from '../failures.js'
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
 * export const { GET, POST, OPTIONS } = toNextRoute(() => avatarWidget(new AvatarClient({ store }), { secret, address }))
 * ```
 *
 * The function makes the widget at the first request: `next build` runs the route's module, and has neither the avatar's
 * key nor a store.
 *
 * @throws {@link MisuseError} if the widget has no option `address`: Next.js does not tell the other end of the socket.
 * Where a function makes the widget, the first request rejects with it.
 */
export function toNextRoute(widget: AvatarWidget | (() => AvatarWidget)): NextRoute {
  const site = calledFrom(toNextRoute)
  let made = typeof widget === 'function' ? undefined : withAddresses(widget, site)
  const handle = async (request: Request) => {
    made ??= withAddresses((widget as () => AvatarWidget)(), site)
    return made.handle(request)
  }
  return { GET: handle, POST: handle, OPTIONS: handle }
}

function withAddresses(widget: AvatarWidget, site: Site): AvatarWidget {
  if (widget.knowsAddresses) return widget
  const what =
    'Next.js does not tell which address calls: give the widget `address`, a function that reads it from a header which your proxy sets, or `address: false` where something in front limits addresses'
  throw misuse(what, site)
}
