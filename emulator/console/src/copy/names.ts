import type { Entry } from '../api/types'
import { conversation, sessionsOf } from '../store/conversations'
import { countBefore } from '../store/journal'

/** The visitors' names in scenarios, as they were given in this page. */
const names = new Map<string, string>()

/** The name that a scenario has for the conversation of an entry: the visitor's, and `ada/2` for its second session. */
export function nameOfConversation(entry: Entry): string {
  const visitorId = entry.visitorId ?? ''
  const own = entry.sessionId === undefined ? undefined : nameOfSession(entry.sessionId)
  if (own !== undefined) return own
  const isSecond = entry.what === 'request' && entry.call === 'session/create'
  const at = isSecond ? countBefore(entry.n, (other) => isCreated(other, visitorId)) : 0
  return numbered(nameOfVisitor(visitorId, sessionsOf(visitorId)[0]?.name ?? null), at)
}

/** The name of the conversation that has this session id. */
export function nameOfSession(sessionId: string): string | undefined {
  const of = conversation(sessionId)
  if (!of) return undefined
  const at = sessionsOf(of.visitorId).findIndex((one) => one.sessionId === sessionId)
  return numbered(nameOfVisitor(of.visitorId, of.name), at)
}

const numbered = (name: string, at: number) => (at > 0 ? `${name}/${at + 1}` : name)

const isCreated = (entry: Entry, visitorId: string) =>
  entry.what === 'answer' &&
  entry.call === 'session/create' &&
  entry.visitorId === visitorId &&
  [0, '0'].includes((entry.body as { code: number | string } | null)?.code ?? '')

/** The visitor's name, or `visitor`; numbered where another has it. */
function nameOfVisitor(visitorId: string, visitorName: string | null): string {
  const known = names.get(visitorId)
  if (known) return known
  const plain = plainName(visitorName)
  const taken = new Set(names.values())
  let name = plain
  for (let n = 2; taken.has(name); n++) name = `${plain}-${n}`
  names.set(visitorId, name)
  return name
}

function plainName(visitorName: string | null): string {
  const plain = (visitorName ?? '')
    .replace(/\(.*\)$/, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
  return /^[a-z]/.test(plain) ? plain : 'visitor'
}
