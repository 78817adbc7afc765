import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { control } from '../api/control'
import type { StateFile } from '../api/types'
import { Button } from '../parts/button'
import { useBusy } from '../parts/busy'
import { notice, report } from '../store/notices'
import { overview } from '../store/overview'
import { catalogue, loadCatalogue, loadSettings, settings } from '../store/settings'
import { t } from '../words'
import { BrainCard } from './brain-card'
import { KeysCard } from './keys-card'
import { SwitchesCard } from './switches-card'

export function Setup(): JSX.Element {
  // The overview tells of each change, whichever way it came: another tab, a program, a profile.
  useEffect(() => void loadSettings(), [overview.value?.settings])
  useEffect(() => void loadCatalogue(), [])
  if (!settings.value || !catalogue.value) return <p class="soft center">{t('loading')}</p>
  return (
    <div class="scroll stack">
      <KeysCard settings={settings.value} />
      <BrainCard key={JSON.stringify(settings.value.brain)} brain={settings.value.brain} />
      <SwitchesCard settings={settings.value} />
      <ProfileCard />
      <StateCard />
    </div>
  )
}

function ProfileCard(): JSX.Element {
  const [busy, run] = useBusy()
  const read = (file: File | undefined) =>
    file &&
    run(async () => {
      settings.value = await control.profile(await file.text())
      notice('done', t('profileTaken', { name: file.name }))
    })
  return (
    <section class="card">
      <h3>{t('profile')}</h3>
      <p class="soft">{t('profileHelp')}</p>
      <input
        type="file"
        accept=".toml"
        aria-label={t('profile')}
        disabled={busy}
        onChange={(event) => {
          void read(event.currentTarget.files?.[0])
          event.currentTarget.value = ''
        }}
      />
    </section>
  )
}

function StateCard(): JSX.Element {
  const [busy, run] = useBusy()
  const [kept, setKept] = useState<StateFile | null>(null)
  const [sure, setSure] = useState(false)
  useEffect(() => void control.stateFile().then(setKept, report), [])
  const trouble = overview.value?.stateTrouble ?? kept?.trouble
  const save = () =>
    run(async () => {
      const saved = await control.saveState()
      setKept(saved)
      notice('done', t('stateSaved', { file: saved.file ?? '' }))
    })
  return (
    <section class="card">
      <h3>{t('stateOfEmulator')}</h3>
      <p class="soft">{kept?.file ? t('stateFileIs', { file: kept.file }) : t('noStateFile')}</p>
      {trouble && <p class="explain warn">{trouble}</p>}
      <div class="actions">
        {kept?.file && (
          <Button disabled={busy} onClick={() => void save()}>
            {t('saveState')}
          </Button>
        )}
        <Button
          kind="danger"
          disabled={busy}
          onClick={() => {
            if (!sure) return setSure(true)
            setSure(false)
            void run(control.reset)
          }}
        >
          {t(sure ? 'resetSure' : 'reset')}
        </Button>
        {sure && <Button onClick={() => setSure(false)}>{t('cancel')}</Button>}
      </div>
    </section>
  )
}
