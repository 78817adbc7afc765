import { isObject } from '../api/json'
import type { Json } from '../api/types'

const PLAIN_NAME = /^[A-Za-z][\w/-]*$/
/** Words that YAML reads as something else than a text. */
const OTHER_THAN_TEXT = /^(true|false|null|yes|no|on|off|y|n)$/i

/** YAML on one line: what the scenarios that are written by hand look like. */
export function flow(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (!isObject(value)) return scalar(value)
  const fields = Object.entries(value).map(([name, field]) => `${scalar(name)}: ${flow(field)}`)
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`
}

function scalar(value: Json): string {
  const bare = typeof value === 'string' && PLAIN_NAME.test(value) && !OTHER_THAN_TEXT.test(value)
  return bare ? (value as string) : JSON.stringify(value)
}
