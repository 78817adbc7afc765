/** How the server part of the website widget is set up. */

import type { Clock } from '../bridge/clock.js'
import type { BridgeOptions, During } from '../bridge/options.js'
import type { VisitorLike } from '../visitor.js'
import { isOrigin } from './origins.js'

/** What an error of {@link WidgetOptions.onError} is about. */
export interface WidgetErrorContext {
  /** As the bridge says it; `call` is a call of a browser. */
  readonly during: During | 'call'
  readonly visitorId?: string | undefined
  readonly messageId?: string | undefined
}

/** Options of {@link avatarWidget}. Times are in milliseconds, sizes in bytes. */
export interface WidgetOptions {
  /**
   * Signs the cookie by which a browser is known again: at least 32 bytes that stay secret, as `openssl rand -hex 32`
   * makes them. Of several the first signs, and all are taken: put a new one in front, and take the old one away after
   * 400 days. Needed unless there is `visitorOf`.
   */
  readonly secret?: string | readonly string[] | undefined
  /**
   * Which visitor the signed-in user of a request is; nothing for a request without one, which is answered 401. There is
   * no cookie of the widget's then. Derive the visitor from a login that the server has verified, never from what the
   * request says of itself.
   */
  readonly visitorOf?:
    | ((request: Request) => VisitorLike | null | undefined | Promise<VisitorLike | null | undefined>)
    | undefined
  /** The path of the widget on the server. Default: `/avatar`. Express says it itself. */
  readonly path?: string | undefined
  /** Pages of other origins that may call, such as `https://shop.example`. Default: none but the server's own. */
  readonly allowOrigins?: readonly string[] | undefined
  /** Whether pages of other sites show the widget: the cookie is `SameSite=None; Partitioned` then. Default: no. */
  readonly embedded?: boolean | undefined
  /** The cookie's name, which begins with `__Host-`. Default: `__Host-avatar`. */
  readonly cookieName?: string | undefined
  /**
   * Returns the address of a request's client, where a proxy is in front: from the header that this proxy sets, and no
   * client can. `false`: what is in front limits addresses. Default: the other end of the socket.
   */
  readonly address?: ((request: Request) => string | undefined) | false | undefined
  /** The avatar's name. Default: what the service says, once a conversation was opened. */
  readonly avatarName?: string | undefined
  /** The owner's name. Default: the avatar's. */
  readonly ownerName?: string | undefined
  /** The name of this website among the platforms of the client. Default: `web`. */
  readonly name?: string | undefined
  /** The channel of the visitors, which the owner sees behind their names. Default: `name`. */
  readonly channel?: string | undefined
  /** The language of the bridge's sentences. Default: `en`. */
  readonly language?: BridgeOptions['language']
  /** Sentences in the place of built-in ones. */
  readonly sentences?: BridgeOptions['sentences']
  /** Options of the questions, such as `collectMs`. */
  readonly ask?: BridgeOptions['ask']
  /** Whether all visitors of the store are opened at the start, so that the owner is heard before they come. Default: yes. */
  readonly listen?: boolean | undefined
  /** How long the history, and ids of messages, are kept in the client's store. Default: 30 days. */
  readonly keepHistoryMs?: number | undefined
  /** A visitor without an open stream is forgotten in memory after so long. Default: 5 minutes. */
  readonly forgetAfterMs?: number | undefined
  /** So many messages a minute of one visitor. Default: 20. */
  readonly messagesPerMinute?: number | undefined
  /** So many messages a minute from one address. Default: 60. */
  readonly addressMessagesPerMinute?: number | undefined
  /** So many new visitors a minute from one address. Default: 20. */
  readonly newVisitorsPerMinute?: number | undefined
  /** So many calls a minute from one address, the scripts not counted. Default: 600. */
  readonly callsPerMinute?: number | undefined
  /** So many event streams of one visitor at once. Default: 8. */
  readonly maxEventStreams?: number | undefined
  /** The longest message, in UTF-16 units, which the widget in the browser is told. Default: 10,000. */
  readonly maxTextChars?: number | undefined
  /** The longest body, at least `maxTextChars`: a character has up to 3 bytes. Default: 64 KiB. */
  readonly maxBodyBytes?: number | undefined
  /** The folder of the widget's files. Default: that of the package `secondme-avatar-widget`. */
  readonly files?: string | undefined
  /** Is told of every failure that no call is answered with, and of those answered 500 and 503. Default: a line on stderr. */
  readonly onError?: ((error: unknown, context: WidgetErrorContext) => void) | undefined
  /** The time, which a test may put forward. Default: the machine's. */
  readonly clock?: Clock | undefined
}

/** The options that limit something, with their defaults. */
export const LIMITS = {
  messagesPerMinute: 20,
  addressMessagesPerMinute: 60,
  newVisitorsPerMinute: 20,
  callsPerMinute: 600,
  maxEventStreams: 8,
  maxTextChars: 10_000,
  maxBodyBytes: 65_536,
  keepHistoryMs: 30 * 86_400_000,
  forgetAfterMs: 300_000,
} as const

const COUNTS: readonly string[] = [
  'messagesPerMinute',
  'addressMessagesPerMinute',
  'newVisitorsPerMinute',
  'callsPerMinute',
  'maxEventStreams',
]
const TEXTS = ['path', 'cookieName', 'avatarName', 'ownerName', 'name', 'channel', 'files'] as const
const FUNCTIONS = ['visitorOf', 'onError'] as const
const BOOLEANS = ['embedded', 'listen'] as const
const NAMES: readonly string[] = [
  ...['secret', 'allowOrigins', 'address', 'language', 'sentences', 'ask', 'clock'],
  ...[...TEXTS, ...FUNCTIONS, ...BOOLEANS, ...Object.keys(LIMITS)],
]
const SHORTEST_SECRET = 32
const COOKIE_NAME = /^__Host-[A-Za-z0-9_-]{1,64}$/

/** Returns what is wrong with the options, and what to do about it. */
export function wrongOption(options: WidgetOptions | undefined): string | undefined {
  if (typeof options !== 'object' || options === null) return 'a widget takes { secret } or { visitorOf }'
  const all = options as Record<string, unknown>
  const unknown = Object.keys(all).find((name) => !NAMES.includes(name))
  if (unknown !== undefined) return `there is no option \`${unknown}\`; there are ${[...NAMES].sort().join(', ')}`
  const wrong = (names: readonly string[], type: string) =>
    names.find((name) => all[name] !== undefined && typeof all[name] !== type)
  for (const [names, type] of [
    [TEXTS, 'string'],
    [FUNCTIONS, 'function'],
    [BOOLEANS, 'boolean'],
  ] as const) {
    const name = wrong(names, type)
    if (name !== undefined) return `\`${name}\` has to be a ${type}, and is of type ${typeof all[name]}`
  }
  for (const name of Object.keys(LIMITS)) {
    const value = all[name]
    if (value === undefined) continue
    if (!(typeof value === 'number' && value > 0)) return `\`${name}\` is a number above 0`
    // A bucket of less than one is never full enough.
    if (COUNTS.includes(name) && value < 1) return `\`${name}\` is at least 1: less refuses every call for ever`
  }
  return wrongSecret(options) ?? wrongLimits(options) ?? wrongPlace(options)
}

function wrongSecret(options: WidgetOptions): string | undefined {
  const { secret, visitorOf, cookieName } = options
  if (visitorOf !== undefined) {
    const names = given(options, ['secret', 'embedded', 'cookieName', 'newVisitorsPerMinute', 'channel'])
    return names === undefined
      ? undefined
      : `with \`visitorOf\` there is no cookie of the widget, and the program makes the visitors: leave ${names} out`
  }
  const secrets = secretsOf(secret)
  if (secrets.length === 0) return '`secret` is missing: give 32 random bytes or more, as `openssl rand -hex 32` does'
  if (secrets.some((one) => typeof one !== 'string' || Buffer.byteLength(one) < SHORTEST_SECRET)) {
    return `a \`secret\` has at least ${SHORTEST_SECRET} bytes: make one with \`openssl rand -hex 32\``
  }
  if (cookieName !== undefined && !COOKIE_NAME.test(cookieName)) {
    return '`cookieName` begins with `__Host-`, and goes on with letters, digits, `_` and `-`'
  }
  return undefined
}

/** Limits that would limit nothing, or everything. */
function wrongLimits(options: WidgetOptions): string | undefined {
  const { address, maxTextChars = LIMITS.maxTextChars, maxBodyBytes = LIMITS.maxBodyBytes } = options
  const names = given(options, ['addressMessagesPerMinute', 'newVisitorsPerMinute', 'callsPerMinute'])
  if (address === false && names !== undefined) {
    return `with \`address: false\` no address is known, and what is in front limits them: leave ${names} out`
  }
  if (maxBodyBytes < maxTextChars) {
    return `\`maxBodyBytes\` is ${maxBodyBytes}, and no message of \`maxTextChars\`, ${maxTextChars}, fits in it: a character has up to 3 bytes`
  }
  return undefined
}

/** Names those of the options that are given. */
function given(options: WidgetOptions, names: readonly (keyof WidgetOptions)[]): string | undefined {
  const found = names.filter((name) => options[name] !== undefined).map((name) => `\`${name}\``)
  return found.length < 2 ? found[0] : `${found.slice(0, -1).join(', ')} and ${found.at(-1)}`
}

function wrongPlace({ path, name, allowOrigins, address }: WidgetOptions): string | undefined {
  if (path !== undefined && path !== '' && !/^(\/[A-Za-z0-9._~-]+)*\/?$/.test(path)) {
    return '`path` begins with `/`, such as `/avatar`, and has no query'
  }
  if (name !== undefined && !/^[a-z][a-z0-9-]{0,31}$/.test(name))
    return '`name` is of lower-case letters, such as `web`'
  if (allowOrigins !== undefined && !Array.isArray(allowOrigins)) return '`allowOrigins` takes a list of origins'
  const other = allowOrigins?.find((origin) => !isOrigin(origin))
  if (other !== undefined) {
    return `\`allowOrigins\` takes origins such as \`https://shop.example\`, without a path, and not \`${other}\``
  }
  if (address !== undefined && address !== false && typeof address !== 'function') {
    return '`address` is a function that returns the address of a request, or false'
  }
  return undefined
}

export function secretsOf(secret: WidgetOptions['secret']): readonly string[] {
  if (secret === undefined) return []
  return Array.isArray(secret) ? secret : [secret as string]
}
