/** What tabs tell one another. */
export type TabMessage = Record<string, unknown> & { type: string }

/**
 * The tabs of one site: one of them leads, and does what needs to be done once. Where the browser has no locks or no
 * channels between tabs, each leads itself.
 */
export class Tabs {
  readonly #channel: BroadcastChannel | undefined
  readonly #name: string

  constructor(name: string, onMessage: (message: TabMessage) => void) {
    this.#name = name
    if (!hasLocks() || typeof BroadcastChannel !== 'function') return
    try {
      this.#channel = new BroadcastChannel(name)
    } catch {
      return
    }
    this.#channel.onmessage = ({ data }) => {
      if (typeof data?.type === 'string') onMessage(data)
    }
  }

  /** Runs `work` once this tab leads; it leads until that ends. */
  async lead(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    if (this.#channel === undefined) return work()
    await exclusively(`${this.#name}:events`, signal, work)
  }

  tell(message: TabMessage): void {
    this.#channel?.postMessage(message)
  }

  close(): void {
    this.#channel?.close()
  }
}

/**
 * Runs `work` while no other tab runs what has the same name. Where the browser gives the page no locks, as when all of
 * the site's data is blocked, it runs without.
 */
export async function exclusively<Done>(
  name: string,
  signal: AbortSignal,
  work: () => Promise<Done>,
): Promise<Done | undefined> {
  if (!hasLocks()) return work()
  let hasBegun = false
  try {
    return await navigator.locks.request(name, { signal }, () => {
      hasBegun = true
      return work()
    })
  } catch (error) {
    if (hasBegun) throw error
    return signal.aborted ? undefined : work()
  }
}

function hasLocks(): boolean {
  return globalThis.navigator?.locks !== undefined
}
