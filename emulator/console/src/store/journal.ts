import { computed, signal } from '@preact/signals'
import { control } from '../api/control'
import type { Author, Entry, JournalPage, What } from '../api/types'
import { report } from './notices'
import { Slice } from './slice'

/** How many entries the page keeps, the newest ones. */
const KEPT = 100_000
const PAGE = 2_000

export interface Filter {
  call: string
  what: What | ''
  visitor: string
  session: string
  text: string
  /** What tells of one message: the call, its answer, the frames, the owner's deed. */
  message: OneMessage | null
}
export interface OneMessage {
  id: string
  sessionId: string
  author: Author
  /** When it was taken or said. */
  at: number
  text: string
}
export const NO_FILTER: Filter = { call: '', what: '', visitor: '', session: '', text: '', message: null }

let entries: Entry[] = []
let next: number | undefined
/** Each search has a number: one that is not the last any more stops. */
let search = 0

const version = signal(0)
const found = signal<Entry[] | null>(null)
export const filter = signal<Filter>(NO_FILTER)
export const searching = signal(false)
export const loadingOlder = signal(false)
/** How many entries came and went before they could be told. */
export const missed = signal(0)
/** The calls that were met, for the filter. */
export const calls = signal<string[]>([])

/** A new object with each change: the list itself grows in place. */
export const shown = computed(() => ({ list: found.value ?? entries, version: version.value }))
export const kept = computed(() => {
  version.value
  return entries.length
})

export const nextNumber = () => next

export function clearJournal(from: number): void {
  entries = []
  next = from
  missed.value = 0
  // A search among what is gone would bring it back.
  search++
  searching.value = false
  found.value = isFiltered() ? [] : null
  version.value++
}

export function takeEntries(page: JournalPage): void {
  const last = entries.at(-1)?.n ?? 0
  const fresh = page.entries.filter((entry) => entry.n > last)
  next = page.next
  missed.value += page.missed ?? 0
  if (fresh.length === 0) return
  for (const entry of fresh) entries.push(entry)
  const isCut = entries.length > KEPT + PAGE
  if (isCut) entries = entries.slice(-KEPT)
  noteCalls(fresh)
  const before = found.peek()
  if (before) {
    const matching = fresh.filter(matcher(filter.peek()))
    if (isCut || matching.length > 0) found.value = [...stillKept(before), ...matching]
  }
  version.value++
}

/** Without what the page has let go. */
const stillKept = (list: Entry[]) => list.slice(placeOf(entries[0]?.n ?? 0, list))

/** Loads what was there before this page, newest first. */
export async function loadPast(): Promise<void> {
  if (loadingOlder.peek()) return
  loadingOlder.value = true
  try {
    while (entries.length < KEPT) {
      const before = entries[0]?.n ?? next
      if (before === undefined || before <= 1) break
      const page = await control.journalBefore(before, PAGE)
      const older = page.entries.filter((entry) => entry.n < (entries[0]?.n ?? Number.POSITIVE_INFINITY))
      if (older.length === 0) break
      entries = [...older, ...entries]
      noteCalls(older)
      version.value++
    }
  } catch (error) {
    report(error)
  }
  loadingOlder.value = false
  if (isFiltered()) void find()
}

export function setFilter(change: Partial<Filter>): void {
  filter.value = { ...filter.value, ...change }
  void find()
}

export const isFiltered = () => Object.values(filter.value).some(Boolean)

async function find(): Promise<void> {
  const mine = ++search
  if (!isFiltered()) {
    found.value = null
    searching.value = false
    return
  }
  searching.value = true
  const fits = matcher(filter.peek())
  const all = entries
  const matching: Entry[] = []
  const slice = new Slice()
  for (let at = 0; at < all.length; at++) {
    const entry = all[at] as Entry
    if (fits(entry)) matching.push(entry)
    if (at % 64 === 0 && slice.isOver) {
      await slice.next()
      if (mine !== search) return
    }
  }
  // What came meanwhile.
  const last = all.at(-1)?.n ?? 0
  for (let at = entries.length - 1; at >= 0 && (entries[at] as Entry).n > last; at--) {
    if (fits(entries[at] as Entry)) matching.push(entries[at] as Entry)
  }
  found.value = stillKept(matching.sort((a, b) => a.n - b.n))
  searching.value = false
}

function matcher(wanted: Filter): (entry: Entry) => boolean {
  const words = wanted.text.trim().toLowerCase().split(/\s+/).filter(Boolean)
  return (entry) =>
    (!wanted.call || entry.call === wanted.call || entry.at === wanted.call) &&
    (!wanted.what || entry.what === wanted.what) &&
    (!wanted.visitor || (entry.visitorId ?? '').includes(wanted.visitor)) &&
    (!wanted.session || entry.sessionId === wanted.session) &&
    (wanted.message === null || isOf(entry, wanted.message)) &&
    (words.length === 0 || holds(entry, words))
}

function holds(entry: Entry, words: string[]): boolean {
  const text = JSON.stringify(entry).toLowerCase()
  return words.every((word) => text.includes(word))
}

/** Whether an entry belongs to the call that sends a message. */
export const isSend = ({ call }: Entry) => call === 'message/send' || call === 'visitor-chat/send'

function isOf(entry: Entry, message: OneMessage): boolean {
  if (entry.sessionId !== message.sessionId) return false
  switch (entry.what) {
    case 'answer': {
      const request = requestOf(entry)
      return request !== undefined && isSend(request) && isOf(request, message)
    }
    case 'owner':
      return entry.action === 'reply' && entry.atMs === message.at && entry.text === message.text
    case 'fault':
      return entry.atMs === message.at
    case 'request':
      if (message.author !== 'visitor') return false
      // A call of Visitor Chat tells no id: the service gives the message one.
      return entry.call === 'visitor-chat/send'
        ? entry.atMs === message.at
        : entry.call === 'message/send' && holds(entry, [message.id.toLowerCase()])
    default:
      return holds(entry, [message.id.toLowerCase()])
  }
}

function noteCalls(fresh: Entry[]): void {
  const met = new Set(calls.peek())
  const before = met.size
  for (const entry of fresh) if (entry.call) met.add(entry.call)
  if (met.size > before) calls.value = [...met].sort()
}

export function requestOf(answer: Entry): Entry | undefined {
  const entry = entries[placeOf(answer.request ?? 0)]
  return entry?.n === answer.request ? entry : undefined
}

/** The nearest entry before a number that fits. */
export function entryBefore(n: number, fits: (entry: Entry) => boolean): Entry | undefined {
  for (let at = placeOf(n) - 1; at >= 0; at--) if (fits(entries[at] as Entry)) return entries[at]
  return undefined
}

/** The nearest entry after a number that fits. */
export function entryAfter(n: number, fits: (entry: Entry) => boolean): Entry | undefined {
  for (let at = placeOf(n + 1); at < entries.length; at++) if (fits(entries[at] as Entry)) return entries[at]
  return undefined
}

export function countBefore(n: number, fits: (entry: Entry) => boolean): number {
  let count = 0
  for (let at = placeOf(n) - 1; at >= 0; at--) if (fits(entries[at] as Entry)) count++
  return count
}

/** Where the first entry from a number on stands: they are in the order of their numbers. */
function placeOf(n: number, list = entries): number {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((list[middle] as Entry).n < n) low = middle + 1
    else high = middle
  }
  return low
}
