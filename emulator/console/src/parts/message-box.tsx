import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { t } from '../words'

const NEAR = 240
/** How far from the end a reader still is at the end, in pixels. */
const END = 40

interface MessageBoxProps {
  /** The first message there is: when another comes before it, what is in sight stays. */
  first: string
  /** What a screen reader is told: whole messages, no pieces. */
  announced: string
  onNearBeginning?: () => void
  /** Told whether the reader has scrolled away from the end. */
  onScrolled?: (away: boolean) => void
  children: ComponentChildren
}

/** Messages that scroll. The end stays in sight, until the reader scrolls away from it. */
export function MessageBox({ first, announced, onNearBeginning, onScrolled, children }: MessageBoxProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  const atEnd = useRef(true)
  // The message at the upper edge, and where it stands: what is read stays there when others come or go above it.
  const read = useRef<{ element: HTMLElement; top: number } | null>(null)

  useLayoutEffect(() => {
    const element = box.current
    if (!element) return
    const kept = read.current
    if (atEnd.current) element.scrollTop = element.scrollHeight
    else if (kept?.element.isConnected) element.scrollTop = kept.element.offsetTop - kept.top
  })

  // In a narrow window it has no size until its side is shown.
  useEffect(() => {
    const element = box.current
    if (!element) return
    const observer = new ResizeObserver(() => {
      if (atEnd.current) element.scrollTop = element.scrollHeight
    })
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  // A page that does not fill the window could not be scrolled.
  useEffect(() => {
    const element = box.current
    if (element && element.clientHeight > 0 && element.scrollHeight <= element.clientHeight) onNearBeginning?.()
  }, [first])

  const look = () => {
    const element = box.current
    if (!element || element.clientHeight === 0) return
    atEnd.current = element.scrollTop + element.clientHeight >= element.scrollHeight - END
    const children = [...element.children] as HTMLElement[]
    const upper = children.find((one) => one.offsetTop + one.offsetHeight > element.scrollTop)
    read.current = upper ? { element: upper, top: upper.offsetTop - element.scrollTop } : null
    onScrolled?.(!atEnd.current)
    if (element.scrollTop < NEAR) onNearBeginning?.()
  }

  /** The arrows lead from the button of one message to that of the next. */
  const move = (event: KeyboardEvent) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key]
    if (step === undefined || !(event.target instanceof HTMLButtonElement)) return
    const buttons = [...(box.current?.querySelectorAll<HTMLButtonElement>('.to-journal') ?? [])]
    const next = buttons[buttons.indexOf(event.target) + step]
    if (!next) return
    event.preventDefault()
    next.focus()
  }

  return (
    <>
      <div
        ref={box}
        class="messages"
        onScroll={look}
        onKeyDown={move}
        tabIndex={0}
        role="group"
        aria-label={t('messages')}
      >
        {children}
      </div>
      <div class="unseen" aria-live="polite">
        {announced}
      </div>
    </>
  )
}
