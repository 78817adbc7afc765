import { signal } from '@preact/signals'
import { control } from '../api/control'
import type { Catalogue, Json, Key, Settings } from '../api/types'
import { report } from './notices'

export const settings = signal<Settings | null>(null)
export const catalogue = signal<Catalogue | null>(null)

export async function loadSettings(): Promise<void> {
  try {
    settings.value = await control.settings()
  } catch (error) {
    report(error)
  }
}

/** What the emulator can do does not change while it runs. */
export async function loadCatalogue(): Promise<void> {
  if (catalogue.peek()) return
  try {
    catalogue.value = await control.catalogue()
  } catch (error) {
    report(error)
  }
}

/** Whether a brain is the script that comes with the emulator: that is told as any other script. */
export function isDemo(brain: Json): boolean {
  const demo = catalogue.value?.demo
  return demo !== undefined && JSON.stringify(demo) === JSON.stringify(brain)
}

/** What of a key is to be another, or a new one with an avatar of its own. */
type KeyChange = Partial<Key> & { key: string; avatar?: { name: string; opening: string } }

/** Adds or changes one key; all others stay, whatever another page does to them meanwhile. */
export async function changeKey(key: KeyChange): Promise<void> {
  take(await control.changeKey(key))
}

export async function removeKey(key: string): Promise<void> {
  take(await control.removeKey(key))
}

function take(changed: Pick<Settings, 'keys' | 'avatars'>): void {
  const known = settings.peek()
  if (known) settings.value = { ...known, ...changed }
}

export async function changeSettings(changes: { [name: string]: Json | object }): Promise<void> {
  settings.value = await control.change(changes)
}
