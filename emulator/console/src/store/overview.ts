import { signal } from '@preact/signals'
import type { Overview } from '../api/types'

/** The overview, with this page's time at which it came. */
export const overview = signal<(Overview & { at: number }) | null>(null)

export function takeOverview(told: Overview): void {
  overview.value = { ...told, at: told.now }
}
