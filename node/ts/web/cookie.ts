/** The cookie by which a browser is known again: signed, so that it can be neither guessed nor changed. */

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** How long a cookie is good, in seconds: the longest that browsers keep one. */
const LIFETIME_S = 400 * 86_400
/** An older one is given anew, in seconds. */
const RENEWED_S = 30 * 86_400
/** A clock may be ahead by so much, in seconds. */
const SKEW_S = 86_400
const FORM = /^v1\.([A-Za-z0-9_-]{22})\.([0-9]{1,12})\.([A-Za-z0-9_-]{43})$/

/** Who a cookie names. */
export interface Named {
  readonly id: string
  /** Whether it should be given anew: it is old, or an older secret has signed it. */
  readonly isStale: boolean
}

/** Signs and reads cookies. */
export class Cookies {
  readonly #name: string
  readonly #secrets: readonly string[]
  readonly #attributes: string

  /** The first of the secrets signs, all of them are taken. */
  constructor(name: string, secrets: readonly string[], embedded: boolean) {
    this.#name = name
    this.#secrets = secrets
    const where = embedded ? 'SameSite=None; Partitioned' : 'SameSite=Lax'
    this.#attributes = `Max-Age=${LIFETIME_S}; Path=/; HttpOnly; Secure; ${where}`
  }

  /** Returns the value of `Set-Cookie` for a visitor: a new one, where no id is given. */
  made(nowMs: number, id: string = randomBytes(16).toString('base64url')): { id: string; header: string } {
    const signed = `v1.${id}.${Math.floor(nowMs / 1000)}`
    const value = `${signed}.${mac(this.#secrets[0] ?? '', signed).toString('base64url')}`
    return { id, header: `${this.#name}=${value}; ${this.#attributes}` }
  }

  /** Returns who the header `Cookie` names; `undefined` where none of its cookies is good. */
  read(header: string | undefined, nowMs: number): Named | undefined {
    for (const pair of header?.split(';') ?? []) {
      const at = pair.indexOf('=')
      if (at < 0 || pair.slice(0, at).trim() !== this.#name) continue
      const named = this.#named(pair.slice(at + 1).trim(), nowMs / 1000)
      if (named !== undefined) return named
    }
    return undefined
  }

  #named(value: string, now: number): Named | undefined {
    const [, id, issued, signature] = FORM.exec(value) ?? []
    if (id === undefined || issued === undefined || signature === undefined) return undefined
    const given = Buffer.from(signature, 'base64url')
    const signed = `v1.${id}.${issued}`
    const by = this.#secrets.findIndex((secret) => timingSafeEqual(mac(secret, signed), given))
    const age = now - Number(issued)
    if (by < 0 || age > LIFETIME_S || age < -SKEW_S) return undefined
    return { id, isStale: by > 0 || age > RENEWED_S }
  }
}

/** By this a browser notices that another user has signed in. It tells nothing of the visitor's id. */
export function tagOf(visitorId: string): string {
  return createHash('sha256').update(`secondme-avatar/widget ${visitorId}`).digest('base64url').slice(0, 16)
}

function mac(secret: string, text: string): Buffer {
  return createHmac('sha256', secret).update(text).digest()
}
