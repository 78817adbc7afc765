import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { control } from '../api/control'
import { Button } from '../parts/button'
import { useBusy } from '../parts/busy'
import { now, tellTime } from '../store/clock'
import { dayAndTime, t, type Word } from '../words'

const STEPS: { word: Word; n: number; ms: number }[] = [
  { word: 'plusSeconds', n: 10, ms: 10_000 },
  { word: 'plusMinutes', n: 1, ms: 60_000 },
  { word: 'plusMinutes', n: 10, ms: 600_000 },
  { word: 'plusHours', n: 1, ms: 3_600_000 },
  { word: 'plusHours', n: 24, ms: 86_400_000 },
]

/** The emulator's clock. It goes on by itself, and can be moved on: what is due on the way happens in order. */
export function ClockCard(): JSX.Element {
  const [busy, run] = useBusy()
  const [seconds, setSeconds] = useState('')
  const advance = (ms: number) => run(async () => tellTime((await control.advance(ms)).now))
  return (
    <section class="card">
      <header class="card-head">
        <h3>{t('clock')}</h3>
        <time class="mono">{now.value > 0 ? dayAndTime(now.value) : '–'}</time>
      </header>
      <p class="soft">{t('clockHelp')}</p>
      <div class="actions">
        {STEPS.map((step) => (
          <Button key={step.ms} small disabled={busy} onClick={() => void advance(step.ms)}>
            {t(step.word, { n: step.n })}
          </Button>
        ))}
        <form
          class="inline"
          onSubmit={(event) => {
            event.preventDefault()
            if (Number(seconds) > 0) void advance(Math.round(Number(seconds) * 1000))
          }}
        >
          <input
            class="tiny"
            type="number"
            min="0.001"
            step="any"
            aria-label={t('seconds')}
            placeholder={t('seconds')}
            value={seconds}
            onInput={(event) => setSeconds(event.currentTarget.value)}
          />
          <Button small type="submit" disabled={busy || !(Number(seconds) > 0)}>
            {t('advance')}
          </Button>
        </form>
      </div>
    </section>
  )
}
