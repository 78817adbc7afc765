/** How Feishu shows that a call of a webhook is its own. */

import { createHash, timingSafeEqual } from 'node:crypto'

/** Returns whether the signature in the headers is that of this body, made with the key to encrypt with. */
export function isSigned(headers: Headers, body: string, key: string): boolean {
  const [time, nonce, signature] = ['timestamp', 'nonce', 'signature'].map((name) =>
    headers.get(name === 'signature' ? 'x-lark-signature' : `x-lark-request-${name}`),
  )
  const expected = createHash('sha256').update(`${time}${nonce}${key}${body}`).digest('hex')
  return isSame(signature ?? '', expected)
}

/** Returns whether they are the same, in a time that does not tell where they differ. */
export function isSame(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(one), digest(other))
}
