import { useState } from 'preact/hooks'
import { report } from '../store/notices'

/** Runs what a button starts: the button waits for it, and a failure is said. */
export function useBusy(): [boolean, (work: () => Promise<unknown>) => Promise<void>] {
  const [busy, setBusy] = useState(false)
  const run = async (work: () => Promise<unknown>) => {
    setBusy(true)
    try {
      await work()
    } catch (error) {
      report(error)
    }
    setBusy(false)
  }
  return [busy, run]
}
