// Events, results and errors as scenarios write them: names in snake case, those of fields and those in `NAMED`.

const NAMED = ['kind', 'step']

export const camel = (name) => name.replace(/_[a-z]/g, ([, letter]) => letter.toUpperCase())

const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

export function event(event) {
  const { type, ...rest } = event
  const reason = type === 'closed' && { reason: snake(event.reason) }
  return { ...fields(rest), ...reason, type: snake(type), ...(type === 'unknown' && { raw: event.raw }) }
}

/** The same under other names: `inReplyTo` is `in_reply_to`, and a time is in seconds. */
export function fields(result) {
  const written = Object.entries(result).map(([name, value]) => {
    if (name === 'parts') return [name, value.map(part)]
    if (name === 'messages') return [name, value.map(fields)]
    if (name === 'error' || name === 'cause') return [name, value && error(value)]
    if (name.endsWith('Ms')) return [snake(name.slice(0, -2)), Math.floor(value / 1000)]
    return [snake(name), NAMED.includes(name) && value !== undefined ? snake(value) : value]
  })
  return Object.fromEntries(written)
}

export function error(error) {
  return fields({
    kind: error.kind,
    code: error.code,
    step: error.step,
    retryable: error.retryable,
    retryAfterMs: error.retryAfterMs,
    unsent: error.unsent,
  })
}

function part(part) {
  return part.type === 'text' ? { text: part.text } : { card: part.template, params: part.params }
}
