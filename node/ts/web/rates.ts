/** How often something may be done: token buckets in bounded memory. */

import { isIPv6 } from 'node:net'

/** So many are counted of each kind. */
const MOST = 10_000

interface Bucket {
  tokens: number
  at: number
}

/** So many a minute for each key; all of them at once, where none came before. */
export class Rate {
  readonly #perMinute: number
  readonly #most: number
  readonly #buckets = new Map<string, Bucket>()

  constructor(perMinute: number, most = MOST) {
    this.#perMinute = perMinute
    this.#most = most
  }

  /** Takes one, and returns how long to wait where there is none, in milliseconds. */
  take(key: string, nowMs: number): number | undefined {
    const bucket = this.#filled(key, nowMs)
    if (bucket.tokens < 1) return ((1 - bucket.tokens) * 60_000) / this.#perMinute
    bucket.tokens -= 1
    return undefined
  }

  /** Gives one back that was taken for nothing. */
  giveBack(key: string): void {
    const bucket = this.#buckets.get(key)
    if (bucket !== undefined) bucket.tokens = Math.min(this.#perMinute, bucket.tokens + 1)
  }

  /** How many keys are counted. */
  get size(): number {
    return this.#buckets.size
  }

  /** What is full again need not be counted. */
  tidy(nowMs: number): void {
    for (const [key, bucket] of this.#buckets) {
      if (this.#tokens(bucket, nowMs) >= this.#perMinute) this.#buckets.delete(key)
    }
  }

  #filled(key: string, nowMs: number): Bucket {
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      if (this.#buckets.size >= this.#most) this.#makeRoom(nowMs)
      bucket = { tokens: this.#perMinute, at: nowMs }
      this.#buckets.set(key, bucket)
    }
    bucket.tokens = this.#tokens(bucket, nowMs)
    bucket.at = nowMs
    return bucket
  }

  #tokens({ tokens, at }: Bucket, nowMs: number): number {
    return Math.min(this.#perMinute, tokens + (Math.max(0, nowMs - at) * this.#perMinute) / 60_000)
  }

  /** Drops the fuller half: those who have done the most stay counted. */
  #makeRoom(nowMs: number): void {
    this.tidy(nowMs)
    if (this.#buckets.size < this.#most) return
    const sorted = [...this.#buckets].sort((a, b) => this.#tokens(b[1], nowMs) - this.#tokens(a[1], nowMs))
    for (const [key] of sorted.slice(0, this.#most / 2)) this.#buckets.delete(key)
  }
}

/** Under which key an address is counted. A household has a whole /64 of IPv6. */
export function addressKey(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped?.[1] !== undefined) return mapped[1]
  const [bare = ''] = address.split('%')
  if (!isIPv6(bare)) return address
  const [head = '', tail] = bare.toLowerCase().split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':')
    while (groups.length + after.length < 8) groups.push('0')
    groups.push(...after)
  }
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}
