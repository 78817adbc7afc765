/** Slack through its adapter's own client: streams in threads, messages that are updated elsewhere. */

import { type Draft, DraftExpired, type Outlet, type PostDetails, type PostedMessage } from '../bridge/outlet.js'
import { placeOf } from './address.js'
import type { ChatAdapter } from './bot.js'
import { adapted, slackCode } from './failures.js'
import type { Platform } from './limits.js'

type Call = (given: Record<string, unknown>) => Promise<unknown>

/** What is used of Slack's `WebClient`. */
interface WebClient {
  readonly chat: Readonly<Record<'postMessage' | 'update' | 'startStream' | 'appendStream' | 'stopStream', Call>>
  readonly conversations: Readonly<Record<'history' | 'replies', Call>>
}

/** The adapter of Slack. */
export interface SlackAdapter extends ChatAdapter {
  readonly webClient: WebClient
}

/** What Slack says where an app or a channel has no streams. */
const NO_STREAMS = [
  'unknown_method',
  'missing_scope',
  'feature_not_enabled',
  'method_not_supported_for_channel_type',
  'channel_type_not_supported',
  'missing_recipient_user_id',
  'missing_recipient_team_id',
]

/**
 * Options for the `webClientOptions` of Slack's adapter: a call that failed comes back to the bridge, which waits as long
 * as Slack says and then sends the newest text. The client's own attempts would hold up all that follows, and post a
 * message twice whose answer was lost.
 */
export const slackClientOptions = {
  rejectRateLimitedCalls: true,
  retryConfig: { retries: 0 },
  timeout: 15_000,
} as const

export function slackOutlet(adapter: SlackAdapter, limits: Platform): Outlet {
  let streams = true
  const target = (address: string) => {
    const { thread, user, team } = placeOf(address)
    const [, channel = '', threadTs = ''] = thread.split(':')
    return { channel, user, team, ...(threadTs !== '' && { thread_ts: threadTs }) }
  }
  const post = async (address: string, text: string) => {
    const { channel, thread_ts } = target(address)
    const given = { channel, thread_ts, markdown_text: text, unfurl_links: false, unfurl_media: false }
    return ts(await adapted(() => adapter.webClient.chat.postMessage(given)))
  }
  const updated = (address: string, handle: string): Draft => {
    const { channel } = target(address)
    const update = async (text: string) => {
      await adapted(() => adapter.webClient.chat.update({ channel, ts: handle, markdown_text: text }))
    }
    return { handle, update, finish: update }
  }
  return {
    limits,
    appends: true,
    post,
    async open(address: string, text: string, _details: PostDetails): Promise<Draft> {
      const { channel, thread_ts, user, team } = target(address)
      if (streams && thread_ts !== undefined) {
        try {
          const given = { channel, thread_ts, recipient_user_id: user, recipient_team_id: team, markdown_text: text }
          const handle = ts(await adapter.webClient.chat.startStream(given))
          return new Stream(adapter.webClient, channel, handle, text)
        } catch (error) {
          if (!NO_STREAMS.includes(slackCode(error) ?? '')) await adapted(() => Promise.reject(error))
          streams = false
        }
      }
      return updated(address, await post(address, text))
    },
    async reopen(address, handle) {
      const draft = updated(address, handle)
      return {
        ...draft,
        async finish(text) {
          // A stream that is still open takes no update.
          await adapter.webClient.chat.stopStream({ channel: target(address).channel, ts: handle }).catch(() => {})
          await draft.finish(text)
        },
      }
    },
    recent: (address, sinceMs) => recent(adapter, target(address), sinceMs),
  }
}

/** A stream of Slack's: it takes the pieces that are new. */
class Stream implements Draft {
  #sent: string
  /** Whether a piece whose answer was lost may have been taken. */
  #isUnsure = false

  constructor(
    readonly client: WebClient,
    readonly channel: string,
    readonly handle: string,
    sent: string,
  ) {
    this.#sent = sent
  }

  async update(text: string): Promise<void> {
    if (this.#isUnsure) return
    await this.#send('appendStream', text)
  }

  async finish(text: string): Promise<void> {
    // Where it is open whether a piece was taken, the whole text is written over what the stream shows.
    if (this.#isUnsure) throw new DraftExpired('a piece of the stream may be missing or stand there twice')
    await this.#send('stopStream', text)
  }

  async #send(method: 'appendStream' | 'stopStream', text: string): Promise<void> {
    const { channel, handle } = this
    const piece = text.slice(this.#sent.length)
    const given = { channel, ts: handle, ...(piece !== '' && { markdown_text: piece }) }
    try {
      await adapted(() => this.client.chat[method](given))
      this.#sent = text
    } catch (error) {
      if ((error as Error).name !== 'RetryLater' && !(error instanceof DraftExpired)) this.#isUnsure = true
      throw error
    }
  }
}

async function recent(
  { webClient, botUserId }: SlackAdapter,
  { channel, thread_ts }: { channel: string; thread_ts?: string },
  sinceMs: number,
): Promise<PostedMessage[]> {
  const since = { channel, oldest: (sinceMs / 1000).toFixed(6), limit: 200 }
  const { conversations } = webClient
  let answer: unknown
  try {
    answer = await (thread_ts === undefined
      ? conversations.history(since)
      : conversations.replies({ ...since, ts: thread_ts }))
  } catch (error) {
    // Without the permission to read it stays unknown what is shown.
    if (slackCode(error) === 'missing_scope') return []
    return adapted(() => Promise.reject(error))
  }
  const { messages = [] } = answer as { messages?: { ts: string; text?: string; user?: string; bot_id?: string }[] }
  return messages
    .filter(({ user, bot_id }) => (user !== undefined && user === botUserId) || bot_id !== undefined)
    .map((message) => ({ handle: message.ts, text: message.text ?? '' }))
    .sort((a, b) => Number(a.handle) - Number(b.handle))
}

function ts(answer: unknown): string {
  return String((answer as { ts?: unknown }).ts)
}

/** What a person has written, out of Slack's form of it. */
export function slackText(raw: unknown, botUserId: string | undefined): string | undefined {
  const { text } = raw as { text?: unknown }
  if (typeof text !== 'string') return undefined
  const own = botUserId === undefined ? /^\s*<@[A-Z0-9]+>[,:]?\s*/ : new RegExp(`^\\s*<@${botUserId}>[,:]?\\s*`)
  return text
    .replace(own, '')
    .replace(/<(https?:[^|>]+|mailto:[^|>]+)(?:\|([^>]*))?>/g, (_, url: string, label?: string) =>
      label === undefined || url.endsWith(label) ? (label ?? url) : `${label} (${url})`,
    )
    .replace(/<[@#!][^|>]+\|([^>]+)>/g, '$1')
    .replace(/<([@#])([A-Z0-9]+)>/g, '$1$2')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}
