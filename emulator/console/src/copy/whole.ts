import { control } from '../api/control'
import type { Entry } from '../api/types'

/**
 * The whole text of a message whose call the journal holds the beginning of: the conversation has it. `null` where it is
 * not to be told which message it was, or the call did not make one.
 */
export async function wholeText(entry: Entry): Promise<string | null> {
  const begins = beginningOf(typeof entry.body === 'string' ? entry.body : '')
  if (!entry.sessionId || !begins) return null
  let before: number | null | undefined
  while (before !== null) {
    const page = await control.messages(entry.sessionId, before)
    const found = page.messages.filter(
      (one) => one.author === 'visitor' && one.at === entry.atMs && one.text.startsWith(begins),
    )
    if (found.length > 0) return found.every((one) => one.text === found[0]?.text) ? (found[0]?.text ?? null) : null
    if ((page.messages[0]?.at ?? 0) < entry.atMs) return null
    before = page.older
  }
  return null
}

/** What a body that was cut says of the text, which may be cut as well. */
function beginningOf(body: string): string | null {
  const written = /"(?:content|message)":\s*"((?:[^"\\]|\\.)*)/.exec(body)?.[1]
  if (!written) return null
  try {
    // Half of an escape may stand at the end, before the sign that it was cut.
    const whole = written.replace(/…$/, '').replace(/\\(u[0-9a-fA-F]{0,3})?$/, '')
    return JSON.parse(`"${whole}"`) as string
  } catch {
    return null
  }
}
