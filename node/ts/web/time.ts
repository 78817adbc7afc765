/** The time of the website's server part. */

import type { Clock } from '../bridge/clock.js'

/** Does something again and again, until the signal. */
export function every(clock: Clock, ms: number, signal: AbortSignal, act: () => void): void {
  clock.wait(ms, signal).then(
    () => {
      act()
      every(clock, ms, signal, act)
    },
    () => {},
  )
}
