import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Catalogue, Json, Settings } from '../api/types'
import { Button } from '../parts/button'
import { useBusy } from '../parts/busy'
import { Field } from '../parts/field'
import { catalogue, changeSettings } from '../store/settings'
import { t } from '../words'

type Switch = Catalogue['switches'][number]

/** Every open question about the service, and the answer that the emulator gives; then the limits and the delays. */
export function SwitchesCard({ settings }: { settings: Settings }): JSX.Element | null {
  const [sought, setSought] = useState('')
  const [changedOnly, setChangedOnly] = useState(false)
  const all = catalogue.value
  if (!all) return null
  const isChanged = (one: { name: string; default: Json }) =>
    JSON.stringify(settings[one.name]) !== JSON.stringify(one.default)
  const fits = (one: { name: string; about: string; default: Json }) =>
    `${one.name} ${one.about}`.toLowerCase().includes(sought.toLowerCase()) && (!changedOnly || isChanged(one))
  const values = all.settings.filter((one) => ['number', 'string'].includes(typeof settings[one.name]) && fits(one))
  return (
    <section class="card">
      <header class="card-head">
        <h3>{t('switches')}</h3>
        <label class="check">
          <input
            type="checkbox"
            checked={changedOnly}
            onChange={(event) => setChangedOnly(event.currentTarget.checked)}
          />
          {t('changedOnly')}
        </label>
      </header>
      {t('termsInEnglish') && <p class="soft">{t('termsInEnglish')}</p>}
      <input
        type="search"
        aria-label={t('searchSwitches')}
        placeholder={t('searchSwitches')}
        value={sought}
        onInput={(event) => setSought(event.currentTarget.value)}
      />
      <div class="switches">
        {all.switches.filter(fits).map((one) => (
          <SwitchRow key={one.name} of={one} value={settings[one.name] as Json} changed={isChanged(one)} />
        ))}
        {values.map((one) => (
          <ValueRow
            key={`${one.name}-${String(settings[one.name])}`}
            name={one.name}
            about={one.about}
            value={settings[one.name] as Json}
            changed={isChanged(one)}
          />
        ))}
      </div>
    </section>
  )
}

function SwitchRow({ of, value, changed }: { of: Switch; value: Json; changed: boolean }): JSX.Element {
  const [busy, run] = useBusy()
  // An answer such as `minutes:N` takes a number, which is written by hand.
  if (of.answers.some((answer) => /:N$/.test(answer))) {
    return (
      <ValueRow
        key={String(value)}
        name={of.name}
        about={`${of.about} ${of.answers.join(', ')}`}
        value={value}
        changed={changed}
      />
    )
  }
  return (
    <div class={`switch-row${changed ? ' changed' : ''}`}>
      <Field label={of.name} help={of.about}>
        {(id) => (
          <select
            id={id}
            value={String(value)}
            disabled={busy}
            onChange={(event) => void run(() => changeSettings({ [of.name]: event.currentTarget.value }))}
          >
            {of.answers.map((answer) => (
              <option key={answer} value={answer}>
                {answer}
                {answer === of.default ? ` (${t('default')})` : ''}
              </option>
            ))}
          </select>
        )}
      </Field>
    </div>
  )
}

function ValueRow({
  name,
  about,
  value,
  changed,
}: {
  name: string
  about: string
  value: Json
  changed: boolean
}): JSX.Element {
  const [busy, run] = useBusy()
  const isNumber = typeof value === 'number'
  const [text, setText] = useState(String(value))
  const apply = () => run(() => changeSettings({ [name]: isNumber ? Number(text) : text.trim() }))
  return (
    <form
      class={`switch-row${changed ? ' changed' : ''}`}
      onSubmit={(event) => {
        event.preventDefault()
        void apply()
      }}
    >
      <Field label={name} help={about}>
        {(id) => (
          <span class="inline">
            <input
              id={id}
              {...(isNumber && { type: 'number' as const, min: 0, step: 1 })}
              required
              value={text}
              disabled={busy}
              onInput={(event) => setText(event.currentTarget.value)}
            />
            {text !== String(value) && (
              <Button small type="submit" disabled={busy}>
                {t('apply')}
              </Button>
            )}
          </span>
        )}
      </Field>
    </form>
  )
}
