import type { JSX, RefObject } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { t } from '../words'

const KEPT = 'secondme-console-tester-width'
const [LEAST, MOST, STEP, USUAL] = [22, 70, 2, 38]

/** The border between the two sides, in hundredths of the window; moved with the mouse or the arrows. */
export function Splitter({ panes }: { panes: RefObject<HTMLElement | null> }): JSX.Element {
  const [share, setShare] = useState(() => clamp(Number(localStorage.getItem(KEPT) ?? USUAL)))
  useEffect(() => {
    panes.current?.style.setProperty('--tester', `${share}%`)
    localStorage.setItem(KEPT, String(share))
  }, [share])
  const drag = (down: PointerEvent) => {
    const handle = down.currentTarget as HTMLElement
    handle.setPointerCapture(down.pointerId)
    const move = (event: PointerEvent) => {
      const box = panes.current?.getBoundingClientRect()
      if (box) setShare(clamp(((box.right - event.clientX) / box.width) * 100))
    }
    handle.addEventListener('pointermove', move)
    handle.addEventListener('lostpointercapture', () => handle.removeEventListener('pointermove', move), { once: true })
  }
  const press = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowLeft' ? STEP : event.key === 'ArrowRight' ? -STEP : 0
    if (by === 0) return
    event.preventDefault()
    setShare(clamp(share + by))
  }
  return (
    <div
      class="splitter"
      role="separator"
      tabIndex={0}
      aria-orientation="vertical"
      aria-label={t('testerWidth')}
      aria-valuenow={Math.round(share)}
      aria-valuemin={LEAST}
      aria-valuemax={MOST}
      onPointerDown={drag}
      onKeyDown={press}
    />
  )
}

const clamp = (share: number) => Math.min(MOST, Math.max(LEAST, Number.isFinite(share) ? share : USUAL))
