/**
 * The avatar as a bot of [Chat SDK](https://chat-sdk.dev): Slack, Telegram, Feishu, DingTalk, Discord and the other
 * platforms for which it has an adapter. The packages `chat` (4.41 or later) and those of the adapters are the program's
 * own.
 *
 * ```ts
 * import { createServer } from 'node:http'
 * import { createSlackAdapter } from '@chat-adapter/slack'
 * import { createMemoryState } from '@chat-adapter/state-memory'
 * import { Chat } from 'chat'
 * import { AvatarClient } from 'secondme-avatar'
 * import { attach, slackClientOptions } from 'secondme-avatar/chat-sdk'
 *
 * const slack = createSlackAdapter({ webClientOptions: slackClientOptions })
 * const bot = new Chat({ userName: 'ada', adapters: { slack }, state: createMemoryState(), concurrency: 'concurrent' })
 * const avatar = attach(bot, new AvatarClient({ store: 'avatar.db' }))
 * await avatar.start()
 * createServer(avatar.listener()).listen(3000)
 * ```
 *
 * @packageDocumentation
 */

export { type AttachedBot, attach, type AttachOptions } from './chat-sdk/attach.js'
export type { ChatBot } from './chat-sdk/bot.js'
export { slackClientOptions } from './chat-sdk/slack.js'
