/** The connection over which events come. */

import { AuthenticationError } from '@chat-adapter/shared'
import type { Logger } from 'chat'
import { DWClient, TOPIC_ROBOT } from 'dingtalk-stream'
import type { Credentials } from './api.js'
import type { DingTalkEvent } from './message.js'

const FIRST_WAIT_MS = 1000
const LONGEST_WAIT_MS = 60_000
/** A connection that lives so long was a good one. */
const GOOD_MS = 30_000

const HANDSHAKE_MS = 15_000

interface Downstream {
  readonly headers: { readonly messageId: string }
  readonly data: string
}

/** What is used of the SDK's client beyond its types. */
interface Inner {
  dw_url: string
  readonly socket?: { once(event: 'close', heard: () => void): void; terminate(): void; close(): void }
  readonly heartbeatIntervallId?: NodeJS.Timeout
}

/** The SDK's client. Its address is fixed, so it is asked for here. */
class Client extends DWClient {
  readonly #credentials: Credentials

  constructor(credentials: Credentials) {
    const { clientId, clientSecret } = credentials
    super({ clientId, clientSecret, ua: 'secondme-chat-adapter-dingtalk', keepAlive: true })
    // The SDK's own attempts to come back double with each that fails.
    this.config.autoReconnect = false
    this.#credentials = credentials
  }

  get inner(): Inner {
    return this as unknown as Inner
  }

  override async getEndpoint(): Promise<this> {
    const { clientId, clientSecret, subscriptions, ua } = this.getConfig()
    const response = await fetch(`${this.#credentials.endpoint}/v1.0/gateway/connections/open`, {
      method: 'POST',
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      body: JSON.stringify({ clientId, clientSecret, ua, subscriptions }),
      signal: AbortSignal.timeout(HANDSHAKE_MS),
    })
    if (!response.ok) throw new Refused(response.status)
    const { endpoint, ticket } = (await response.json()) as { endpoint: string; ticket: string }
    this.inner.dw_url = `${endpoint}?ticket=${ticket}`
    return this
  }
}

class Refused extends Error {
  readonly status: number

  constructor(status: number) {
    super(`DingTalk opens no connection: status ${status}`)
    this.status = status
  }
}

/** Keeps a connection. An event is acknowledged when `receive` is done, and comes again where it fails. */
export class Stream {
  readonly #credentials: Credentials
  readonly #receive: (event: DingTalkEvent) => Promise<void>
  readonly #logger: Logger | undefined
  #client: Client | undefined
  #isStopped = false
  #timer: NodeJS.Timeout | undefined
  #failures = 0

  constructor(credentials: Credentials, receive: (event: DingTalkEvent) => Promise<void>, logger: Logger | undefined) {
    this.#credentials = credentials
    this.#receive = receive
    this.#logger = logger
  }

  /** Is fulfilled when there is a connection. It fails where DingTalk does not know the app. */
  async start(): Promise<void> {
    this.#isStopped = false
    for (;;) {
      try {
        return await this.#connect()
      } catch (error) {
        const isWrong = error instanceof Refused && error.status >= 400 && error.status < 500 && error.status !== 429
        if (isWrong || this.#isStopped) throw new AuthenticationError('dingtalk', (error as Error).message)
        await new Promise((over) => setTimeout(over, this.#wait(error)))
      }
    }
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#client?.inner.socket?.close()
  }

  async #connect(): Promise<void> {
    const client = new Client(this.#credentials)
    client.registerCallbackListener(TOPIC_ROBOT, (down: Downstream) => void this.#received(client, down))
    await client.getEndpoint()
    const slow = setTimeout(() => client.inner.socket?.terminate(), HANDSHAKE_MS)
    try {
      await client._connect()
    } finally {
      clearTimeout(slow)
    }
    const since = Date.now()
    this.#client = client
    client.inner.socket?.once('close', () => {
      // The SDK's heartbeat would go on.
      clearInterval(client.inner.heartbeatIntervallId)
      if (Date.now() - since > GOOD_MS) this.#failures = 0
      this.#again(new Error('the connection was closed'))
    })
    if (this.#isStopped) this.stop()
  }

  #again(reason: unknown): void {
    if (this.#isStopped) return
    this.#timer = setTimeout(() => this.#connect().catch((error) => this.#again(error)), this.#wait(reason))
  }

  /** Returns how long to wait before the next attempt: 1, 2, 4 … 60 s, a little more or less. */
  #wait(reason: unknown): number {
    const ms = Math.min(FIRST_WAIT_MS * 2 ** this.#failures, LONGEST_WAIT_MS) * (0.8 + 0.4 * Math.random())
    this.#failures += 1
    this.#logger?.warn(`${(reason as Error).message}; connecting again in ${Math.round(ms)} ms`)
    return ms
  }

  async #received(client: Client, { headers, data }: Downstream): Promise<void> {
    try {
      await this.#receive(JSON.parse(data))
      client.socketCallBackResponse(headers.messageId, '')
    } catch (error) {
      this.#logger?.error(`a message was not taken, and will come again: ${(error as Error).message}`)
    }
  }
}
