import { isObject } from '../api/json'
import type { Entry, Json, JsonObject } from '../api/types'
import { isSend } from '../store/journal'
import type { Word } from '../words'
import { ACTIONS, holdsSecret, isCut } from './curl'
import { flow } from './flow'

/** Fields that are another's in every run: a scenario asks only that they are there. */
const NEW_EACH_TIME = new Set([
  'timestamp',
  'seqId',
  'messageId',
  'wsId',
  'userId',
  'sendUserId',
  'mindId',
  'createTime',
  'address',
  'wsUrl',
  'visitorMindId',
  'visitorUserId',
])
/** The name of a field that holds a secret. */
const IS_SECRET = /token|(key|secret|ticket)$/i
/** Fields of requests in which clients differ, and a scenario plays this library's. */
const CLIENTS_OWN = new Set(['visitorName', 'channel', 'sdkVersion', 'apiVersion'])
/** What of a frame tells nothing where it is sent again. */
const OF_THE_SOCKET = new Set(['wsId', 'seqId', 'timestamp'])
/** Calls for which a step asks: the history, and the end of a session. */
const HISTORY = new Set(['message/query', 'message/latest'])
/** The library pings after 15 s. */
const HEARTBEAT = 15
/** A socket from which less time than this passed without a ping was not closed for its silence, in milliseconds. */
const SILENT = 15_000
/** After this time without a ping every socket is dropped, in milliseconds. */
const DROPPED = 61_000
/** What shows that a client is there. */
const LIVES = new Set(['connect', 'frame-in'])

/** One or more steps, in YAML; or the reason why no step does, or looks for, what an entry tells of. */
export type Step = { step: string } | { reason: Word }

/** What a step has to know beyond its entry. */
export interface Around {
  /** The name of the conversation, as a scenario has it. */
  name: string
  /** The name of the conversation that has this session id, where one has. */
  nameOf(sessionId: string): string | undefined
  /** The nearest entry before this one, and after it, that fits. */
  before(fits: (entry: Entry) => boolean): Entry | undefined
  after(fits: (entry: Entry) => boolean): Entry | undefined
  /** The text of a message that the journal has cut; `null` where it is not to be had. */
  text: string | null
}

/** Whether the text of what an entry tells of has to be fetched, as the journal holds its beginning only. */
export const lacksText = (entry: Entry) => entry.what === 'request' && isSend(entry) && isCut(entry.body)

/** Steps of the language of `spec/scenarios` that do, or look for, what an entry tells of. */
export function scenarioStep(entry: Entry, around: Around): Step {
  switch (entry.what) {
    case 'request':
      return request(entry, around)
    case 'answer':
      return answer(entry, around)
    case 'connect':
      return looked(entry, around, { what: 'connect', status: entry.status ?? 101 })
    case 'frame-in':
      return frameIn(entry, around)
    case 'frame-out':
      return frameOut(entry, around)
    case 'close':
      return close(entry, around)
    case 'fault':
      return called(entry, around, 'faults', { at: entry.at ?? 'call', do: entry.do ?? null })
    case 'owner':
      return owner(entry, around)
    case 'dropped':
      return { reason: 'noStepDropped' }
  }
}

function request(entry: Entry, around: Around): Step {
  if (!entry.call) return { reason: 'noStepCall' }
  const visitors = (other: Entry) => other.visitorId === entry.visitorId && other.what === 'request'
  if (isSend(entry)) {
    const text = isCut(entry.body) ? around.text : spoken(entry.body)
    return text === null ? { reason: 'noStepCut' } : { step: `- send: ${flow({ in: around.name, text })}` }
  }
  if (HISTORY.has(entry.call)) return { step: `- history: ${flow({ in: around.name, count: 50 })}` }
  if (entry.call === 'session/close') return { step: `- end: ${flow({ in: around.name })}` }
  const isSecond = () => around.before((other) => visitors(other) && other.call === 'session/create') !== undefined
  if (entry.call === 'session/create' && isSecond()) {
    return { step: `- new_session: ${flow({ in: firstName(around.name), as: around.name })}` }
  }
  const { body, left } = bodyOf(entry.body, CLIENTS_OWN)
  return looked(entry, around, { what: 'request', call: entry.call, method: entry.method ?? 'POST', ...body }, left)
}

function answer(entry: Entry, around: Around): Step {
  if (!entry.call) return { reason: 'noStepCall' }
  const status = entry.status ?? 200
  // How many messages a history has, and how they are paged, depends on who asks.
  const { body, left } = HISTORY.has(entry.call) ? { body: {}, left: '' } : bodyOf(entry.body)
  return looked(entry, around, { what: 'answer', call: entry.call, status, ...body }, left)
}

function frameIn(entry: Entry, around: Around): Step {
  const type = (entry.frame as JsonObject | null | undefined)?.type
  if (type !== 'ping' && type !== 'pong' && type !== 'ack') return { reason: 'noStepFrame' }
  const check = looked(entry, around, { what: 'frame-in', frame: { type } })
  return type === 'ping' ? afterHeartbeat(check) : check
}

function frameOut(entry: Entry, around: Around): Step {
  if (isCut(entry.frame)) return looked(entry, around, { what: 'frame-out', frame: '*' }, '# The frame is left out: ')
  const frame = (entry.frame ?? null) as JsonObject | null
  if (frame?.type === 'pong')
    return afterHeartbeat(looked(entry, around, { what: 'frame-out', frame: { type: 'pong' } }))
  const isSaid = frame?.sender === 'umm' || frame?.sender === 'client' || frame?.type === 'ping'
  if (isSaid || frame?.subCode !== undefined) {
    return looked(entry, around, { what: 'frame-out', frame: loosened(frame) })
  }
  // A hint, a notice, or what a test has put in: only another such call brings it.
  if (!isObject(frame)) return { reason: 'noStepFrame' }
  const pushed = Object.fromEntries(Object.entries(frame).filter(([name]) => !OF_THE_SOCKET.has(name)))
  return called(entry, around, 'push', { sessionId: entry.sessionId ?? null, frame: pushed })
}

function close(entry: Entry, around: Around): Step {
  const code: JsonObject = entry.code === undefined ? {} : { code: entry.code }
  switch (entry.by) {
    case 'control':
      return called(
        entry,
        around,
        'sockets/close',
        entry.code === undefined ? { abrupt: true } : { ...code, reason: entry.reason ?? '' },
      )
    case 'client': {
      const again = around.after((other) => other.what === 'connect' && other.visitorId === entry.visitorId)
      return { step: `- ${again ? 'network_changed' : 'close'}: ${flow({ in: around.name })}` }
    }
    case 'service': {
      const heard = around.before((other) => other.wsId === entry.wsId && LIVES.has(other.what))
      if (heard && entry.atMs - heard.atMs < SILENT) return { reason: 'noStepOlder' }
      // The service's clock alone goes on: no ping comes meanwhile.
      const check = looked(entry, around, { what: 'close', by: 'service', ...code })
      return 'step' in check ? { step: `- call: { clock: { advance_ms: ${DROPPED} } }\n${check.step}` } : check
    }
    default:
      return looked(entry, around, { what: 'close', by: entry.by ?? 'fault', ...code })
  }
}

function owner(entry: Entry, around: Around): Step {
  if (entry.failure !== undefined) return { reason: 'noStepFailed' }
  const action = entry.action ?? ''
  if (ACTIONS.has(action)) {
    const text = entry.text === undefined ? {} : { text: entry.text }
    return called(entry, around, `owner/${action}`, { sessionId: entry.sessionId ?? null, ...text })
  }
  // A takeover that ended by itself: after as much silence as there was.
  const spoke = around.before((other) => other.what === 'owner' && other.sessionId === entry.sessionId)
  const silence = Math.ceil((entry.atMs - (spoke?.atMs ?? entry.atMs)) / 1000)
  const check = looked(entry, around, { what: 'owner', action })
  return 'step' in check && silence > 0 ? { step: `- seconds: ${silence}\n${check.step}` } : check
}

/** The name of the visitor's first conversation: the second one's is `ada/2`. */
const firstName = (name: string) => name.split('/')[0] ?? name

function afterHeartbeat(check: Step): Step {
  return 'step' in check ? { step: `- seconds: ${HEARTBEAT}\n${check.step}` } : check
}

/** Looks for an entry like this one; `left` begins the sentence that says what of it is not looked for. */
function looked(entry: Entry, around: Around, pattern: JsonObject, left = ''): Step {
  const remark = left && `${left}the journal holds only its first 8 KiB.\n`
  return { step: `${remark}- journal: ${flow([placeholders(pattern, entry, around)])}` }
}

/** Makes a call of the control API. */
function called(entry: Entry, around: Around, call: string, body: JsonObject): Step {
  return { step: `- call: ${flow({ [call]: placeholders(body, entry, around) })}` }
}

function bodyOf(body: Json | undefined, without = new Set<string>()): { body: JsonObject; left: string } {
  if (body === undefined || body === null) return { body: {}, left: '' }
  if (isCut(body)) return { body: {}, left: '# The body is left out: ' }
  if (!isObject(body)) return { body: { body: loosened(body) }, left: '' }
  const kept = Object.entries(body).filter(([name]) => !without.has(name))
  return { body: { body: loosened(Object.fromEntries(kept)) }, left: '' }
}

function spoken(body: Json | undefined): string | null {
  if (!isObject(body)) return null
  const content = (body?.data as JsonObject | undefined)?.content ?? body?.content ?? body?.message
  return typeof content === 'string' ? content : null
}

function loosened(value: Json): Json {
  if (Array.isArray(value)) return value.map(loosened)
  if (!isObject(value)) return typeof value === 'string' && holdsSecret(value) ? '*' : value
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      (NEW_EACH_TIME.has(name) || IS_SECRET.test(name)) && field !== null && field !== '' ? '*' : loosened(field),
    ]),
  )
}

function placeholders(value: Json, entry: Entry, around: Around): Json {
  if (Array.isArray(value)) return value.map((one) => placeholders(one, entry, around))
  if (isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([field, one]) => [field, placeholders(one, entry, around)]))
  }
  // In JSON a number is what stands there: with all its digits.
  const session = around.nameOf(typeof value === 'string' ? value : JSON.stringify(value))
  if (session !== undefined) return typeof value === 'string' ? `$${session}.session` : '*'
  return value === entry.visitorId ? `$${firstName(around.name)}.visitor` : value
}
