import { isObject } from '../api/json'
import type { Entry, Json } from '../api/types'
import type { Word } from '../words'

/** Where a secret stood there is the name of a variable, which the shell fills in. */
const PLACEHOLDER = {
  key: 'SECONDME_API_KEY',
  token: 'SECONDME_VISITOR_TOKEN',
  bearer: 'SECONDME_ACCESS_TOKEN',
  secret: 'SECONDME_CLIENT_SECRET',
  control: 'SECONDME_EMULATOR_TOKEN',
  socket: 'SECONDME_SOCKET_URL',
}

/** What marks a variable of ours until the text is quoted: a visitor cannot know it, and so cannot write it. */
const NONCE = [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
const MARKS = new RegExp(`<${NONCE}:(\\w+)>`, 'g')
const dollar = (name: keyof typeof PLACEHOLDER) => `<${NONCE}:${PLACEHOLDER[name]}>`

/** A command, or the reason why it cannot be made. */
export type Command = { command: string } | { reason: Word }

/** The call that does again what an entry tells of. */
export function curl(entry: Entry, origin: string, withToken: boolean): Command {
  const control = (method: string, path: string, body: Json) => ({
    command: controlCall(origin, withToken, method, path, body),
  })
  if (isCut(entry.body) || isCut(entry.frame)) return { reason: 'noCurlCut' }
  switch (entry.what) {
    case 'request':
      return { command: request(entry, origin) }
    case 'connect':
      return { command: handshake(entry) }
    case 'frame-out':
      if (!entry.sessionId) return { reason: 'noCurlSession' }
      return control('POST', 'push', { sessionId: entry.sessionId, frame: entry.frame ?? null })
    case 'close':
      return control('POST', 'sockets/close', {
        ...(entry.wsId && { wsId: entry.wsId }),
        ...(entry.code === undefined ? { abrupt: true } : { code: entry.code, reason: entry.reason ?? '' }),
      })
    case 'fault':
      return control('POST', 'faults', { at: entry.at ?? 'call', do: entry.do ?? null })
    case 'owner':
      // A takeover that ended by itself was no call.
      if (!ACTIONS.has(entry.action ?? '')) return { reason: 'noCurlLapse' }
      return control('POST', `owner/${entry.action}`, {
        sessionId: entry.sessionId ?? null,
        ...(entry.text !== undefined && { text: entry.text }),
      })
    case 'dropped':
      return { reason: 'noCurlDropped' }
    default:
      return { reason: 'noCurl' }
  }
}

/** What the owner does by a call. */
export const ACTIONS = new Set(['reply', 'takeover', 'handback'])

/** The journal cuts what is very long, and ends it with `…`; it is a text then. */
export const isCut = (value: Json | undefined) => typeof value === 'string' && value.endsWith('…')

function request(entry: Entry, origin: string): string {
  const parts = [`curl -X ${entry.method ?? 'GET'} ${quoted(origin + withoutSecrets(entry.path ?? '/'))}`]
  for (const [name, value] of Object.entries(entry.headers ?? {})) {
    if (name === 'user-agent' || name === 'origin' || name.startsWith('sec-') || name.startsWith('accept')) continue
    if (name === 'referer') continue
    parts.push(`-H ${quoted(`${name}: ${header(name, value, entry)}`)}`)
  }
  const body = bodyText(entry.body)
  if (body) parts.push(`-d ${quoted(body)}`)
  return parts.join(' \\\n  ')
}

function header(name: string, value: string, entry: Entry): string {
  if (name === 'token') return dollar('token')
  if (name !== 'authorization') return value
  return `Bearer ${dollar(entry.call === 'auth' ? 'key' : 'bearer')}`
}

function handshake(entry: Entry): string {
  const parts = [`curl -i -N --http1.1 ${quoted(dollar('socket'))}`]
  const fixed = [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: c2Vjb25kLW1lLWF2YXRhcg==',
  ]
  const origin = entry.headers?.origin
  for (const line of origin ? [...fixed, `Origin: ${origin}`] : fixed) parts.push(`-H ${quoted(line)}`)
  return parts.join(' \\\n  ')
}

function controlCall(origin: string, withToken: boolean, method: string, path: string, body: Json): string {
  const parts = [`curl -X ${method} ${quoted(`${origin}/_emulator/${path}`)}`]
  if (withToken) parts.push(`-H ${quoted(`authorization: Bearer ${dollar('control')}`)}`)
  parts.push(`-d ${quoted(JSON.stringify(body))}`)
  return parts.join(' \\\n  ')
}

function bodyText(body: Json | undefined): string {
  if (body === undefined || body === null) return ''
  if (typeof body === 'string') return withoutSecrets(body)
  return JSON.stringify(bodyWithoutSecrets(body))
}

/** In JSON the fields that hold secrets. */
function bodyWithoutSecrets(body: Json): Json {
  if (!isObject(body)) return body
  const replaced = Object.entries(body).map(([name, value]): [string, Json] => {
    if (/^api_?key$/i.test(name)) return [name, dollar('key')]
    if (/secret$/i.test(name)) return [name, dollar('secret')]
    return [name, /token$/i.test(name) ? dollar('token') : value]
  })
  return Object.fromEntries(replaced)
}

/** In a form or a query the fields that hold secrets. */
function withoutSecrets(text: string): string {
  return text
    .replace(/((?:^|[?&])client_secret=)[^&]*/g, `$1${dollar('secret')}`)
    .replace(/((?:^|[?&])(?:token|ticket)=)[^&]*/g, `$1${dollar('token')}`)
}

/** Whether a form or a query holds a secret. */
export const holdsSecret = (text: string) => withoutSecrets(text) !== text

/** For the shell: our variables stand in double quotes, where it fills them in, and all else where it reads nothing. */
function quoted(text: string): string {
  if (!/[\\"`$!]/.test(text)) return `"${text.replace(MARKS, '$$$1')}"`
  const literal = (part: string) => (part ? `'${part.replaceAll("'", "'\\''")}'` : '')
  return text
    .split(MARKS)
    .map((part, at) => (at % 2 === 0 ? literal(part) : `"$${part}"`))
    .join('')
}
