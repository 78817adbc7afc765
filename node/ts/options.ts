/** How a client is set up. */

import { type AvatarError, misuse, type Site, type Step } from './errors.js'
import type { LoggerLike } from './logs.js'

/** Options of a client. Times are in milliseconds. */
export interface ClientOptions {
  /** The avatar's API key; that in `SECONDME_API_KEY`, if not said otherwise. */
  readonly apiKey?: string | undefined
  /** Where the service is; `SECONDME_BASE_URL`, or else production, if not said otherwise. */
  readonly baseUrl?: string | undefined
  /** Takes plain `http` and `ws` to other machines too. The API key then travels in the open. */
  readonly allowInsecure?: boolean | undefined
  /**
   * The proxy for HTTP and for the socket, `http://` or `https://`; `false` for none. What `HTTPS_PROXY`, `HTTP_PROXY`,
   * `ALL_PROXY` and `NO_PROXY` say, if not said otherwise.
   */
  readonly proxy?: string | false | undefined
  /** A PEM file of certificates to trust beside those of the platform; that in `SECONDME_CA_FILE`. */
  readonly caFile?: string | undefined
  /** Whether Mozilla's root certificates, built in, are trusted where the machine has none; they are. */
  readonly builtinRoots?: boolean | undefined
  /** Between two pings: 5000 to 15,000, which it is if not said otherwise. */
  readonly heartbeatMs?: number | undefined
  /** Whether frames are acknowledged; they are, if not said otherwise. */
  readonly acknowledge?: boolean | undefined
  /** The silence that ends a reply whose end mark never comes; 3000. */
  readonly replyIdleMs?: number | undefined
  /** What becomes of a message of which nobody can tell whether the service took it; `atMostOnce`. */
  readonly delivery?: 'atMostOnce' | 'atLeastOnce' | undefined
  /** How many events a subscription holds before the socket is read no further; 1024. */
  readonly eventQueue?: number | undefined
  /** How many authentications the API key has in a minute; 60. */
  readonly quota?: number | undefined
  /** How many visitors may hold a socket at a time; as many as there are. */
  readonly maxLive?: number | undefined
  /** After how long an idle visitor gives up the socket; 1000 or more. Never, if not said otherwise. */
  readonly idleAfterMs?: number | undefined
  /**
   * An SQLite file that keeps visitors and messages beyond the process: whoever starts again on it goes on with the
   * same sessions, and sends what was not sent. It is made if it is not there.
   */
  readonly store?: string | undefined
  /** The whole time of an `open`; 30,000. */
  readonly openDeadlineMs?: number | undefined
  /** The whole time of a `send`; 15,000. */
  readonly sendDeadlineMs?: number | undefined
  /** How long a durable message may wait, over all the processes that try; 24 h. */
  readonly durableDeadlineMs?: number | undefined
  /** The whole time of a `history`; 30,000. */
  readonly historyDeadlineMs?: number | undefined
  /** How long a `close` waits for what is still to be sent; 5000. */
  readonly closeDeadlineMs?: number | undefined
  /** The whole time of an `ask` or a `stream`; 120,000. */
  readonly askDeadlineMs?: number | undefined
  /** How long the first piece of a reply may take; 60,000. */
  readonly firstPieceDeadlineMs?: number | undefined
  /**
   * Is told of every call to the service and every handshake of a socket when it is over. What it throws goes to the
   * client's listeners of `error`, and ends no report after it.
   */
  readonly onCall?: ((call: CallReport) => void) | undefined
  /**
   * Takes the log from now on: `console`, a `pino`, a function. The same as {@link setLogger}: a process has one log, and
   * the newest logger gets that of all clients.
   */
  readonly logger?: LoggerLike | undefined
}

/** Every option by its name: one that is misspelt is an error, and not passed over. */
const OPTIONS: Readonly<Record<keyof ClientOptions, true>> = {
  apiKey: true,
  baseUrl: true,
  allowInsecure: true,
  proxy: true,
  caFile: true,
  builtinRoots: true,
  heartbeatMs: true,
  acknowledge: true,
  replyIdleMs: true,
  delivery: true,
  eventQueue: true,
  quota: true,
  maxLive: true,
  idleAfterMs: true,
  store: true,
  openDeadlineMs: true,
  sendDeadlineMs: true,
  durableDeadlineMs: true,
  historyDeadlineMs: true,
  closeDeadlineMs: true,
  askDeadlineMs: true,
  firstPieceDeadlineMs: true,
  onCall: true,
  logger: true,
}

/** @internal The first of the options that has none of these names; a client's, if not said otherwise. */
export function unknownOption(options: object, names: readonly string[] = Object.keys(OPTIONS)): string | undefined {
  return Object.keys(options).find((name) => !names.includes(name))
}

/** @internal The options of a call, and what each of them has to be. */
export type Known = Readonly<Record<string, 'boolean' | 'number' | 'object' | 'string'>>

/** @internal An option that is not read is a mistake: `history(20)`, `ask(text, { timeout: 5000 })`. */
export function known(options: object, kinds: Known, site: Site): void {
  const names = Object.keys(kinds)
  const all = names.join(', ')
  if (typeof options !== 'object' || options === null) {
    throw misuse(`options are an object (${all}), and no ${options === null ? 'null' : typeof options}`, site)
  }
  const unknown = unknownOption(options, names)
  if (unknown !== undefined) throw misuse(`there is no option \`${unknown}\`; there are ${all}`, site)
  for (const [name, value] of Object.entries(options)) {
    const kind = kinds[name]
    if (value === undefined || value === null || typeof value === kind) continue
    const article = kind === 'object' ? 'an AbortSignal' : `a ${kind}`
    throw misuse(`\`${name}\` has to be ${article}, and is of type ${typeof value}`, site)
  }
}

/** One call to the service, or one handshake of a socket, when it is over. */
export interface CallReport {
  /** Whose call it was. */
  readonly visitorId: string
  /** Which step of the protocol. */
  readonly step: Step
  /** How long it took. */
  readonly tookMs: number
  /** What went wrong, if anything did. */
  readonly error?: AvatarError
}

/** What a client has counted, over all its conversations. */
export interface Stats {
  /** Visitors with a conversation that is not closed. */
  readonly visitors: number
  /** Sockets that are connected. */
  readonly connected: number
  /** Visitors who hold a socket or are on their way to one: these count against `maxLive`. */
  readonly live: number
  /** Visitors who have given up their sockets. */
  readonly paused: number
  /** Visitors who wait for one of the places of `maxLive`. */
  readonly waitingForSlot: number
  /** Visitors who wait for the API key's quota. */
  readonly waitingForQuota: number
  /** How long the last one of them will wait, as it looks now. */
  readonly longestQuotaWaitMs: number
  /** Events handed on. */
  readonly events: number
  /** Frames that came. */
  readonly frames: number
  /** Frames dropped because they had come before. */
  readonly duplicates: number
  /** Frames dropped because they named another socket. */
  readonly foreign: number
  /** Frames that were not JSON objects. */
  readonly malformed: number
  /** Frames of a session that is not open here. */
  readonly unrouted: number
  /** Pings sent. */
  readonly pings: number
  /** Messages that the service took. */
  readonly sent: number
  /** Replies that were handed on, by the avatar or by its owner. */
  readonly replies: number
  /** Times that the socket was lost. */
  readonly lost: number
  /** HTTP calls made. */
  readonly calls: number
  /** Times that a visitor was authenticated. */
  readonly authentications: number
  /**
   * Visitors of whom the store keeps something, for this avatar, as it was counted after the last saving, or up to a
   * second before it; 0 without a store.
   */
  readonly storedVisitors: number
  /** Messages that the store keeps since they are still to be sent, those of other processes among them. */
  readonly storedMessages: number
}
