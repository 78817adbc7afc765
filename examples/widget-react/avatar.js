// What both pages have in common: the visitor's cookie, the history, and what comes unasked.

/** Makes the visitor, and returns what was said before as messages of the AI SDK. */
export async function begin() {
  await fetch('/avatar')
  const answer = await fetch('/avatar/history')
  const { messages } = await answer.json()
  return messages.map(toUIMessage)
}

export function toUIMessage({ id, author, name, text }) {
  const parts = [{ type: 'text', text }]
  if (author === 'visitor') return { id, role: 'user', parts }
  return { id, role: 'assistant', parts: [{ type: 'data-author', data: { author, name } }, ...parts] }
}

/** The avatar has the conversation: all of it, as the AI SDK sends it, would soon be more than the server takes. */
export function newestAlone({ id, trigger, messages }) {
  return { body: { id, trigger, messages: messages.slice(-1) } }
}

/** Tells of what the owner says unasked, which no answer carries. Returns a function that ends it. */
export function onUnasked(tell) {
  const events = new EventSource('/avatar/events')
  events.onmessage = ({ data }) => {
    const event = JSON.parse(data)
    if (event.type === 'message' && event.author !== 'visitor' && event.inReplyTo === null) tell(toUIMessage(event))
  }
  return () => events.close()
}
