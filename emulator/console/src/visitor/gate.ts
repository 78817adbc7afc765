import { parseAsTexts } from '../api/json'
import type { JsonObject } from '../api/types'
import { t } from '../words'

const BASE = '/gate/in'

/** A call of the service that failed, with the service's code. */
export class GateError extends Error {
  readonly code: string
  constructor(call: string, code: string, message: string) {
    super(`${call}: ${code}${message ? ` – ${message}` : ''}`)
    this.code = code
  }
}

/** What step 0 answers. */
export interface Credentials {
  visitorToken: string
  visitorUserId: string
  visitorMindId: string
  avatarShareCode: string
  avatarName: string
  ownerUserId: string
}

export interface Chat {
  mindId: string
  opening: string
}

/** The steps of the vendor's page, by one visitor. */
export class Gate {
  readonly visitorId: string
  readonly key: string
  #credentials: Credentials | undefined

  constructor(key: string, visitorId: string) {
    this.key = key
    this.visitorId = visitorId
  }

  get credentials(): Credentials {
    if (!this.#credentials) throw new Error(t('visitorNotYet'))
    return this.#credentials
  }

  /** Whether these are still the credentials. */
  isBy(credentials: Credentials): boolean {
    return this.#credentials === credentials
  }

  async authenticate(name: string, channel: string): Promise<Credentials> {
    const body = { visitorId: this.visitorId, ...(name && { visitorName: name }), ...(channel && { channel }) }
    const headers = { authorization: `Bearer ${this.key}` }
    const data = await post('auth', '/rest/open/avatar/auth', headers, JSON.stringify(body))
    this.#credentials = texts(data, [
      'visitorToken',
      'visitorUserId',
      'visitorMindId',
      'avatarShareCode',
      'avatarName',
      'ownerUserId',
    ])
    return this.#credentials
  }

  async init(): Promise<Chat> {
    const data = await this.#post('chat/init', '/rest/os/avatar/chat/init', {
      shareCode: this.credentials.avatarShareCode,
    })
    const opening = typeof data.opening === 'string' ? data.opening : ''
    return { ...texts(data, ['mindId']), opening }
  }

  async createSession(): Promise<string> {
    const { visitorMindId, ownerUserId } = this.credentials
    const fixed = JSON.stringify({
      mindType: 'shadow',
      mode: 'PERSONAL',
      sessionType: 'SHARE',
      memberUserIds: [ownerUserId],
    })
    // The mind id is a number beyond what a double holds: its digits are written as they came.
    if (!/^\d+$/.test(visitorMindId)) throw new GateError('session/create', 'visitorMindId', t('notANumber'))
    const data = await this.#send(
      'session/create',
      '/rest/general/session/create',
      `{"mindId":${visitorMindId},${fixed.slice(1)}`,
    )
    return texts(data, ['sessionId']).sessionId
  }

  async bind(sessionId: string): Promise<void> {
    const path = `/rest/os/avatar/public/${encodeURIComponent(this.credentials.avatarShareCode)}`
    const headers = { token: this.credentials.visitorToken, fp: this.visitorId }
    const avatar = await answered('avatar/public', await fetch(BASE + path, { headers }))
    await this.#post('chat/start', '/rest/os/avatar/chat/start', { avatarId: Number(avatar.id), sessionId })
  }

  async createSocket(): Promise<{ wsId: string; address: string }> {
    const userId = this.credentials.visitorUserId
    const data = await this.#post('ws/create', '/rest/general/ws/create', {
      userId,
      channel: ['ALL'],
      apiVersion: '1.3.0',
      sdkVersion: '1.0.0',
    })
    return texts(data, ['wsId', 'address'])
  }

  /** Sends a message under an id of `messageId`. */
  async say(id: string, text: string, to: { sessionId: string; mindId: string; wsId: string }): Promise<void> {
    const timestamp = Date.now()
    const userId = this.credentials.visitorUserId
    await this.#post('message/send', '/rest/general/message/send', {
      timestamp,
      seqId: id,
      messageId: id,
      ...to,
      userId,
      sendUserId: userId,
      index: 0,
      dataType: 'text',
      sender: 'client',
      type: 'msg',
      data: { content: text },
    })
  }

  #post(call: string, path: string, body: JsonObject): Promise<JsonObject> {
    return this.#send(call, path, JSON.stringify(body))
  }

  #send(call: string, path: string, body: string): Promise<JsonObject> {
    return post(call, path, { token: this.credentials.visitorToken, fp: this.visitorId }, body)
  }
}

/** The id of a new message. */
export const messageId = () => `${crypto.getRandomValues(new Uint32Array(1))[0]}_____${Date.now()}`

async function post(call: string, path: string, headers: Record<string, string>, body: string): Promise<JsonObject> {
  const sent = { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body }
  return answered(call, await fetch(BASE + path, sent))
}

async function answered(call: string, answer: Response): Promise<JsonObject> {
  const text = await answer.text()
  let body: JsonObject
  try {
    body = parseAsTexts(text) as JsonObject
  } catch {
    throw new GateError(call, `HTTP ${answer.status}`, t(text ? 'answerNotJson' : 'answerEmpty'))
  }
  if (answer.ok && (body.code === 0 || body.code === '0')) return (body.data ?? {}) as JsonObject
  // The dotted code stands in one of several fields; which one is an open question about the service.
  const named = [body.subCode, body.code, body.error_code, body.detail, body.message, body.msg]
  const code = named.find((field) => typeof field === 'string' && field.includes('.'))
  const message = typeof body.message === 'string' && body.message !== code ? body.message : ''
  throw new GateError(call, typeof code === 'string' ? code : `HTTP ${answer.status}`, message)
}

function texts<Name extends string>(data: JsonObject, names: Name[]): Record<Name, string> {
  const given = names.map(
    (name) => [name, data[name] === undefined || data[name] === null ? '' : String(data[name])] as const,
  )
  const missing = given.find(([, value]) => value === '')
  if (missing) throw new Error(t('answerLacks', { field: missing[0] }))
  return Object.fromEntries(given) as Record<Name, string>
}
