export interface PageListener {
  /** The browser is online, or the page came into view. */
  onWake(): void
  /** The page came into view, or is out of it. */
  onView(): void
  /** Another tab wrote into the storage that the site's tabs share. */
  onStored(key: string | null): void
  /** The page is put aside whole, and holds no connection from now on. */
  onAside(): void
  /** It came back. */
  onBack(): void
}

/** Tells what happens to the page, until the signal aborts. */
export function watchPage(signal: AbortSignal, listener: PageListener): void {
  addEventListener('online', () => listener.onWake(), { signal })
  addEventListener('storage', (event) => listener.onStored(event.key), { signal })
  document.addEventListener(
    'visibilitychange',
    () => {
      if (!document.hidden) listener.onWake()
      listener.onView()
    },
    { signal },
  )
  const aside = (event: PageTransitionEvent) => {
    if (!event.persisted) return
    listener.onAside()
    addEventListener('pageshow', () => listener.onBack(), { once: true })
  }
  addEventListener('pagehide', aside, { signal })
}
