import { createHmac, randomUUID } from 'node:crypto'

const SECOND = 1000
const ANSWER = 5 * SECOND
const ATTEMPTS = 3
const WAIT = 3 * SECOND
const RETRIED = [429, 500]

/**
 * Chatwoot's webhooks, at most once each: one to an agent bot comes again only where the answer was 429 or 500, in all
 * three times with 3 s between, and one to the account never does. They go out at the same time, in no promised order.
 */
export class Webhooks {
  #sent = []
  #held
  #waiting = new Set()
  #duplicates = 0
  #dropped = new Map()
  #forged = 0
  #stopped = false
  /** How webhooks were answered: `{event, kind, status}`. */
  answers = []

  /** `failed(webhook)` is told of one that is given up, `isSigned()` whether this version signs them. */
  constructor(clock, { failed, isSigned }) {
    this.clock = clock
    this.failed = failed
    this.isSigned = isSigned
  }

  get undelivered() {
    return this.#waiting.size
  }

  /** `kind` is "bot" or "account". */
  push({ account, kind, payload }) {
    const left = this.#dropped.get(payload.event) ?? 0
    if (left > 0) {
      this.#dropped.set(payload.event, left - 1)
      return
    }
    const target = account.webhooks[kind]
    if (!target.url) return
    const webhook = { id: randomUUID(), account, kind, payload, body: JSON.stringify(payload), attempts: 0 }
    this.#sent.push(webhook)
    this.#waiting.add(webhook)
    if (this.#held) this.#held.push(webhook)
    else this.#deliver(webhook)
    if (this.#duplicates > 0) {
      this.#duplicates -= 1
      this.#again(webhook)
    }
  }

  duplicate(count) {
    this.#duplicates += count
  }

  /** Sends again what was sent: "last", "all", or all with this event's name. */
  redeliver(which) {
    const all = [...this.#sent]
    const named = (webhook) => which === 'all' || webhook.payload.event === which
    const chosen = which === 'last' ? all.slice(-1) : all.filter(named)
    if (!chosen.length) throw new Error(`no webhook ${which} was sent`)
    for (const webhook of chosen) this.#again(webhook)
  }

  /** Leaves out the next events of this name. */
  drop(name, times) {
    this.#dropped.set(name, (this.#dropped.get(name) ?? 0) + times)
  }

  /** Signs the next webhooks with another secret. */
  forge(count) {
    this.#forged += count
  }

  hold() {
    this.#held ??= []
  }

  /** Lets go of what is held, in the order "ordered" or "reversed". */
  release(order) {
    const held = this.#held ?? []
    this.#held = undefined
    for (const webhook of order === 'reversed' ? held.reverse() : held) this.#deliver(webhook)
  }

  clear() {
    for (const webhook of this.#waiting) webhook.cancel?.()
    this.#waiting.clear()
    this.#dropped.clear()
    this.#sent = []
    this.answers = []
    this.#held = undefined
    this.#duplicates = this.#forged = 0
  }

  stop() {
    this.#stopped = true
    this.clear()
  }

  // What platforms with connections of their own have.
  connections = []
  connect() {}
  disconnect() {}
  flush() {}

  #again(webhook) {
    const copy = { ...webhook, id: randomUUID(), attempts: 0 }
    this.#waiting.add(copy)
    this.#deliver(copy)
  }

  async #deliver(webhook) {
    webhook.attempts += 1
    const status = await this.#post(webhook)
    if (this.#stopped) return
    this.answers.push({ event: webhook.payload.event, kind: webhook.kind, status })
    const isFailed = status < 200 || status > 299
    if (isFailed && webhook.kind === 'bot' && RETRIED.includes(status) && webhook.attempts < ATTEMPTS) {
      webhook.cancel = this.clock.later(WAIT, () => this.#deliver(webhook))
      return
    }
    this.#waiting.delete(webhook)
    if (isFailed) this.failed(webhook)
  }

  /** Returns the status of the answer, 0 without one. */
  async #post(webhook) {
    const { url, secret } = webhook.account.webhooks[webhook.kind]
    const headers = { 'content-type': 'application/json', accept: 'application/json' }
    if (this.isSigned()) {
      const timestamp = `${Math.floor(Date.now() / SECOND)}`
      const key = this.#forged > 0 ? `${secret}, forged` : secret
      if (this.#forged > 0) this.#forged -= 1
      const sign = createHmac('sha256', key).update(`${timestamp}.${webhook.body}`).digest('hex')
      headers['X-Chatwoot-Delivery'] = webhook.id
      headers['X-Chatwoot-Timestamp'] = timestamp
      headers['X-Chatwoot-Signature'] = `sha256=${sign}`
    }
    try {
      const answer = await fetch(url, {
        method: 'POST',
        body: webhook.body,
        headers,
        signal: AbortSignal.timeout(ANSWER),
      })
      await answer.arrayBuffer()
      return answer.status
    } catch {
      return 0
    }
  }
}
