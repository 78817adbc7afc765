/**
 * DingTalk for [Chat SDK](https://chat-sdk.dev).
 *
 * ```ts
 * import { createMemoryState } from '@chat-adapter/state-memory'
 * import { Chat } from 'chat'
 * import { AI_MARKDOWN_CARD, createDingTalkAdapter } from 'secondme-chat-adapter-dingtalk'
 *
 * const dingtalk = createDingTalkAdapter({ cardTemplateId: AI_MARKDOWN_CARD }) // DINGTALK_CLIENT_ID, DINGTALK_CLIENT_SECRET
 * const bot = new Chat({ userName: 'bot', adapters: { dingtalk }, state: createMemoryState(), concurrency: 'concurrent' })
 * bot.onDirectMessage((thread, message) => thread.post(`You said: ${message.text}`))
 * await bot.initialize()
 * ```
 *
 * @packageDocumentation
 */

export { createDingTalkAdapter, DingTalkAdapter, type DingTalkAdapterConfig } from './adapter.js'
export { DingTalkError } from './api.js'
export { AI_MARKDOWN_CARD } from './card.js'
export type { DingTalkEvent, DingTalkRawMessage } from './message.js'
export type { DingTalkThreadId } from './thread-id.js'
