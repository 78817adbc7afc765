/**
 * The server part of the website widget: a function of `Request` to `Response`, and handlers for `node:http`, Express, Hono
 * and Next.js.
 *
 * ```ts
 * import express from 'express'
 * import { AvatarClient } from 'secondme-avatar'
 * import { avatarWidget, toNodeListener } from 'secondme-avatar/web'
 *
 * const client = new AvatarClient({ store: 'avatar.db' })
 * const widget = avatarWidget(client, { secret: process.env.WIDGET_SECRET })
 * await widget.start()
 * express().use('/avatar', toNodeListener(widget)).listen(3000)
 * ```
 *
 * On the page: `<script src="/avatar/widget.js" async></script>`. `docs/widget.md` in the repository says all of it.
 *
 * @packageDocumentation
 */

import type { AvatarClient } from './client.js'
import { calledFrom } from './failures.js'
import type { WidgetOptions } from './web/options.js'
import { AvatarWidget } from './web/widget.js'

/**
 * Makes the server part of the website widget. Nothing is sent or read yet: `start` does so, and the first call of a
 * browser.
 *
 * Give the client a `store`, so that what visitors have written, and their history, outlive the process.
 *
 * @throws {@link MisuseError} if an option is wrong or missing.
 */
export function avatarWidget(client: AvatarClient, options: WidgetOptions): AvatarWidget {
  return new AvatarWidget(client, options, calledFrom(avatarWidget))
}

export { type HonoContext, type NextRoute, toHono, toNextRoute } from './web/frameworks.js'
export { toNodeListener } from './web/node.js'
export type { WidgetErrorContext, WidgetOptions } from './web/options.js'
export type { AvatarWidget } from './web/widget.js'
