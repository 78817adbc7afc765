import type { JSX } from 'preact'
import { link } from '../api/feed'
import { Button } from '../parts/button'
import { now } from '../store/clock'
import { overview } from '../store/overview'
import { language, type Theme, theme } from '../store/preferences'
import { show } from '../store/view'
import { dayAndTime, t, type Word } from '../words'
import type { IconName } from '../parts/icon'

const THEMES: Record<Theme, { next: Theme; icon: IconName; word: Word }> = {
  auto: { next: 'light', icon: 'half', word: 'themeAuto' },
  light: { next: 'dark', icon: 'sun', word: 'themeLight' },
  dark: { next: 'auto', icon: 'moon', word: 'themeDark' },
}

export function TopBar(): JSX.Element {
  const { next, icon, word } = THEMES[theme.value]
  const faults = overview.value?.faults ?? 0
  return (
    <header class="top-bar">
      <h1>
        <Logo />
        <span>SecondMe</span> <small>{t('emulator')}</small>
      </h1>
      <span class={`link ${link.value}`}>
        <i class={`dot ${link.value === 'live' ? 'live' : link.value === 'lost' ? 'bad' : ''}`} />
        <span>{t(link.value === 'live' ? 'linkLive' : link.value === 'lost' ? 'linkLost' : 'linkConnecting')}</span>
      </span>
      {faults > 0 && (
        <button type="button" class="tag warn" onClick={() => show({ side: 'tester', tab: 'faults' })}>
          {t('faultsActive', { n: faults })}
        </button>
      )}
      <time class="clock mono" title={t('clock')}>
        {now.value > 0 ? dayAndTime(now.value) : ''}
      </time>
      <Button
        small
        kind="quiet"
        label={t('otherLanguageLabel')}
        onClick={() => {
          language.value = language.value === 'en' ? 'zh' : 'en'
        }}
      >
        {t('otherLanguage')}
      </Button>
      <Button
        small
        kind="quiet"
        icon={icon}
        label={t('themeIs', { theme: t(word) })}
        onClick={() => {
          theme.value = next
        }}
      />
    </header>
  )
}

function Logo(): JSX.Element {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="9" />
      <path d="M9 11.5h14v9H15l-4 3.5v-3.5H9z" />
    </svg>
  )
}
