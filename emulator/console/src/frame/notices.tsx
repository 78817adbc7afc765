import type { JSX } from 'preact'
import { Button } from '../parts/button'
import { dismiss, notices } from '../store/notices'
import { t } from '../words'

export function Notices(): JSX.Element {
  return (
    <section class="notices" aria-label={t('notices')} aria-live="polite">
      {notices.value.map((one) => (
        <p key={one.id} class={`notice ${one.kind}`}>
          <span>{one.text}</span>
          <Button small kind="quiet" icon="close" label={t('dismiss')} onClick={() => dismiss(one.id)} />
        </p>
      ))}
    </section>
  )
}
