import { parseExact } from './json'
import { authorization, tokenRefused } from './token'

const ROOT = '/_emulator/'

/** A control call that failed, with the code and the sentence that the emulator gave. */
export class CallError extends Error {
  readonly status: number
  readonly code: string
  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** Makes a control call, and gives its answer once its status is known to be good. */
export async function ask(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const answer = await fetch(ROOT + path, {
    method,
    headers: authorization(),
    cache: 'no-store',
    body: body === undefined ? null : JSON.stringify(body),
    signal: signal ?? null,
  })
  if (answer.ok) return answer
  if (answer.status === 401) tokenRefused.value = true
  const told = (await answer.json().catch(() => null)) as { error?: { code: string; message: string } } | null
  throw new CallError(
    answer.status,
    told?.error?.code ?? `http.${answer.status}`,
    told?.error?.message ?? answer.statusText,
  )
}

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  return parseExact<T>(await (await ask(method, path, body)).text())
}
