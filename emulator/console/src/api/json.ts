import type { Json } from './types'

// Ids of the service are numbers beyond 2^53, which a double rounds. What the browser reads with the text of a number
// beside it, and writes as it came, is part of JavaScript (`JSON.rawJSON`); TypeScript does not know it yet.

type Source = { source?: string } | undefined
interface ExactJson {
  rawJSON?(text: string): Json
  isRawJSON?(value: unknown): boolean
}
const { rawJSON, isRawJSON } = JSON as ExactJson

/** Where a number may stand that a double does not hold: all else is read as fast as the browser can. */
const LONG = /[:,[]\s*-?\d{16,}/

/** The digits of a whole number that a double does not hold. */
function digits(value: unknown, context: Source): string | undefined {
  const isRounded = typeof value === 'number' && !Number.isSafeInteger(value)
  return isRounded && /^-?\d+$/.test(context?.source ?? '') ? context?.source : undefined
}

const read = (text: string, change: (key: string, value: unknown, context?: Source) => unknown) =>
  JSON.parse(text, change as (key: string, value: unknown) => unknown)

/** JSON in which such a number is kept as it was written, and is written so again by `JSON.stringify`. */
export function parseExact<T>(text: string): T {
  if (!rawJSON || !LONG.test(text)) return JSON.parse(text) as T
  return read(text, (_, value, context) => {
    const exact = digits(value, context)
    return exact === undefined ? value : rawJSON(exact)
  }) as T
}

/** JSON in which such a number is a text. */
export function parseAsTexts(text: string): Json {
  return read(text, (_, value, context) => digits(value, context) ?? value) as Json
}

/** Whether a value is a number that `parseExact` has kept. */
export const isExactNumber = (value: unknown): boolean => isRawJSON?.(value) ?? false

/** Whether a value has fields of its own. */
export const isObject = (value: unknown): value is { [name: string]: Json } =>
  value !== null && typeof value === 'object' && !Array.isArray(value) && !isExactNumber(value)
