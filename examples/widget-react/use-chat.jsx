// `useChat` of the AI SDK on the widget's endpoint.

import { useChat } from '@ai-sdk/react'
import { DefaultChatTransport } from 'ai'
import { useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'

import { begin, newestAlone, onUnasked } from './avatar.js'

const transport = new DefaultChatTransport({ api: '/avatar', prepareSendMessagesRequest: newestAlone })

function Chat({ history }) {
  const { messages, setMessages, sendMessage, status, error } = useChat({
    id: 'avatar',
    messages: history,
    transport,
    // An answer that was under way when the page was left is gone on with.
    resume: true,
  })
  const [text, setText] = useState('')
  useEffect(
    () =>
      onUnasked((message) => setMessages((all) => (all.some(({ id }) => id === message.id) ? all : [...all, message]))),
    [setMessages],
  )
  const send = (event) => {
    event.preventDefault()
    sendMessage({ text })
    setText('')
  }
  return (
    <main>
      <div role="log">
        {messages.map(({ id, role, parts }) => (
          <article key={id} data-role={role}>
            {parts.map((part, at) => (
              <Part key={at} part={part} />
            ))}
          </article>
        ))}
      </div>
      {error && <p role="alert">{error.message}</p>}
      <form onSubmit={send}>
        <input aria-label="Message" value={text} onChange={(event) => setText(event.target.value)} />
        <button type="submit" disabled={status !== 'ready' && status !== 'error'}>
          Send
        </button>
      </form>
    </main>
  )
}

function Part({ part }) {
  if (part.type === 'text') return <p>{part.text}</p>
  if (part.type === 'data-author')
    return <b>{part.data.author === 'owner' ? `${part.data.name}, in person` : part.data.name}</b>
  if (part.type === 'source-url') return <a href={part.url}>{part.title}</a>
  if (part.type === 'data-notice') return <i>{part.data.text}</i>
  return null
}

const history = await begin()
createRoot(document.getElementById('page')).render(<Chat history={history} />)
