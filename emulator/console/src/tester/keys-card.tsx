import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Settings } from '../api/types'
import { Button } from '../parts/button'
import { useBusy } from '../parts/busy'
import { Field } from '../parts/field'
import { changeKey, removeKey } from '../store/settings'
import { t } from '../words'

export function KeysCard({ settings }: { settings: Settings }): JSX.Element {
  const [busy, run] = useBusy()
  const [adding, setAdding] = useState(false)
  const { keys, avatars } = settings
  const disable = (key: string, disabled: boolean) => run(() => changeKey({ key, disabled }))
  const name = (shareCode: string) => avatars.find((one) => one['share-code'] === shareCode)?.name ?? shareCode
  return (
    <section class="card">
      <header class="card-head">
        <h3>{t('keysAndAvatars')}</h3>
        <Button small icon="plus" pressed={adding} onClick={() => setAdding(!adding)}>
          {t('addKey')}
        </Button>
      </header>
      <ul class="rows">
        {keys.map((one) => (
          <li key={one.key}>
            <span class="grow-text">
              <code>{one.key}</code>
              <small class="soft">
                {name(one['share-code'])} · {one['share-code']}
              </small>
            </span>
            <label class="switch">
              <input
                type="checkbox"
                role="switch"
                checked={!one.disabled}
                aria-checked={!one.disabled}
                disabled={busy}
                aria-label={t('keyIsOn', { key: one.key })}
                onChange={() => void disable(one.key, !one.disabled)}
              />
              <span>{t(one.disabled ? 'disabled' : 'enabled')}</span>
            </label>
            {keys.length > 1 && (
              <Button
                small
                kind="quiet"
                icon="close"
                disabled={busy}
                label={t('removeKey', { key: one.key })}
                onClick={() => void run(() => removeKey(one.key))}
              />
            )}
          </li>
        ))}
      </ul>
      {adding && <NewKey settings={settings} onDone={() => setAdding(false)} />}
    </section>
  )
}

const NEW = ''

/** A key of an avatar that is there, or of a new one. */
function NewKey({ settings, onDone }: { settings: Settings; onDone: () => void }): JSX.Element {
  const { keys, avatars } = settings
  const [busy, run] = useBusy()
  const [key, setKey] = useState(`sk-${keys.length + 1}`)
  const [shareCode, setShareCode] = useState(NEW)
  const [name, setName] = useState('')
  const [opening, setOpening] = useState('')
  const add = () =>
    run(async () => {
      const opens = shareCode === NEW ? { avatar: { name: name.trim(), opening } } : { 'share-code': shareCode }
      await changeKey({ key: key.trim(), disabled: false, ...opens })
      onDone()
    })
  return (
    <form
      class="form inset"
      onSubmit={(event) => {
        event.preventDefault()
        void add()
      }}
    >
      <div class="columns">
        <Field label={t('apiKey')}>
          {(id) => (
            <input
              id={id}
              class="mono"
              required
              pattern="sk-[!-~]+"
              value={key}
              onInput={(event) => setKey(event.currentTarget.value)}
            />
          )}
        </Field>
        <Field label={t('avatar')}>
          {(id) => (
            <select id={id} value={shareCode} onChange={(event) => setShareCode(event.currentTarget.value)}>
              <option value={NEW}>{t('newAvatar')}</option>
              {avatars.map((one) => (
                <option key={one['share-code']} value={one['share-code']}>
                  {one.name}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      {shareCode === NEW && (
        <div class="columns">
          <Field label={t('avatarName')}>
            {(id) => <input id={id} required value={name} onInput={(event) => setName(event.currentTarget.value)} />}
          </Field>
          <Field label={t('openingLine')}>
            {(id) => <input id={id} value={opening} onInput={(event) => setOpening(event.currentTarget.value)} />}
          </Field>
        </div>
      )}
      <div class="actions">
        <Button type="submit" kind="primary" disabled={busy}>
          {t('add')}
        </Button>
        <Button onClick={onDone}>{t('cancel')}</Button>
      </div>
    </form>
  )
}
