import { createMemoryState } from '@chat-adapter/state-memory'
import { Chat } from 'chat'
import { start } from '../../../examples/platforms/feishu.mjs'
import { supportOf } from '../../chat-adapter-shared/test/support.mjs'
import { createFeishuAdapter } from '../lib/index.js'

export * from '../../chat-adapter-shared/test/support.mjs'

export const { platform, bot, configOf } = supportOf({
  Chat,
  createMemoryState,
  start,
  create: createFeishuAdapter,
  configOf: ({ bot: { appId, appSecret, domain } }) => ({ appId, appSecret, domain }),
})
