/** What the emulator's control API takes and gives; `emulator/README.md` says more. */

import { request } from 'node:http'

/** Everything the service knows, but for secrets. */
export interface EmulatorState {
  /** The service's time, in milliseconds. */
  readonly now: number
  /** How often each call was made, by its name: `auth`, `message/send`, `connect`, … */
  readonly calls: Readonly<Record<string, number>>
  /** How often each failure was answered, by its code. */
  readonly failures: Readonly<Record<string, number>>
  /** In the order they first came. */
  readonly visitors: readonly VisitorState[]
  /** In the order they were made. */
  readonly sessions: readonly SessionState[]
  /** The live ones, in the order they connected. */
  readonly sockets: readonly SocketState[]
}

/** A visitor. */
export interface VisitorState {
  readonly visitorId: string
  readonly userId: string
  readonly mindId: string
  readonly name: string | null
  readonly shareCode: string
}

/** A session. */
export interface SessionState {
  readonly sessionId: string
  readonly visitorId: string
  /** Whether the owner sees it. */
  readonly bound: boolean
  readonly ownerIsMember: boolean
  readonly takenOver: boolean
  readonly closed: boolean
  /** Whether something is still being said in it. */
  readonly busy: boolean
  readonly messages: readonly {
    readonly author: string
    readonly messageId: string
    readonly text: string
    readonly timestamp: number
  }[]
}

/** A live socket. */
export interface SocketState {
  readonly wsId: string
  readonly visitorId: string
  readonly connected: number
  readonly pings: number
  /** The longest time so far without a ping, in milliseconds. */
  readonly longestSilence: number
  readonly acks: number
  readonly rejected: number
  readonly pushed: number
}

/** Something that goes wrong from now on. */
export interface Fault {
  /** A call (`message/send`), `call` for any of them, `connect`, `frame-out`, `frame-in`, `reply`. */
  readonly at: string
  /** What happens: `cut-after`, `{ status: 503 }`, `{ delay: '2s' }`, … */
  readonly do: string | Readonly<Record<string, unknown>>
  /** How often it is met; without it once, or always if there is a `chance` or `first-try`. */
  readonly times?: number
  /** How many occasions pass unharmed first. */
  readonly skip?: number
  /** From 0 to 1 at each occasion. */
  readonly chance?: number
  /** Only the first try of each call; its second one passes. */
  readonly 'first-try'?: boolean
  readonly visitor?: string
  readonly session?: string
  readonly 'ws-id'?: string
  /** Only frames of this type. */
  readonly type?: string
  /** Only frames of this sender. */
  readonly sender?: string
}

/** A fault that was asked for. */
export interface InstalledFault extends Fault {
  readonly id: number
  /** How often it will still be met; `null` is for ever. */
  readonly left: number | null
  /** How often it was. */
  readonly met: number
}

/** One thing that was received or sent. */
export interface JournalEntry {
  readonly n: number
  readonly atMs: number
  readonly what: 'request' | 'answer' | 'connect' | 'frame-in' | 'frame-out' | 'close' | 'fault' | 'owner' | 'dropped'
  readonly visitorId?: string
  readonly sessionId?: string
  readonly wsId?: string
  readonly [field: string]: unknown
}

/** Which entries of the journal are wanted. */
export interface JournalOptions {
  /** From this entry on. */
  readonly since?: number
  /** Waits so long for the first. */
  readonly waitMs?: number
}

/** What can be put into a session: exactly one of these. */
export type Pushed =
  | { readonly hint: string }
  | { readonly notice: string }
  | {
      readonly failure: {
        readonly code: string
        readonly reason?: string
        readonly actions?: readonly unknown[]
        readonly messageId?: string
      }
    }
  | { readonly frame: Readonly<Record<string, unknown>> }
  | { readonly text: string }

/** What becomes of a token of Visitor Chat. */
export type TokenStanding = 'live' | 'expired' | 'revoked' | 'withdrawn'

/** Calls the control API. */
export function control(base: string, method: string, call: string, body?: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const asked = request(`${base}/${call}`, { method, headers, agent: false }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (more: string) => {
        text += more
      })
      answer.on('error', reject)
      answer.on('end', () => {
        const status = answer.statusCode ?? 0
        if (status >= 200 && status < 300) resolve(JSON.parse(text))
        else reject(new Error(`the emulator says to ${method} ${call}: ${text}`))
      })
    })
    asked.on('error', reject)
    asked.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
