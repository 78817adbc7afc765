import { batch, signal } from '@preact/signals'
import { watched } from '../api/feed'
import { NO_FILTER, type OneMessage, setFilter } from './journal'
import { open } from './thread'

export const TABS = ['visitor', 'journal', 'timeline', 'faults', 'live', 'setup'] as const
export type Tab = (typeof TABS)[number]

/** What a narrow window shows: one side, and of the owner's the list or the conversation. */
export interface View {
  side: 'owner' | 'tester'
  owner: 'list' | 'thread'
  tab: Tab
}

const FIRST: View = { side: 'owner', owner: 'list', tab: 'visitor' }

export const view = signal<View>(FIRST)

/** Shows what the address names. */
export function readAddress(): void {
  const asked = new URLSearchParams(location.search)
  const session = asked.get('session')
  batch(() => {
    open(session)
    view.value = {
      side: asked.get('side') === 'tester' ? 'tester' : 'owner',
      owner: session === null ? 'list' : 'thread',
      tab: TABS.find((tab) => tab === asked.get('tab')) ?? FIRST.tab,
    }
  })
}

/** Writes what is shown into the address: "back" leads to what was shown before, and a link leads here. */
function writeAddress(): void {
  const { side, tab } = view.peek()
  const told = new URLSearchParams()
  if (watched.peek() !== null) told.set('session', watched.peek() ?? '')
  if (tab !== FIRST.tab) told.set('tab', tab)
  if (side !== FIRST.side) told.set('side', side)
  const query = told.size > 0 ? `?${told}` : ''
  if (query !== location.search) history.pushState(null, '', location.pathname + query)
}

export function followAddress(): void {
  readAddress()
  addEventListener('popstate', readAddress)
}

export function show(change: Partial<View>): void {
  view.value = { ...view.value, ...change }
  writeAddress()
}

export function openConversation(sessionId: string): void {
  open(sessionId)
  show({ owner: 'thread', side: 'owner' })
}

/** The moment that the time line of a conversation is to show next, in milliseconds of the emulator's time. */
export const moment = signal<{ sessionId: string; at: number } | null>(null)

/** Shows a moment in the time line of its conversation. */
export function showInTimeline(sessionId: string, at: number): void {
  batch(() => {
    open(sessionId)
    moment.value = { sessionId, at }
    show({ owner: 'thread', side: 'tester', tab: 'timeline' })
  })
}

/** Shows the journal's entries of one message. */
export function showInJournal(message: OneMessage): void {
  setFilter({ ...NO_FILTER, message })
  show({ side: 'tester', tab: 'journal' })
}

export function closeConversation(): void {
  open(null)
  show({ owner: 'list' })
}

export const openedId = watched
