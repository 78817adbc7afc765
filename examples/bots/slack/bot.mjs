// The avatar in Slack. README.md says what to click, and what the environment variables are.

import { createServer } from 'node:http'
import { createSlackAdapter } from '@chat-adapter/slack'
import { createMemoryState } from '@chat-adapter/state-memory'
import { Chat } from 'chat'
import { AvatarClient } from 'secondme-avatar'
import { attach, slackClientOptions } from 'secondme-avatar/chat-sdk'

const quota = Number(process.env.SECONDME_QUOTA ?? 60)
const store = process.env.AVATAR_STORE ?? 'avatar.db'
// Once the owner has the conversation, a question waits 15 s for the owner's words; then a sentence says who has it.
const client = new AvatarClient({ store, maxLive: 500, quota, ownerDeadlineMs: 15_000 })
const mode = process.env.SLACK_APP_TOKEN ? 'socket' : 'webhook'
const slack = createSlackAdapter({ mode, webClientOptions: slackClientOptions })
const bot = new Chat({ userName: 'avatar', adapters: { slack }, state: createMemoryState(), concurrency: 'concurrent' })
const avatar = attach(bot, client, { ownerName: process.env.OWNER_NAME })
await avatar.start()
const server = createServer(avatar.listener('slack'))
if (mode === 'webhook') server.listen(Number(process.env.PORT ?? 3000))
process.once('SIGTERM', async () => {
  await avatar.close()
  await client.close()
  process.exit()
})
