import { computed, signal } from '@preact/signals'
import { control } from '../api/control'
import { watched } from '../api/feed'
import type { Message, MessagePage } from '../api/types'
import { conversation } from './conversations'
import { put, type Shown } from './messages'
import { report } from './notices'

/** A message that the feed has told. */
export interface Told {
  sessionId: string
  message: Message
}

interface Thread {
  sessionId: string
  messages: Shown[]
  /** The number of the first message there is, as far as it is known. */
  beginning: number
  /** What stands before this number can be loaded; null at the beginning. */
  older: number | null
  loading: boolean
}

/** How many messages the page holds, the newest ones; more while older ones are read. */
const KEPT = 500
const KEPT_WHILE_READING = 2_000
let reading = false

export const thread = signal<Thread | null>(null)
/** What a screen reader is told: whole messages, no pieces. */
export const announced = signal<Message | null>(null)

export const opened = computed(() => conversation(watched.value))

export function open(sessionId: string | null): void {
  if (sessionId === watched.peek()) return
  announced.value = null
  reading = false
  thread.value = sessionId === null ? null : { sessionId, messages: [], beginning: 1, older: null, loading: true }
  watched.value = sessionId
}

/** Loads the newest page: the feed has just begun to tell of this conversation, so nothing falls between. */
export async function loadNewest(): Promise<void> {
  const sessionId = watched.peek()
  if (sessionId === null) return
  try {
    const page = await control.messages(sessionId)
    const streamed = page.streaming ? [page.streaming] : []
    const current = thread.peek()
    if (current?.sessionId !== sessionId) return
    const messages = [...page.messages, ...streamed].reduce(put, current.messages)
    thread.value = tidied({ ...current, messages, beginning: beginningOf(page, current.beginning), loading: false })
  } catch (error) {
    report(error)
    const current = thread.peek()
    if (current?.sessionId === sessionId) thread.value = { ...current, loading: false }
  }
}

const beginningOf = (page: MessagePage, known: number): number =>
  page.older === null ? (page.messages[0]?.number ?? known) : known

export async function loadOlder(): Promise<void> {
  const before = thread.peek()
  if (!before || before.older === null || before.loading) return
  thread.value = { ...before, loading: true }
  try {
    const page = await control.messages(before.sessionId, before.older)
    const current = thread.peek()
    if (current?.sessionId !== before.sessionId) return
    const beginning = page.messages.length > 0 ? beginningOf(page, current.beginning) : before.older
    const messages = page.messages.reduceRight(put, current.messages)
    thread.value = tidied({ ...current, messages, beginning, loading: false })
  } catch (error) {
    report(error)
    const current = thread.peek()
    if (current?.sessionId === before.sessionId) thread.value = { ...current, loading: false }
  }
}

/** Messages of one conversation or of several, as far as they have come. */
export function takeMessages(told: Told[]): void {
  const current = thread.peek()
  const come = told.filter((one) => one.sessionId === current?.sessionId).map((one) => one.message)
  if (!current || come.length === 0) return
  const messages = come.slice(-KEPT_WHILE_READING).reduce(put, current.messages)
  if (messages === current.messages) return
  // What was said before is told again at the beginning of each connection.
  const known = new Set(current.messages.filter((one) => !one.streaming).map((one) => one.number))
  const fresh = come.findLast((message) => !message.streaming && !known.has(message.number))
  thread.value = tidied({ ...current, messages })
  if (fresh && !current.loading) announced.value = fresh
}

/** Whether the reader has scrolled away from the end: what is read then stays. */
export function setReading(away: boolean): void {
  if (reading === away) return
  reading = away
  const current = thread.peek()
  if (current) thread.value = tidied(current)
}

/**
 * Without its oldest messages where there are too many, and without those before a gap: the feed tells a page that
 * cannot keep up the newest alone. `loadOlder` brings them back, but not those that the emulator has dropped.
 */
function tidied(of: Thread): Thread {
  const most = reading ? KEPT_WHILE_READING : KEPT
  const newest = of.messages.slice(-most)
  const forgotten = opened.peek()?.forgotten ?? 0
  const beginning = Math.max(of.beginning, forgotten + 1)
  const streaming = newest.filter((one) => one.streaming)
  const numbers = new Set(newest.filter((one) => !one.streaming && one.number > forgotten).map((one) => one.number))
  if (numbers.size === 0) return { ...of, messages: streaming, beginning, older: null }
  let first = Math.max(...numbers)
  while (numbers.has(first - 1)) first--
  const messages = newest.filter((one) => one.streaming || one.number >= first)
  return { ...of, messages, beginning, older: first > beginning ? first : null }
}

/** Forgets what was said: the emulator is another one. */
export function forgetMessages(): void {
  const current = thread.peek()
  if (current) thread.value = { ...current, messages: [], beginning: 1, older: null, loading: true }
}

/** What the emulator has dropped is not shown any more. */
export function dropForgotten(): void {
  const current = thread.peek()
  if (current && (opened.peek()?.forgotten ?? 0) >= current.beginning) thread.value = tidied(current)
}

/** A reply that was broken off ends without a last piece. */
export function dropBrokenOff(): void {
  const current = thread.peek()
  if (!current || opened.peek()?.speaking) return
  const kept = current.messages.filter((message) => !message.streaming)
  if (kept.length < current.messages.length) thread.value = { ...current, messages: kept }
}
