/** What `useChat` sends. */

import { badRequest, type Call, Refusal } from './call.js'

/** The visitor's message. */
export interface Question {
  readonly id: string
  readonly text: string
}

/** No dot: the ids of the answers are made of it and of one. */
const ID = /^[A-Za-z0-9_:-]{1,100}$/

const FORM = '`messages` needs one of the user: `{ id, role: "user", parts: [{ type: "text", text }] }`'

/**
 * Reads the visitor's message: the last one of the user, since the others are in the avatar's session.
 *
 * @throws {@link Refusal} where the body is not of the form.
 */
export async function questionOf(call: Call, maxBodyBytes: number, maxTextChars: number): Promise<Question> {
  if (!/^application\/json\s*(;|$)/i.test(call.header('content-type') ?? '')) {
    const what = 'a message is sent as `content-type: application/json`'
    throw new Refusal(415, 'unsupported_media_type', what)
  }
  const last = lastOf(await call.body(maxBodyBytes))
  const { id, parts } = last
  if (!Array.isArray(parts)) throw badRequest(FORM)
  if (typeof id !== 'string' || !ID.test(id)) {
    throw badRequest('the `id` of a message has 1 to 100 letters, digits, `_`, `:` or `-`')
  }
  const texts = (parts as unknown[]).map(textOf)
  const text = texts
    .filter((one) => one !== undefined)
    .join('\n')
    .trim()
  if (text === '') throw badRequest('the message has no text, and the avatar reads nothing else')
  if (text.length > maxTextChars) {
    throw new Refusal(413, 'too_large', `a message has at most ${maxTextChars} characters`)
  }
  return { id, text }
}

function lastOf(body: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    throw badRequest('the body is not JSON')
  }
  const { messages } = (value ?? {}) as { messages?: unknown }
  if (!Array.isArray(messages)) throw badRequest('the body needs `messages`, as `useChat` sends them')
  // Behind it stands the answer that `regenerate` asks for anew.
  const last = messages.filter((one) => (one as { role?: unknown } | null)?.role === 'user').at(-1)
  if (last === undefined) throw badRequest(FORM)
  return last as Record<string, unknown>
}

function textOf(part: unknown): string | undefined {
  const { type, text } = (part ?? {}) as { type?: unknown; text?: unknown }
  return type === 'text' && typeof text === 'string' ? text : undefined
}
