import { createMemoryState } from '@chat-adapter/state-memory'
import { Chat } from 'chat'
import { start } from '../../../examples/platforms/dingtalk.mjs'
import { supportOf } from '../../chat-adapter-shared/test/support.mjs'
import { createDingTalkAdapter } from '../lib/index.js'

export * from '../../chat-adapter-shared/test/support.mjs'

export const { platform, bot, configOf } = supportOf({
  Chat,
  createMemoryState,
  start,
  create: createDingTalkAdapter,
  configOf: ({ bot: { clientId, clientSecret, endpoint } }) => ({ clientId, clientSecret, endpoint }),
})

// The SDK says what it does on the console.
console.info = () => {}
console.warn = () => {}
