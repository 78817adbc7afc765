/** What an adapter of Chat SDK throws, as a bridge understands it. */

import { DraftExpired, RetryLater, Undeliverable } from '../bridge/outlet.js'

/** How long to wait where a platform says "too many calls" and not for how long. */
const UNTOLD_MS = 2000

/** What Slack says where a message can never be shown. */
const GONE = [
  'channel_not_found',
  'is_archived',
  'not_in_channel',
  'user_not_found',
  'cannot_dm_bot',
  'account_inactive',
]

/** What Slack says of a stream that takes no more text. */
const EXPIRED = ['message_not_in_streaming_state', 'message_not_owned_by_app', 'streaming_state_conflict']

interface Failure {
  readonly code?: unknown
  readonly retryAfter?: unknown
  readonly data?: { readonly error?: unknown }
}

/** Slack's own word for a failure, such as `channel_not_found`. */
export function slackCode(error: unknown): string | undefined {
  const code = (error as Failure | undefined)?.data?.error
  return typeof code === 'string' ? code : undefined
}

/** Returns the error that a bridge branches on. */
export function understood(error: unknown): unknown {
  const { name, retryAfter, code } = error as Failure & { name?: string }
  const slack = slackCode(error)
  const isLimit =
    name === 'AdapterRateLimitError' ||
    code === 'slack_webapi_rate_limited_error' ||
    code === 'RATE_LIMITED' ||
    slack === 'ratelimited'
  const cause = { cause: error }
  if (isLimit) return new RetryLater(typeof retryAfter === 'number' ? retryAfter * 1000 : UNTOLD_MS, cause)
  if (slack !== undefined && EXPIRED.includes(slack)) return new DraftExpired(slack, cause)
  if (slack !== undefined && GONE.includes(slack)) return new Undeliverable(slack, cause)
  if (name === 'PermissionError' || name === 'ResourceNotFoundError') return new Undeliverable(String(error), cause)
  return error
}

/** Makes a call of an adapter. */
export async function adapted<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw understood(error)
  }
}
