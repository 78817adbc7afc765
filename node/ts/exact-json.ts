/** JSON in which no integer is rounded: what JavaScript's numbers cannot hold is a `bigint`. */

import { randomUUID } from 'node:crypto'

import { misuse, type Site } from './failures.js'

const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
const LONG = /\d{16}/

/** Reads a JSON text. */
export function parseExact(text: string): unknown {
  if (!LONG.test(text)) return JSON.parse(text)
  // No text of the service's begins with it.
  const mark = randomUUID()
  const marked = text.replace(TOKENS, (token) => (isBig(token) ? `"${mark}${token}"` : token))
  return JSON.parse(marked, (_, value) =>
    typeof value === 'string' && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
  )
}

function isBig(token: string): boolean {
  return /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token))
}

/** Writes a JSON text; nothing where the value is `undefined`. */
export function writeExact(value: unknown, site: Site): string | undefined {
  if (value === undefined) return undefined
  const mark = randomUUID()
  const write = (_: string, part: unknown) => (typeof part === 'bigint' ? `${mark}${part}` : part)
  let text: string | undefined
  try {
    text = JSON.stringify(value, write)
  } catch (error) {
    throw misuse(`the body cannot be written as JSON: ${error instanceof Error ? error.message : error}`, site)
  }
  if (text === undefined) throw misuse(`the body cannot be written as JSON: it is of type ${typeof value}`, site)
  return text.replaceAll(new RegExp(`"${mark}(-?\\d+)"`, 'g'), '$1')
}
