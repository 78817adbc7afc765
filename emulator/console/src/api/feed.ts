import { batch, effect, signal, untracked } from '@preact/signals'
import { ask } from './call'
import { events } from './events'
import { token, tokenRefused } from './token'
import type { LiveEvent } from './types'

export type LinkState = 'connecting' | 'live' | 'lost'
export const link = signal<LinkState>('connecting')
/** The conversation whose messages are wanted piece by piece. */
export const watched = signal<string | null>(null)

/** The emulator says something every 15 s; after this time it is taken for gone. */
const SILENCE = 40_000
const FIRST_WAIT = 400
const LONGEST_WAIT = 5_000

export interface FeedReader {
  /** The number of the next entry of the journal, where it is known. */
  next(): number | undefined
  /** `first` says whether this is the first event of a connection. */
  take(event: LiveEvent, first: boolean): void
  /** All that came together has been taken. */
  taken(): void
}

/** Keeps one connection to the feed, for as long as the page lives. */
export function follow(reader: FeedReader): void {
  let current: AbortController | undefined
  effect(() => {
    const session = watched.value
    const refused = tokenRefused.value
    token.value
    current?.abort()
    if (refused) return
    current = new AbortController()
    const { signal: stopped } = current
    untracked(() => void keep(reader, session, stopped))
  })
}

async function keep(reader: FeedReader, session: string | null, stopped: AbortSignal): Promise<void> {
  let wait = FIRST_WAIT
  while (!stopped.aborted) {
    try {
      await once(reader, session, stopped, () => {
        wait = FIRST_WAIT
      })
    } catch {
      // Why it ended does not matter: the answer to a refused token is the form, to all else another try.
    }
    if (stopped.aborted || tokenRefused.value) return
    link.value = 'lost'
    await new Promise((resolve) => setTimeout(resolve, wait))
    wait = Math.min(wait * 2, LONGEST_WAIT)
  }
}

async function once(
  reader: FeedReader,
  session: string | null,
  stopped: AbortSignal,
  works: () => void,
): Promise<void> {
  const own = new AbortController()
  const stop = () => own.abort()
  stopped.addEventListener('abort', stop, { once: true })
  let silence = setTimeout(stop, SILENCE)
  const heard = () => {
    clearTimeout(silence)
    silence = setTimeout(stop, SILENCE)
  }
  const asked = new URLSearchParams()
  const since = reader.next()
  if (since !== undefined) asked.set('since', String(since))
  if (session) asked.set('session', session)
  try {
    const answer = await ask('GET', `live?${asked}`, undefined, own.signal)
    if (!answer.body) return
    let first = true
    for await (const come of events(answer.body, heard)) {
      if (stopped.aborted) return
      works()
      // Drawn once, however many came together.
      batch(() => {
        link.value = 'live'
        for (const event of come) {
          reader.take(event, first)
          first = false
        }
        reader.taken()
      })
    }
  } finally {
    clearTimeout(silence)
    stopped.removeEventListener('abort', stop)
    own.abort()
  }
}
