import { computed, signal } from '@preact/signals'
import type { Summary } from '../api/types'

const SEEN = 'secondme-console-seen'

const known = new Map<string, Summary>()
const version = signal(0)
/** How many messages of each conversation the owner has seen. */
const seen = signal<Record<string, number>>(JSON.parse(sessionStorage.getItem(SEEN) ?? '{}'))

/** How many conversations there are; only the newest are listed. */
export const total = signal(0)
export const sought = signal('')

export function replaceConversations(all: Summary[], count: number): void {
  known.clear()
  for (const one of all) known.set(one.sessionId, one)
  total.value = count
  version.value++
}

export function changeConversations(changed: Summary[], gone: string[], count: number): void {
  for (const one of changed) known.set(one.sessionId, one)
  for (const id of gone) known.delete(id)
  total.value = count
  version.value++
}

export function conversation(sessionId: string | null): Summary | undefined {
  version.value
  return sessionId === null ? undefined : known.get(sessionId)
}

/** The conversations of a visitor, the first one first. */
export function sessionsOf(visitorId: string): Summary[] {
  version.value
  const own = [...known.values()].filter((one) => one.visitorId === visitorId)
  return own.sort((a, b) => a.createdAt - b.createdAt || (a.sessionId < b.sessionId ? -1 : 1))
}

const moment = (one: Summary) => one.last?.at ?? one.createdAt

/** Those with the latest words first. */
const ordered = computed(() => {
  version.value
  return [...known.values()].sort((a, b) => moment(b) - moment(a) || (a.sessionId < b.sessionId ? 1 : -1))
})

/** The visitors of an avatar over the Avatar Open API, those with the latest words first. */
export function visitorsOf(avatar: string): string[] {
  const own = ordered.value.filter((one) => one.door === 'avatar-open-api' && one.avatar === avatar)
  return [...new Set(own.map((one) => one.visitorId))]
}

export const listed = computed(() => {
  const words = sought.value.trim().toLowerCase()
  if (!words) return ordered.value
  return ordered.value.filter((one) =>
    `${one.name ?? ''}\n${one.visitorId}\n${one.sessionId}\n${one.last?.text ?? ''}`.toLowerCase().includes(words),
  )
})

/** Another run of the emulator gives the same ids to other conversations. */
const seenAs = (one: Summary) => `${one.sessionId}@${one.createdAt}`

export function unread(one: Summary): number {
  return Math.max(0, one.messages - (seen.value[seenAs(one)] ?? 0))
}

export function markSeen(one: Summary): void {
  if (seen.peek()[seenAs(one)] === one.messages) return
  const kept = Object.entries(seen.peek()).filter(([id]) => known.has(id.split('@')[0] ?? ''))
  seen.value = { ...Object.fromEntries(kept), [seenAs(one)]: one.messages }
  sessionStorage.setItem(SEEN, JSON.stringify(seen.value))
}

/** The platform of a visitor: the channel that was told, or what its id begins with. */
export function platformOf(one: Summary): string {
  return one.channel ?? one.visitorId.split('_')[0] ?? ''
}

/** The name that a visitor's program told, without the channel that the service puts behind it. */
export function toldName(one: Summary): string {
  const behind = `(${one.channel})`
  return one.name?.endsWith(behind) ? one.name.slice(0, -behind.length) : (one.name ?? '')
}

export function nameOf(one: Summary): string {
  return one.name ?? one.visitorId
}
