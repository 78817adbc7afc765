// assistant-ui on the widget's endpoint.

import { AssistantRuntimeProvider, ComposerPrimitive, MessagePrimitive, ThreadPrimitive } from '@assistant-ui/react'
import { AssistantChatTransport, useChatRuntime } from '@assistant-ui/react-ai-sdk'
import { createRoot } from 'react-dom/client'

import { begin, newestAlone } from './avatar.js'

const transport = new AssistantChatTransport({ api: '/avatar', prepareSendMessagesRequest: newestAlone })

function Page({ history }) {
  const runtime = useChatRuntime({ messages: history, transport })
  return (
    <AssistantRuntimeProvider runtime={runtime}>
      <ThreadPrimitive.Root>
        <ThreadPrimitive.Viewport role="log">
          <ThreadPrimitive.Messages components={{ UserMessage: Message, AssistantMessage: Message }} />
        </ThreadPrimitive.Viewport>
        <ComposerPrimitive.Root>
          <ComposerPrimitive.Input aria-label="Message" />
          <ComposerPrimitive.Send>Send</ComposerPrimitive.Send>
        </ComposerPrimitive.Root>
      </ThreadPrimitive.Root>
    </AssistantRuntimeProvider>
  )
}

function Text({ text }) {
  return <p>{text}</p>
}

function Message() {
  return (
    <MessagePrimitive.Root>
      <MessagePrimitive.Parts components={{ Text }} />
    </MessagePrimitive.Root>
  )
}

const history = await begin()
createRoot(document.getElementById('page')).render(<Page history={history} />)
