/** DingTalk's calls. Its SDK makes none but the one for a connection. */

import { AdapterRateLimitError, AuthenticationError, NetworkError, PermissionError } from '@chat-adapter/shared'
import type { Bucket } from '#shared/bucket.js'

const CALL_TIMEOUT_MS = 15_000
const SECOND_MS = 1000
/** DingTalk does not say for how long it refuses. */
const REFUSED_MS = 2000
const TOKEN_MARGIN_MS = 300_000
const LATER = /qps|throttl|limit|too.?fast|flow.?control/i
const GONE = new Set(['staffId.notExisted', 'robot.not.exist', 'invalidParameter.robotCode', 'chatbot.notInGroup'])
/** Codes of a session webhook that is called too often. */
const WEBHOOK_LATER = new Set([130101, 90018])

/** DingTalk refused a call with a code of its own. */
export class DingTalkError extends Error {
  override readonly name = 'DingTalkError'
  readonly code: string

  constructor(code: string, message: string) {
    super(`DingTalk refused: ${code} ${message}`)
    this.code = code
  }
}

export interface Credentials {
  readonly clientId: string
  readonly clientSecret: string
  readonly endpoint: string
}

interface Answer {
  readonly code?: string
  readonly message?: string
  readonly errcode?: number
  readonly errmsg?: string
}

/** Makes calls of one app, within what DingTalk allows an organisation. */
export class Api {
  readonly #credentials: Credentials
  readonly #bucket: Bucket
  #token: Promise<{ value: string; until: number }> | undefined

  constructor(credentials: Credentials, bucket: Bucket) {
    this.#credentials = credentials
    this.#bucket = bucket
  }

  /** Makes a call of the open API. What is urgent goes before what is not. */
  async call(method: 'POST' | 'PUT', path: string, urgent: boolean, body: object): Promise<unknown> {
    const token = await this.#accessToken()
    await this.#bucket.take(urgent)
    const headers = { 'x-acs-dingtalk-access-token': token }
    return this.#made(method, `${this.#credentials.endpoint}${path}`, body, headers)
  }

  /** Posts to the webhook of a conversation. */
  async webhook(url: string, body: object): Promise<void> {
    await this.#bucket.take(true)
    const { errcode = 0, errmsg = '' } = (await this.#made('POST', url, body, {})) as Answer
    if (errcode === 0) return
    if (WEBHOOK_LATER.has(errcode)) throw this.#limited(REFUSED_MS)
    throw new DingTalkError(String(errcode), errmsg)
  }

  async #accessToken(): Promise<string> {
    let token = await this.#token?.catch(() => undefined)
    if (token === undefined || token.until <= Date.now()) {
      this.#token = this.#newToken()
      token = await this.#token
    }
    return token.value
  }

  async #newToken(): Promise<{ value: string; until: number }> {
    const { clientId, clientSecret, endpoint } = this.#credentials
    const body = { appKey: clientId, appSecret: clientSecret }
    const answer = await this.#made('POST', `${endpoint}/v1.0/oauth2/accessToken`, body, {})
    const { accessToken, expireIn } = answer as { accessToken: string; expireIn: number }
    return { value: accessToken, until: Date.now() + expireIn * SECOND_MS - TOKEN_MARGIN_MS }
  }

  async #made(method: string, url: string, body: object, headers: Record<string, string>): Promise<unknown> {
    let response: Response
    let answer: Answer
    try {
      response = await fetch(url, {
        method,
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      })
      answer = JSON.parse((await response.text()) || '{}')
    } catch (error) {
      throw new NetworkError('dingtalk', `DingTalk gave no answer: ${(error as Error).message}`, error as Error)
    }
    if (response.ok) return answer
    const { code = '', message = '' } = answer
    const { status } = response
    if (status === 429 || (status === 403 && LATER.test(code))) {
      throw this.#limited(Number(response.headers.get('retry-after')) * SECOND_MS || REFUSED_MS)
    }
    if (status >= 500) throw new NetworkError('dingtalk', `DingTalk answered with status ${status}`)
    if (status === 401) {
      this.#token = undefined
      throw new AuthenticationError('dingtalk', `DingTalk refused the app or its token: ${code} ${message}`)
    }
    if (GONE.has(code)) throw new PermissionError('dingtalk', `${code} ${message}`)
    throw new DingTalkError(code || String(status), message)
  }

  /** The limit is the organisation's: everything waits. */
  #limited(ms: number): Error {
    this.#bucket.pause(ms)
    return new AdapterRateLimitError('dingtalk', ms / SECOND_MS)
  }
}
