import { signal } from '@preact/signals'

export interface Notice {
  id: number
  kind: 'error' | 'done'
  text: string
}

const SHOWN = 7_000
let last = 0
export const notices = signal<Notice[]>([])

export function notice(kind: Notice['kind'], text: string): void {
  const id = ++last
  // What was done says it once; a failure stays beside it until it was seen.
  const others = notices.value.filter((one) => one.kind !== kind && one.text !== text)
  notices.value = [...others, { id, kind, text }]
  setTimeout(() => dismiss(id), SHOWN)
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((one) => one.id !== id)
}

export function report(error: unknown): void {
  notice('error', error instanceof Error ? error.message : String(error))
}
