// A platform that a test looks at, and a clock that it puts forward.

import { DraftExpired } from 'secondme-avatar/bridge'

import { cut } from '../../lib/bridge/cut.js'

/** The texts of the messages that show a text. */
export function messages(text, limits) {
  const all = []
  for (let from = 0; from < text.length; from += all.at(-1).length) {
    all.push(text.slice(from, from + cut(text.slice(from), limits)))
  }
  return all
}

/** Time that passes only when a test says so. */
export class TestClock {
  #now = 1_700_000_000_000
  #waiting = []

  now = () => this.#now

  wait = (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const waiting = { at: this.#now + ms, resolve }
      this.#waiting.push(waiting)
      signal?.addEventListener('abort', () => {
        this.#waiting = this.#waiting.filter((one) => one !== waiting)
        reject(signal.reason)
      })
    })

  /** The time is another one, and nothing was done in between: the machine slept. */
  jump(ms) {
    this.#now += ms
  }

  /** What is due is done, in order. */
  async advance(ms) {
    const end = this.#now + ms
    await this.settle()
    for (;;) {
      const [next] = this.#waiting.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      this.#now = Math.max(this.#now, next.at)
      this.#waiting = this.#waiting.filter((one) => one !== next)
      next.resolve()
      await this.settle()
    }
    this.#now = end
  }

  /** Everything that needs no time is done. */
  async settle() {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
}

/** A platform: it shows messages, and refuses what a test tells it to. */
export class Platform {
  calls = []
  authors = []
  details = []
  times = []
  #messages = []
  #failures = {}
  #clock
  #expiresMs

  constructor(clock, limits, { expiresMs = Number.POSITIVE_INFINITY, reopens = true } = {}) {
    this.limits = limits
    this.#clock = clock
    this.#expiresMs = expiresMs
    if (!reopens) this.reopen = undefined
  }

  texts = (address) => this.#messages.filter((one) => one.address === address).map(({ text }) => text)
  addresses = () => [...new Set(this.#messages.map(({ address }) => address))]
  isFinished = (address) => this.#messages.every((one) => one.address !== address || one.isFinished)

  /** The next calls fail. */
  fail(what, ...errors) {
    ;(this.#failures[what] ??= []).push(...errors)
  }

  /** The next call is carried out, and its answer is lost. */
  cutAfter(what) {
    this.fail(what, 'cut')
  }

  /** Nothing fails any more. */
  succeed() {
    this.#failures = {}
  }

  show(address, text, isFinished = true) {
    const handle = String(this.#messages.length + 1)
    this.#messages.push({ handle, address, text, isFinished, at: this.#clock.now() })
    return handle
  }

  async #call(what, text, carryOut) {
    this.calls.push(`${what} ${text}`)
    this.times.push(this.#clock.now())
    const failure = this.#failures[what]?.shift()
    if (failure !== undefined && failure !== 'cut') throw failure
    const done = carryOut()
    if (failure === 'cut') throw new Error('ECONNRESET')
    return done
  }

  post(address, text, details) {
    this.#told(details)
    return this.#call('post', text, () => this.show(address, text))
  }

  async open(address, text, details) {
    this.#told(details)
    return this.#draft(await this.#call('open', text, () => this.show(address, text, false)))
  }

  #told({ author, ...details }) {
    this.authors.push(author)
    this.details.push(details)
  }

  async reopen(_address, handle) {
    return this.#draft(await this.#call('reopen', handle, () => handle), true)
  }

  async recent(address, sinceMs) {
    return this.#messages.filter((one) => one.address === address && one.at >= sinceMs)
  }

  #draft(handle, isReopened = false) {
    const message = this.#messages.find((one) => one.handle === handle)
    const change = (text, isFinished) => {
      if (!isReopened && this.#clock.now() - message.at >= this.#expiresMs) throw new DraftExpired()
      Object.assign(message, { text, isFinished })
    }
    return {
      handle,
      update: (text) => this.#call('update', text, () => change(text, false)),
      finish: (text) => this.#call('finish', text, () => change(text, true)),
    }
  }
}
