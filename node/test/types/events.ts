// What TypeScript makes of events: compiled, never run.

import { once } from 'node:events'

import type { AvatarClient, AvatarEvent, Conversation, OwnerReplyEvent, Reply, State } from 'secondme-avatar'

/** Fails to compile if the two are not one and the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Same<A, B>) => {}

export async function loops(client: AvatarClient, chat: Conversation) {
  for await (const event of chat) {
    same<typeof event, AvatarEvent>(true)
    switch (event.type) {
      case 'reply':
      case 'ownerReply':
        same<typeof event.text, string>(true)
        same<typeof event.author, 'avatar' | 'owner' | 'visitor'>(true)
        break
      case 'replyDelta':
        same<typeof event.replyId, string | undefined>(true)
        // @ts-expect-error: a piece has no parts
        event.parts
        break
      case 'stateChanged':
        same<typeof event.to, State>(true)
        break
      case 'closed':
        if (event.reason === 'failed') event.error?.retryAfterMs
        same<typeof event.reason, 'requested' | 'sessionEnded' | 'failed'>(true)
        break
      // @ts-expect-error: there is no such event
      case 'replied':
        break
    }
    // @ts-expect-error: ids are texts
    Math.sqrt(event.sessionId)
    // @ts-expect-error: events are not to be changed
    event.visitorId = 'another'
  }
  for await (const event of client.events({ signal: AbortSignal.timeout(1) })) event.visitorId
  await using events = client.events()
  const result = await events.next({ signal: AbortSignal.timeout(1) })
  if (!result.done) same<typeof result.value, AvatarEvent>(true)
}

/** Every type is handled: a new one would not compile. */
export function whole(event: AvatarEvent): string {
  switch (event.type) {
    case 'opened':
      return event.opening
    case 'stateChanged':
      return `${event.from} ${event.to}`
    case 'replyDelta':
    case 'reply':
    case 'ownerReply':
    case 'delivered':
    case 'notice':
    case 'unattributed':
      return event.text
    case 'takenOver':
    case 'handedBack':
      return event.visitorId
    case 'unsent':
      return event.message.text + event.error.message
    case 'serviceError':
      return event.code + (event.reason ?? '')
    case 'sessionReplaced':
      return event.from + event.to
    case 'disconnected':
      return `${event.retryInMs} ${event.cause.message}`
    case 'reconnected':
      return `${event.gap} ${event.frames ?? 0}`
    case 'waitingForQuota':
      return `${event.waitMs}`
    case 'closed':
      return event.reason
    case 'unknown':
      return event.raw ?? ''
  }
}

export async function listeners(client: AvatarClient, chat: Conversation) {
  chat.on('reply', (reply) => same<typeof reply.text, string>(true)).once('ownerReply', ({ text }) => text.length)
  client.on('event', (event) => same<typeof event, AvatarEvent>(true))
  chat.off('reply', (reply: Reply) => reply.parts)
  // @ts-expect-error: there is no such event
  chat.on('replied', () => {})
  // @ts-expect-error: a reply is not a piece
  chat.on('reply', ({ replyId }) => replyId)
  // @ts-expect-error: its argument is the event
  chat.on('reply', (text: string) => text)
  same<Awaited<ReturnType<typeof chat.waitFor<'ownerReply'>>>, OwnerReplyEvent>(true)
  const { text } = await chat.waitFor('reply', { signal: AbortSignal.timeout(1) })
  same<typeof text, string>(true)
  same<Awaited<ReturnType<typeof client.waitFor<'event'>>>, AvatarEvent>(true)
  // @ts-expect-error: there is no such event
  chat.waitFor('replied')
  client.on('error', (reason) => same<typeof reason, unknown>(true))
  same<ReturnType<ReturnType<Conversation['stream']>['toReadableStream']>, ReadableStream<string>>(true)
  same<ReturnType<ReturnType<Conversation['events']>['toReadableStream']>, ReadableStream<AvatarEvent>>(true)
  // Node's own functions take it for what it is.
  await once(chat, 'reply', { signal: AbortSignal.timeout(1) })
}
