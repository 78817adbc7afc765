// What TypeScript makes of the model with each version of the AI SDK: compiled, never run.

import type { AvatarClient, Conversation } from 'secondme-avatar'
import { avatar, type AvatarModel, toUIMessageStream, type UIChunk } from 'secondme-avatar/ai'
import * as ai6 from 'ai6'
import * as ai7 from 'ai7'

export async function used(client: AvatarClient, chat: Conversation): Promise<void> {
  const model: AvatarModel = avatar({ client, visitor: { platform: 'web', userId: 'u-1' } })
  const providerOptions = { secondme: { visitor: { platform: 'web', userId: 'u-2', name: 'Ada' } } }
  const { text, providerMetadata } = await ai6.generateText({ model, prompt: 'Hello', providerOptions })
  const later: string = (await ai7.generateText({ model, prompt: text, providerOptions })).text
  console.log(later, providerMetadata?.secondme?.author)
  for await (const piece of ai6.streamText({ model, prompt: 'Hello' }).textStream) console.log(piece)
  for await (const piece of ai7.streamText({ model, prompt: 'Hello' }).textStream) console.log(piece)
  const stream: ReadableStream<UIChunk> = toUIMessageStream(chat, 'Hello')
  ai6.createUIMessageStreamResponse({ stream })
  ai7.createUIMessageStreamResponse({ stream })
  // @ts-expect-error: a model without a client
  avatar({ visitor: 'web_6ba7b810-9dad-11d1-80b4-00c04fd430c8' })
}
