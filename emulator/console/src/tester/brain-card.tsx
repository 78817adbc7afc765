import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Json, JsonObject } from '../api/types'
import { isObject } from '../api/json'
import { Button } from '../parts/button'
import { useBusy } from '../parts/busy'
import { Field } from '../parts/field'
import { flow } from '../copy/flow'
import { notice } from '../store/notices'
import { changeSettings, isDemo } from '../store/settings'
import { t } from '../words'

const KINDS = ['echo', 'demo', 'script', 'openai'] as const
type Kind = (typeof KINDS)[number]

const SCRIPT = `rules:
  - when: { contains: [hello, 你好] }
    then:
      - say: Hello! What can I do for you?
  - when: any
    then:
      - say: I do not know that. Shall I ask the owner?
`

/** What answers the visitors. */
export function BrainCard({ brain }: { brain: Json }): JSX.Element {
  const current = kindOf(brain)
  const endpoint = (brain as JsonObject | null)?.openai as JsonObject | undefined
  const [busy, run] = useBusy()
  const [kind, setKind] = useState<Kind>(current)
  const running = scriptOf(brain)
  const [script, setScript] = useState(running ?? SCRIPT)
  const [url, setUrl] = useState(String(endpoint?.url ?? 'http://127.0.0.1:11434/v1'))
  const [model, setModel] = useState(String(endpoint?.model ?? ''))
  const [system, setSystem] = useState(String(endpoint?.system ?? ''))
  const [key, setKey] = useState('')
  const chosen = (): Json => {
    if (kind === 'script') return { script }
    if (kind !== 'openai') return kind
    return { openai: { url, model, ...(system && { system }), ...(key && { key }) } }
  }
  const isChanged =
    kind !== current ||
    (kind === 'script' && script !== running) ||
    (kind === 'openai' &&
      (key !== '' || url !== endpoint?.url || model !== endpoint?.model || system !== (endpoint?.system ?? '')))
  return (
    <form
      class="card form"
      onSubmit={(event) => {
        event.preventDefault()
        void run(async () => {
          await changeSettings({ brain: chosen() })
          setKey('')
          notice('done', t('brainChanged'))
        })
      }}
    >
      <header class="card-head">
        <h3>{t('brain')}</h3>
        <span class="tag avatar">{titleOf(brain)}</span>
      </header>
      <Field label={t('brain')} hidden help={t('brainHelp')}>
        {(id) => (
          <select id={id} value={kind} onChange={(event) => setKind(event.currentTarget.value as Kind)}>
            {KINDS.map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
        )}
      </Field>
      {kind === 'script' && (
        <Field label={t('script')} help={t(running === null ? 'scriptHelp' : 'scriptRuns')}>
          {(id) => (
            <textarea
              id={id}
              class="mono"
              rows={10}
              spellcheck={false}
              value={script}
              onInput={(event) => setScript(event.currentTarget.value)}
            />
          )}
        </Field>
      )}
      {kind === 'openai' && (
        <>
          <div class="columns">
            <Field label="URL">
              {(id) => (
                <input id={id} type="url" required value={url} onInput={(event) => setUrl(event.currentTarget.value)} />
              )}
            </Field>
            <Field label={t('model')}>
              {(id) => (
                <input id={id} required value={model} onInput={(event) => setModel(event.currentTarget.value)} />
              )}
            </Field>
          </div>
          <Field label={t('systemPrompt')}>
            {(id) => (
              <textarea id={id} rows={3} value={system} onInput={(event) => setSystem(event.currentTarget.value)} />
            )}
          </Field>
          <Field label={t('endpointKey')} help={t('endpointKeyHelp')}>
            {(id) => (
              <input
                id={id}
                type="password"
                autocomplete="off"
                value={key}
                onInput={(event) => setKey(event.currentTarget.value)}
              />
            )}
          </Field>
        </>
      )}
      <div class="actions">
        <Button type="submit" disabled={busy || !isChanged}>
          {t('apply')}
        </Button>
      </div>
    </form>
  )
}

/** What runs, with the name of its script's avatar. */
function titleOf(brain: Json): string {
  const script = (brain as JsonObject | null)?.script as JsonObject | undefined
  const name = (script?.avatar as JsonObject | undefined)?.name
  return typeof name === 'string' ? `${kindOf(brain)}: ${name}` : kindOf(brain)
}

/** The script that runs, as YAML with a rule on each line; null where what runs is no script. */
function scriptOf(brain: Json): string | null {
  const script = (brain as JsonObject | null)?.script
  if (script === undefined) return null
  if (!isObject(script)) return String(script)
  const parts = Object.entries(script).map(([name, value]) =>
    Array.isArray(value) && value.length > 0
      ? `${name}:\n${value.map((one) => `  - ${flow(one)}\n`).join('')}`
      : `${name}: ${flow(value)}\n`,
  )
  return parts.join('')
}

function kindOf(brain: Json): Kind {
  if (isDemo(brain)) return 'demo'
  const name = typeof brain === 'string' ? brain : Object.keys((brain as JsonObject | null) ?? {})[0]
  return KINDS.find((one) => one === name) ?? 'script'
}
