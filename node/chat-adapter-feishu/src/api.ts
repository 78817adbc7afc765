/** Feishu's calls, made with its SDK. */

import { AdapterRateLimitError, NetworkError, PermissionError, ResourceNotFoundError } from '@chat-adapter/shared'
import type { Client } from '@larksuiteoapi/node-sdk'
import type { Bucket } from '#shared/bucket.js'

const CALL_TIMEOUT_MS = 15_000
const SECOND_MS = 1000

/** Codes of a rate limit. */
const LATER = new Set([99991400, 230020, 230049, 11232, 200810])
/** Codes of a chat or a person that the bot cannot reach. */
const FORBIDDEN = new Set([230002, 230006, 230013, 230027, 230035])
/** Codes of a message that is gone. */
const MISSING = new Set([230011, 230110, 300313])

/** Feishu refused a call with a code of its own. */
export class FeishuError extends Error {
  override readonly name = 'FeishuError'
  readonly code: number

  constructor(code: number, message: string) {
    super(`Feishu refused: ${code} ${message}`)
    this.code = code
  }
}

export interface Answer {
  readonly code?: number | undefined
  readonly msg?: string | undefined
}

interface HttpFailure {
  readonly response?: {
    readonly status: number
    readonly data?: Answer | undefined
    readonly headers?: Readonly<Record<string, unknown>> | undefined
  }
}

/** Makes calls of one app, within what Feishu allows it. */
export class Api {
  readonly client: Client
  readonly #bucket: Bucket

  constructor(client: Client, bucket: Bucket) {
    this.client = client
    this.#bucket = bucket
  }

  /** Makes a call. `urgent` goes before what waits. */
  async call<T extends Answer>(make: (client: Client) => Promise<T>, urgent = false): Promise<T> {
    await this.#bucket.take(urgent)
    let answer: T
    try {
      answer = await timed(make(this.client))
    } catch (error) {
      const { response } = error as HttpFailure
      if (response === undefined) {
        throw new NetworkError('feishu', `Feishu gave no answer: ${(error as Error).message}`, error as Error)
      }
      throw this.#understood(response.data ?? {}, response.status, response.headers)
    }
    if (answer.code !== undefined && answer.code !== 0) throw this.#understood(answer, 200)
    return answer
  }

  #understood(answer: Answer, status: number, headers: Readonly<Record<string, unknown>> = {}): Error {
    const { code = 0, msg = '' } = answer
    if (status === 429 || LATER.has(code)) {
      const seconds = Number(headers['retry-after'] ?? headers['x-ogw-ratelimit-reset']) || 1
      // What a card is refused holds for that card only; a status is the app's.
      if (status === 429 && code !== 99991400) this.#bucket.pause(seconds * SECOND_MS)
      return new AdapterRateLimitError('feishu', seconds)
    }
    if (FORBIDDEN.has(code)) return new PermissionError('feishu', `${code} ${msg}`)
    if (MISSING.has(code)) return new ResourceNotFoundError('feishu', 'message', `${code} ${msg}`)
    if (status >= 500) return new NetworkError('feishu', `Feishu answered with status ${status}`)
    return new FeishuError(code, msg)
  }
}

/** The SDK's calls have no time-out. */
async function timed<T>(call: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, failed) => {
    timer = setTimeout(() => failed(new Error(`nothing came within ${CALL_TIMEOUT_MS} ms`)), CALL_TIMEOUT_MS)
  })
  try {
    return await Promise.race([call, late])
  } finally {
    clearTimeout(timer)
  }
}
