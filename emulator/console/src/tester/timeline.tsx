import type { JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { CallError } from '../api/call'
import { control } from '../api/control'
import { Button } from '../parts/button'
import { Icon } from '../parts/icon'
import { report } from '../store/notices'
import { isDark } from '../store/preferences'
import { opened } from '../store/thread'
import { moment } from '../store/view'
import { t } from '../words'
import { adoptDrawing, momentAt, placeAt, type Shown, type Span, shownBy, within } from './drawing'

/** How long the size must stay before the picture is drawn anew, in milliseconds. */
const SETTLED = 200

/** How far a pointer moves at least to choose a part, in pixels. */
const DRAGGED = 6
const WHEEL = 1.25
/** How much before and after a moment is shown with it, in milliseconds. */
const AROUND = 2_500

/** The time line of the conversation that is open. */
export function Timeline(): JSX.Element {
  const of = opened.value
  if (!of) {
    return (
      <div class="empty">
        <Icon name="timeline" />
        <p>{t('timelineNone')}</p>
        <p class="soft">{t('timelineHelp')}</p>
      </div>
    )
  }
  return (
    <Drawing
      key={of.sessionId}
      sessionId={of.sessionId}
      version={`${of.messages}-${of.takenOver}-${of.busy}-${of.sockets}`}
    />
  )
}

function Drawing({ sessionId, version }: { sessionId: string; version: string }): JSX.Element {
  const place = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  const [zoom, setZoom] = useState<Span | null>(null)
  const [shown, setShown] = useState<Shown | null>(null)
  const [marked, setMarked] = useState<{ left: number; right: number } | null>(null)
  const [missing, setMissing] = useState(false)
  /** The moment that was asked for and is marked, in milliseconds after the beginning. */
  const [pointed, setPointed] = useState<number | null>(null)
  const dark = isDark.value

  useEffect(() => {
    const element = place.current
    if (!element) return
    let timer: ReturnType<typeof setTimeout>
    const observer = new ResizeObserver(() => {
      clearTimeout(timer)
      timer = setTimeout(() => setWidth(element.clientWidth), width === 0 ? 0 : SETTLED)
    })
    observer.observe(element)
    return () => {
      clearTimeout(timer)
      observer.disconnect()
    }
  }, [])

  useLayoutEffect(() => {
    const element = place.current
    if (!element || width === 0) return
    const stopped = new AbortController()
    const view = { width: Math.max(320, Math.floor(width)), theme: dark ? 'dark' : 'light', ...(zoom ?? {}) }
    control
      .trace(sessionId, view, stopped.signal)
      .then((text) => {
        setMissing(false)
        adoptDrawing(element, text)
        setShown(shownBy(element))
      })
      .catch((error: unknown) => {
        if (stopped.signal.aborted) return
        if (error instanceof CallError && error.status === 404) setMissing(true)
        else report(error)
      })
    return () => stopped.abort()
  }, [sessionId, width, dark, zoom, version])

  /** Zooms by a factor, around a moment that stays where it is, and moves by a part of what is shown. */
  const change = (factor: number, shift: number, around?: number) => {
    if (!shown) return
    const { from, to } = shown.span
    const still = around ?? (from + to) / 2
    const by = shift * (to - from)
    setZoom(within({ from: still + (from - still) * factor + by, to: still + (to - still) * factor + by }, shown.end))
  }
  // What is to be shown is told once the drawing says when the conversation began.
  const wanted = moment.value
  useEffect(() => {
    if (!shown || wanted?.sessionId !== sessionId) return
    const at = wanted.at - shown.begin
    setPointed(at)
    setZoom(within({ from: at - AROUND, to: at + AROUND }, shown.end))
    // It was asked for once.
    moment.value = null
  }, [wanted, shown?.begin])
  const placeOfMoment = shown && pointed !== null ? placeAt(shown, pointed) : null
  const placeOf = (clientX: number) => clientX - (place.current?.getBoundingClientRect().left ?? 0)
  const wheel = (event: WheelEvent) => {
    // Without a key it scrolls, as everywhere.
    if (!shown || !(event.ctrlKey || event.metaKey || event.shiftKey)) return
    event.preventDefault()
    const turned = event.deltaY || event.deltaX
    change(turned < 0 ? 1 / WHEEL : WHEEL, 0, momentAt(shown, placeOf(event.clientX)))
  }
  const press = (down: PointerEvent) => {
    const element = place.current
    if (!element || !shown || down.button !== 0 || down.pointerType === 'touch') return
    const begun = placeOf(down.clientX)
    const range = (event: PointerEvent) => {
      const x = placeOf(event.clientX)
      return { left: Math.min(begun, x), right: Math.max(begun, x) }
    }
    element.setPointerCapture(down.pointerId)
    const move = (event: PointerEvent) => setMarked(range(event))
    const end = new AbortController()
    element.addEventListener('pointermove', move, { signal: end.signal })
    element.addEventListener(
      'lostpointercapture',
      () => {
        end.abort()
        setMarked(null)
      },
      { signal: end.signal },
    )
    element.addEventListener(
      'pointerup',
      (event) => {
        const { left, right } = range(event)
        if (right - left < DRAGGED) return
        setZoom(within({ from: momentAt(shown, left), to: momentAt(shown, right) }, shown.end))
      },
      { signal: end.signal },
    )
  }
  return (
    <div class="timeline">
      <div class="actions bar" role="toolbar" aria-label={t('zoom')}>
        <Button small icon="zoomIn" label={t('zoomIn')} disabled={!shown} onClick={() => change(0.5, 0)} />
        <Button small icon="zoomOut" label={t('zoomOut')} disabled={!zoom} onClick={() => change(2, 0)} />
        <Button small icon="back" label={t('earlier')} disabled={!zoom} onClick={() => change(1, -0.5)} />
        <Button small icon="chevron" label={t('later')} disabled={!zoom} onClick={() => change(1, 0.5)} />
        <Button
          small
          disabled={!zoom && pointed === null}
          onClick={() => {
            setPointed(null)
            setZoom(null)
          }}
        >
          {t('all')}
        </Button>
        {shown && (
          <span class="soft mono">
            {(shown.span.from / 1000).toFixed(1)} – {(shown.span.to / 1000).toFixed(1)} s
          </span>
        )}
      </div>
      {missing && <p class="soft center">{t('timelineMissing')}</p>}
      <div class="drawing" tabIndex={0} role="region" aria-label={t('timeline')}>
        <div ref={place} class="drawn" onPointerDown={press} onWheel={wheel} />
        {placeOfMoment !== null && <i class="moment" style={{ left: `${placeOfMoment}px` }} />}
        {marked && <i class="marked" style={{ left: `${marked.left}px`, width: `${marked.right - marked.left}px` }} />}
      </div>
      <p class="soft center hint">{t('timelineZoom')}</p>
    </div>
  )
}
