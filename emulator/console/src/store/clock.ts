import { computed, signal } from '@preact/signals'

/** The emulator's time when it was last told, and this page's then. */
const told = signal({ now: 0, at: 0 })
/** Goes on once a second, for what counts down. */
const second = signal(performance.now())
setInterval(() => {
  if (!document.hidden) second.value = performance.now()
}, 1000)

export function tellTime(now: number): void {
  told.value = { now, at: performance.now() }
}

/** The emulator's time at this moment; the browser's until it was told. */
export function thisMoment(): number {
  const { now, at } = told.peek()
  return now === 0 ? Date.now() : now + performance.now() - at
}

/** The emulator's time, told anew each second. It may have been moved on, and is not the computer's. 0: it was not told yet. */
export const now = computed(() =>
  told.value.now === 0 ? 0 : told.value.now + Math.max(0, second.value - told.value.at),
)
