import { link, follow } from '../api/feed'
import type { LiveEvent } from '../api/types'
import { tellTime } from './clock'
import { changeConversations, markSeen, replaceConversations } from './conversations'
import { clearJournal, loadPast, nextNumber, takeEntries } from './journal'
import { takeOverview } from './overview'
import { view } from './view'
import { dropBrokenOff, dropForgotten, forgetMessages, loadNewest, opened, takeMessages, type Told } from './thread'

/** Messages that came together, which are taken together. */
let said: Told[] = []
/** Whether the journal's past has been asked for. */
let pastWanted = false
/** Which run of the emulator this page knows of. */
let knownRun: string | undefined

export function wantPast(): void {
  if (pastWanted) return
  pastWanted = true
  if (nextNumber() !== undefined) void loadPast()
}

function take(event: LiveEvent, first: boolean): void {
  switch (event.event) {
    case 'snapshot': {
      const { run, now, next, total, conversations } = event.data
      if (run !== knownRun && knownRun !== undefined) {
        forgetMessages()
      }
      tellTime(now)
      replaceConversations(conversations, total)
      const known = nextNumber()
      // A new snapshot within a connection, or another run of the emulator, is another beginning.
      const isOther = run === undefined ? known === undefined || next < known : run !== knownRun
      if (isOther || !first) {
        clearJournal(next)
        if (pastWanted) void loadPast()
      }
      knownRun = run
      void loadNewest()
      break
    }
    case 'conversations':
      tellTime(event.data.now)
      changeConversations(event.data.changed, event.data.gone, event.data.total)
      break
    case 'overview':
      tellTime(event.data.now)
      takeOverview(event.data)
      break
    case 'journal':
      takeEntries(event.data)
      break
    case 'message':
      said.push(event.data)
      break
  }
}

function taken(): void {
  takeMessages(said)
  said = []
  // The last piece of a reply is told after the change that ends it.
  dropBrokenOff()
  dropForgotten()
  const shown = opened.peek()
  if (shown && !document.hidden && view.peek().owner === 'thread') markSeen(shown)
}

export function start(): void {
  follow({ next: nextNumber, take, taken })
}

export { link }
