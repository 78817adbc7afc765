/**
 * A bridge between the avatar and a platform on which people write: what every bot needs.
 *
 * ```ts
 * import { AvatarClient } from 'secondme-avatar'
 * import { Bridge } from 'secondme-avatar/bridge'
 *
 * const client = new AvatarClient({ store: 'avatar.db' })
 * const outlet = {
 *   limits: { maxChars: 2000, updateIntervalMs: 1000 },
 *   async post(address, text) {
 *     return platform.send(address, text)
 *   },
 * }
 * const bridge = new Bridge(client, { platform: 'myplatform', outlet })
 * platform.onMessage(({ id, from, chat, text }) => bridge.receive({ id, user: { id: from }, address: chat, text }))
 * ```
 *
 * `secondme-avatar/chat-sdk` is this for Slack, Telegram and the other platforms of Chat SDK.
 *
 * @packageDocumentation
 */

export { Bridge } from './bridge/bridge.js'
export type { AskOptions } from './conversation.js'
export type { Clock } from './bridge/clock.js'
export type { BridgeOptions, During, ErrorContext, IncomingMessage, PlatformUser } from './bridge/options.js'
export {
  type Draft,
  DraftExpired,
  type Limits,
  type Outlet,
  type PostDetails,
  RetryLater,
  type PostedMessage,
  type PostAuthor,
  Undeliverable,
} from './bridge/outlet.js'
export type { Language, Sentences } from './bridge/sentences.js'
