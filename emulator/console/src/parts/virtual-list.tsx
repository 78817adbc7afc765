import type { ComponentChildren, JSX } from 'preact'
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

/** Rows beyond the window that are drawn, so that scrolling does not show a gap. */
const BEYOND = 8

export interface VirtualListProps {
  count: number
  rowHeight: number
  keyOf: (index: number) => string | number
  row: (index: number, tabIndex: 0 | -1) => ComponentChildren
  label: string
  class?: string
  /** The row that is open, and what it shows below itself. */
  openIndex?: number
  detail?: () => ComponentChildren
  /** Keeps the end in sight while rows come, until the reader scrolls away. */
  followEnd?: boolean
}

/** A list of which only the rows in sight are in the page. The arrows, Home and End move between the rows' buttons. */
export function VirtualList(props: VirtualListProps): JSX.Element {
  const { count, rowHeight, openIndex = -1 } = props
  const box = useRef<HTMLDivElement>(null)
  const detail = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ top: 0, height: 600 })
  const [detailHeight, setDetailHeight] = useState(0)
  const [active, setActive] = useState(0)
  const wanted = useRef<number | null>(null)
  const atEnd = useRef(true)
  const opens = openIndex >= 0 && openIndex < count
  const extra = opens ? detailHeight : 0
  const total = count * rowHeight + extra

  const look = useCallback(() => {
    const element = box.current
    if (!element) return
    atEnd.current = element.scrollTop + element.clientHeight >= element.scrollHeight - rowHeight
    setView((old) =>
      old.top === element.scrollTop && old.height === element.clientHeight
        ? old
        : { top: element.scrollTop, height: element.clientHeight },
    )
  }, [rowHeight])

  useEffect(() => {
    const element = box.current
    if (!element) return
    const observer = new ResizeObserver(look)
    observer.observe(element)
    return () => observer.disconnect()
  }, [look])

  useEffect(() => {
    const element = detail.current
    if (!opens || !element) return setDetailHeight(0)
    const observer = new ResizeObserver(() => setDetailHeight(element.offsetHeight))
    observer.observe(element)
    return () => observer.disconnect()
  }, [opens, openIndex])

  // What stays in sight when rows come: the end, or the rows that are there.
  const firstKey = count > 0 ? props.keyOf(0) : undefined
  const before = useRef<{ count: number; firstKey: string | number | undefined }>({ count: 0, firstKey })
  useLayoutEffect(() => {
    const element = box.current
    const old = before.current
    before.current = { count, firstKey }
    if (!element || !props.followEnd || old.count === count) return
    if (atEnd.current && !opens) element.scrollTop = element.scrollHeight
    else if (old.firstKey !== firstKey && count > old.count) element.scrollTop += (count - old.count) * rowHeight
    look()
  })

  const topOf = (index: number) => index * rowHeight + (opens && index > openIndex ? extra : 0)
  const indexAt = (y: number) => {
    if (!opens || y <= (openIndex + 1) * rowHeight) return Math.floor(y / rowHeight)
    return Math.max(openIndex, Math.floor((y - extra) / rowHeight))
  }
  const from = Math.max(0, indexAt(view.top) - BEYOND)
  const to = Math.min(count, indexAt(view.top + view.height) + 1 + BEYOND)
  const focusable = Math.min(Math.max(active, 0), Math.max(0, count - 1))
  const drawn = Array.from({ length: Math.max(0, to - from) }, (_, offset) => from + offset)
  if (count > 0 && focusable < from) drawn.unshift(focusable)
  if (count > 0 && focusable >= to) drawn.push(focusable)

  useLayoutEffect(() => {
    const at = wanted.current
    const target = at === null ? null : box.current?.querySelector<HTMLElement>(`[data-index="${at}"] button`)
    if (!target) return
    wanted.current = null
    target.focus({ preventScroll: true })
  })

  const move = (event: KeyboardEvent) => {
    const element = box.current
    if (!element || !(event.target as HTMLElement).closest('[data-row]')) return
    const page = Math.max(1, Math.floor(element.clientHeight / rowHeight) - 1)
    const steps: Record<string, number> = {
      ArrowDown: focusable + 1,
      ArrowUp: focusable - 1,
      PageDown: focusable + page,
      PageUp: focusable - page,
      Home: 0,
      End: count - 1,
    }
    const step = steps[event.key]
    if (step === undefined) return
    event.preventDefault()
    const index = Math.min(Math.max(step, 0), count - 1)
    const top = topOf(index)
    if (top < element.scrollTop) element.scrollTop = top
    else if (top + rowHeight > element.scrollTop + element.clientHeight)
      element.scrollTop = top + rowHeight - element.clientHeight
    wanted.current = index
    setActive(index)
    look()
  }

  return (
    <div ref={box} class={`virtual ${props.class ?? ''}`} onScroll={look} onKeyDown={move}>
      <div class="virtual-space" style={{ height: `${total}px` }} role="list" aria-label={props.label}>
        {drawn.map((index) => (
          <div
            key={props.keyOf(index)}
            class="virtual-row"
            role="listitem"
            aria-setsize={count}
            aria-posinset={index + 1}
            data-index={index}
            style={{ transform: `translateY(${topOf(index)}px)` }}
            onFocusCapture={() => setActive(index)}
          >
            <div data-row style={{ height: `${rowHeight}px` }}>
              {props.row(index, index === focusable ? 0 : -1)}
            </div>
            {opens && index === openIndex && <div ref={detail}>{props.detail?.()}</div>}
          </div>
        ))}
      </div>
    </div>
  )
}
