/** What people say, and who they are, does not reach a log by printing a value. */

const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/** The fields that hold it, of all events and values. */
const SAID: ReadonlySet<string> = new Set([
  'text',
  'opening',
  'parts',
  'sources',
  'speech',
  'params',
  'reason',
  'actions',
  'closeReason',
  'tag',
  'name',
  'channel',
])

interface Options {
  readonly showHidden?: boolean
}
type Inspect = (value: unknown, options: object) => string

/** What `util.inspect` and `console.log` show; with `showHidden: true` everything. */
function shown(this: object, depth: number, options: Options, inspect: Inspect): string {
  const name = this.constructor === Object ? '' : `${this.constructor.name} `
  if (depth < 0) return `[${name.trim() || 'Object'}]`
  const fields = Object.entries(this).map(([field, value]) => [
    field,
    options.showHidden !== true && SAID.has(field) ? masked(value) : value,
  ])
  return name + inspect(Object.fromEntries(fields), { ...options, showHidden: false, depth })
}

function masked(value: unknown): unknown {
  if (typeof value === 'string') return new Mask(`${value.length} characters`)
  if (Array.isArray(value)) return value.length === 0 ? [] : new Mask(`${value.length} items`)
  return value === undefined ? undefined : new Mask('hidden')
}

class Mask {
  readonly #what: string

  constructor(what: string) {
    this.#what = what
  }

  [INSPECT](): string {
    return `<${this.#what}>`
  }
}

/** Has `console.log` show the value without what people say. The value itself stays as it is. */
export function quiet<T extends object>(value: T): T {
  return Object.defineProperty(value, INSPECT, { value: shown, configurable: true })
}
