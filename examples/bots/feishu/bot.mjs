// The avatar in Feishu or Lark. README.md says what to click, and what the environment variables are.

import { createMemoryState } from '@chat-adapter/state-memory'
import { Chat } from 'chat'
import { AvatarClient } from 'secondme-avatar'
import { attach } from 'secondme-avatar/chat-sdk'
import { createFeishuAdapter } from 'secondme-chat-adapter-feishu'

const quota = Number(process.env.SECONDME_QUOTA ?? 60)
const store = process.env.AVATAR_STORE ?? 'avatar.db'
// Once the owner has the conversation, a question waits 15 s for the owner's words; then a sentence says who has it.
const client = new AvatarClient({ store, maxLive: 500, quota, ownerDeadlineMs: 15_000 })
const feishu = createFeishuAdapter({ domain: process.env.FEISHU_DOMAIN ?? 'feishu' })
const bot = new Chat({
  userName: 'avatar',
  adapters: { feishu },
  state: createMemoryState(),
  concurrency: 'concurrent',
})
const avatar = attach(bot, client, { ownerName: process.env.OWNER_NAME })
await avatar.start()
process.once('SIGTERM', async () => {
  await avatar.close()
  await client.close()
  process.exit()
})
