import { isObject } from '../api/json'
import type { Json, Settings } from '../api/types'

/** Where secrets stand in the settings, and how such a secret begins, as the emulator takes no other. */
const SECRETS = [
  ['keys', 'key', 'sk-'],
  ['apps', 'client-secret', 'secret-'],
  ['user-tokens', 'token', 'lba_at_'],
] as const

/** The settings with a placeholder for each secret that is not one of the defaults, and how many these are. */
export function withPlaceholders(settings: Settings, defaults: Map<string, Json>): { told: Settings; count: number } {
  let count = 0
  const told: Settings = { ...settings }
  for (const [list, field, begin] of SECRETS) {
    const known = new Set(listOf(defaults.get(list)).map((one) => one[field]))
    const hidden = listOf(settings[list]).map((one, at) => {
      if (!one[field] || known.has(one[field])) return one
      count++
      return { ...one, [field]: `${begin}placeholder-${at + 1}` }
    })
    Object.assign(told, { [list]: hidden })
  }
  return { told, count }
}

const listOf = (value: unknown) => (Array.isArray(value) ? (value as Json[]).filter(isObject) : [])
