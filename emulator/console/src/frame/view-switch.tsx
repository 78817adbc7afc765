import type { JSX } from 'preact'
import { Icon } from '../parts/icon'
import { listed, unread } from '../store/conversations'
import { show, view } from '../store/view'
import { t } from '../words'

/** In a narrow window: which side is shown. */
export function ViewSwitch(): JSX.Element {
  const { side } = view.value
  const waiting = listed.value.filter((one) => unread(one) > 0).length
  return (
    <nav class="view-switch" aria-label={t('sides')}>
      <button
        type="button"
        aria-current={side === 'owner' ? 'true' : undefined}
        onClick={() => show({ side: 'owner' })}
      >
        <Icon name="inbox" />
        {t('owner')}
        {waiting > 0 && <b class="count">{waiting}</b>}
      </button>
      <button
        type="button"
        aria-current={side === 'tester' ? 'true' : undefined}
        onClick={() => show({ side: 'tester' })}
      >
        <Icon name="sliders" />
        {t('tester')}
      </button>
    </nav>
  )
}
