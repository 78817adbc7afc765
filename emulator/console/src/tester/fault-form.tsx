import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Catalogue, Json, JsonObject } from '../api/types'
import { Button } from '../parts/button'
import { Field } from '../parts/field'
import { notice } from '../store/notices'
import { opened } from '../store/thread'
import { t } from '../words'

/** Places at which frames pass, which a fault can choose by their kind. */
const FRAMES = new Set(['frame-in', 'frame-out'])

interface FaultFormProps {
  catalogue: Catalogue
  onAdd: (fault: JsonObject) => Promise<void>
}

export function FaultForm({ catalogue, onAdd }: FaultFormProps): JSX.Element {
  const [at, setAt] = useState('message/send')
  const [effect, setEffect] = useState('')
  const [details, setDetails] = useState('')
  const [times, setTimes] = useState('')
  const [skip, setSkip] = useState('')
  const [chance, setChance] = useState('')
  const [firstTry, setFirstTry] = useState(false)
  const [here, setHere] = useState(false)
  const [type, setType] = useState('')

  const place = catalogue.injectionPoints.find((one) => one.name === at) ?? catalogue.injectionPoints[0]
  const effects = catalogue.effects.filter((one) => place?.effects.includes(one.name))
  const chosen = effects.find((one) => one.name === effect) ?? effects[0]
  const detailed = chosen !== undefined && typeof chosen.written !== 'string'
  const session = opened.value

  const add = async () => {
    let what: Json = chosen?.written ?? null
    if (detailed && details) {
      try {
        what = JSON.parse(details) as Json
      } catch (error) {
        return notice('error', t('notJson', { why: error instanceof Error ? error.message : '' }))
      }
    }
    const number = (text: string) => (text.trim() === '' ? undefined : Number(text))
    const given = {
      at: place?.name,
      do: what,
      times: number(times),
      skip: number(skip),
      chance: number(chance),
      'first-try': firstTry || undefined,
      // Step 0 and the handshake belong to no session: they are told by the visitor.
      visitor: here ? session?.visitorId : undefined,
      type: FRAMES.has(at) && type ? type : undefined,
    }
    await onAdd(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as JsonObject)
  }

  return (
    <form
      class="card form"
      onSubmit={(event) => {
        event.preventDefault()
        void add()
      }}
    >
      <h3>{t('newFault')}</h3>
      {t('termsInEnglish') && <p class="soft">{t('termsInEnglish')}</p>}
      <div class="columns">
        <Field label={t('faultAt')} help={place?.about}>
          {(id) => (
            <select id={id} value={place?.name} onChange={(event) => setAt(event.currentTarget.value)}>
              {catalogue.injectionPoints.map((one) => (
                <option key={one.name} value={one.name}>
                  {one.name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label={t('faultDo')} help={chosen?.about}>
          {(id) => (
            <select
              id={id}
              value={chosen?.name}
              onChange={(event) => {
                setEffect(event.currentTarget.value)
                setDetails('')
              }}
            >
              {effects.map((one) => (
                <option key={one.name} value={one.name}>
                  {one.name}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      {detailed && (
        <Field label={t('faultDetails')} help={t('faultDetailsHelp')}>
          {(id) => (
            <textarea
              id={id}
              class="mono"
              rows={2}
              spellcheck={false}
              value={details || JSON.stringify(chosen?.written)}
              onInput={(event) => setDetails(event.currentTarget.value)}
            />
          )}
        </Field>
      )}
      <div class="columns three">
        <NumberField label={t('faultTimes')} placeholder="1" value={times} set={setTimes} />
        <NumberField label={t('faultSkip')} placeholder="0" value={skip} set={setSkip} />
        <NumberField label={t('faultChance')} placeholder="–" step="0.01" max="1" value={chance} set={setChance} />
      </div>
      {FRAMES.has(at) && (
        <Field label={t('faultType')} help={t('faultTypeHelp')}>
          {(id) => (
            <input
              id={id}
              value={type}
              placeholder="msg"
              onInput={(event) => setType(event.currentTarget.value.trim())}
            />
          )}
        </Field>
      )}
      <label class="check">
        <input type="checkbox" checked={firstTry} onChange={(event) => setFirstTry(event.currentTarget.checked)} />
        {t('faultFirstTry')}
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={here && session !== undefined}
          disabled={!session}
          onChange={(event) => setHere(event.currentTarget.checked)}
        />
        {session ? t('faultHere', { name: session.name ?? session.visitorId }) : t('faultHereNone')}
      </label>
      <div class="actions">
        <Button type="submit" kind="primary" icon="bolt">
          {t('addFault')}
        </Button>
      </div>
    </form>
  )
}

interface NumberFieldProps {
  label: string
  placeholder: string
  value: string
  step?: string
  max?: string
  set: (value: string) => void
}

function NumberField({ label, placeholder, value, step, max, set }: NumberFieldProps): JSX.Element {
  return (
    <Field label={label}>
      {(id) => (
        <input
          id={id}
          type="number"
          min="0"
          max={max}
          step={step ?? '1'}
          placeholder={placeholder}
          value={value}
          onInput={(event) => set(event.currentTarget.value)}
        />
      )}
    </Field>
  )
}
