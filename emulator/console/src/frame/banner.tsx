import type { JSX } from 'preact'
import { link } from '../api/feed'
import { t } from '../words'

/** Says that the emulator is gone; the page comes back by itself. */
export function Banner(): JSX.Element {
  return (
    <div role="alert">
      {link.value === 'lost' && (
        <p class="banner">
          <i class="dot bad" />
          {t('emulatorGone')}
        </p>
      )}
    </div>
  )
}
