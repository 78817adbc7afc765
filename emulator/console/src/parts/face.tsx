import type { JSX } from 'preact'

/** A round mark with a name's first letter, in a colour that follows from the id. */
export function Face({ id, name, live }: { id: string; name: string; live?: boolean }): JSX.Element {
  let sum = 0
  for (const letter of id) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) >>> 0
  const first = [...name.trim()][0]?.toUpperCase() ?? '?'
  return (
    <span class={`face hue-${sum % 8}`} aria-hidden="true">
      {first}
      {live !== undefined && <i class={live ? 'dot live' : 'dot'} />}
    </span>
  )
}
