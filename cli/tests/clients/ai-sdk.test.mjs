// The AI SDK's providers through Chat Completions.

import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'

import { triesOf } from './ai-sdk.mjs'

triesOf('@ai-sdk/openai, chat', (options) => createOpenAI(options).chat('avatar'), { openai: { user: 'ada' } })
triesOf('@ai-sdk/openai-compatible', (options) => createOpenAICompatible({ name: 'secondme', ...options })('avatar'), {
  secondme: { user: 'ada' },
})
