import type { JSX } from 'preact'
import { useCallback, useEffect, useState } from 'preact/hooks'
import { control } from '../api/control'
import type { Fault } from '../api/types'
import { Button } from '../parts/button'
import { useBusy } from '../parts/busy'
import { report } from '../store/notices'
import { overview } from '../store/overview'
import { catalogue, loadCatalogue } from '../store/settings'
import { t } from '../words'
import { FaultForm } from './fault-form'

const SAID_ELSEWHERE = new Set(['id', 'at', 'do', 'left', 'met'])

export function Faults(): JSX.Element {
  const [faults, setFaults] = useState<Fault[]>([])
  const [busy, run] = useBusy()
  const load = useCallback(async () => {
    try {
      setFaults(await control.faults())
    } catch (error) {
      report(error)
    }
  }, [])
  useEffect(() => void loadCatalogue(), [])
  // The overview tells when a call was made or a fault came; whether one was met is then asked.
  useEffect(() => void load(), [overview.value])
  const act = (work: () => Promise<unknown>) =>
    run(async () => {
      await work()
      await load()
    })
  return (
    <div class="scroll stack">
      <section class="card">
        <header class="card-head">
          <h3>{t('faultsOn')}</h3>
          {faults.length > 0 && (
            <Button small kind="danger" icon="trash" disabled={busy} onClick={() => void act(control.clearFaults)}>
              {t('clearAll')}
            </Button>
          )}
        </header>
        {faults.length === 0 ? (
          <p class="soft">{t('noFaults')}</p>
        ) : (
          <ul class="rows">
            {faults.map((fault) => (
              <li key={fault.id}>
                <span class="mono grow-text">
                  <b>{fault.at}</b> {typeof fault.do === 'string' ? fault.do : JSON.stringify(fault.do)}
                  <small class="soft">{conditions(fault)}</small>
                </span>
                <span class="tag">
                  {fault.left === null ? t('noEnd') : fault.left === 0 ? t('spent') : t('timesLeft', { n: fault.left })}
                </span>
                <span class={`tag ${fault.met > 0 ? 'warn' : ''}`}>{t('metTimes', { n: fault.met })}</span>
                <Button
                  small
                  kind="quiet"
                  icon="close"
                  label={t('removeFault', { at: fault.at })}
                  disabled={busy}
                  onClick={() => void act(() => control.removeFault(fault.id))}
                />
              </li>
            ))}
          </ul>
        )}
      </section>
      {catalogue.value && (
        <FaultForm catalogue={catalogue.value} onAdd={(fault) => act(() => control.addFault(fault))} />
      )}
    </div>
  )
}

function conditions(fault: Fault): string {
  const rest = Object.entries(fault).filter(
    ([name, value]) => !SAID_ELSEWHERE.has(name) && value !== null && value !== false && value !== 0,
  )
  return rest.map(([name, value]) => ` ${name}: ${String(value)}`).join(',')
}
