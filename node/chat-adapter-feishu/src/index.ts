/**
 * Feishu and Lark for [Chat SDK](https://chat-sdk.dev).
 *
 * ```ts
 * import { createMemoryState } from '@chat-adapter/state-memory'
 * import { Chat } from 'chat'
 * import { createFeishuAdapter } from 'secondme-chat-adapter-feishu'
 *
 * const feishu = createFeishuAdapter() // FEISHU_APP_ID and FEISHU_APP_SECRET
 * const bot = new Chat({ userName: 'bot', adapters: { feishu }, state: createMemoryState(), concurrency: 'concurrent' })
 * bot.onDirectMessage((thread, message) => thread.post(`You said: ${message.text}`))
 * await bot.initialize()
 * ```
 *
 * @packageDocumentation
 */

export { createFeishuAdapter, FeishuAdapter, type FeishuAdapterConfig } from './adapter.js'
export { FeishuError } from './api.js'
export type { CardStyle } from './card.js'
export type { FeishuEvent, FeishuRawMessage } from './message.js'
export type { FeishuThreadId } from './thread-id.js'
