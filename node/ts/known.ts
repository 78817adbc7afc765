/** Checks the options of calls. */

import { misuse, type Site } from './failures.js'

/** Returns the first option that has none of these names. */
export function unknownOption(options: object, names: readonly string[]): string | undefined {
  return Object.keys(options).find((name) => !names.includes(name))
}

/** The options of a call by name, each with its type. */
export type Known = Readonly<Record<string, 'boolean' | 'number' | 'object' | 'string'>>

/** A client takes one object, where other libraries take a key or an id and a secret. */
export function anObject(options: unknown, example: string, site: Site): void {
  if (typeof options === 'object' && options !== null) return
  throw misuse(`options are an object (${example}), and no ${options === null ? 'null' : typeof options}`, site)
}

/** An option that would be ignored is a mistake: `history(20)`, `ask(text, { timeout: 5000 })`. */
export function known(options: object, kinds: Known, site: Site): void {
  const names = Object.keys(kinds)
  const all = names.join(', ')
  anObject(options, all, site)
  const unknown = unknownOption(options, names)
  if (unknown !== undefined) throw misuse(`there is no option \`${unknown}\`; there are ${all}`, site)
  for (const [name, value] of Object.entries(options)) {
    const kind = kinds[name]
    if (value === undefined || value === null || typeof value === kind) continue
    const article = kind === 'object' ? 'an AbortSignal' : `a ${kind}`
    throw misuse(`\`${name}\` has to be ${article}, and is of type ${typeof value}`, site)
  }
}
