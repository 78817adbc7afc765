import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { setToken, token } from '../api/token'
import { Button } from '../parts/button'
import { Field } from '../parts/field'
import { t } from '../words'

export function TokenForm(): JSX.Element {
  const [given, setGiven] = useState('')
  return (
    <main class="token-page">
      <form
        class="card form"
        onSubmit={(event) => {
          event.preventDefault()
          setToken(given.trim())
        }}
      >
        <h1>{t('title')}</h1>
        <p class="soft" role="alert">
          {t(token.value ? 'tokenRefused' : 'tokenWanted')}
        </p>
        <Field label={t('token')} help={t('tokenHelp')}>
          {(id) => (
            <input
              id={id}
              type="password"
              autocomplete="off"
              required
              value={given}
              onInput={(event) => setGiven(event.currentTarget.value)}
            />
          )}
        </Field>
        <Button type="submit" kind="primary" disabled={!given.trim()}>
          {t('continue')}
        </Button>
      </form>
    </main>
  )
}
