import { effect, signal } from '@preact/signals'

export type Theme = 'auto' | 'light' | 'dark'
export type Language = 'en' | 'zh'

const read = <T extends string>(name: string, known: readonly T[]): T | null => {
  const kept = localStorage.getItem(name) as T | null
  return kept !== null && known.includes(kept) ? kept : null
}

const THEME = 'secondme-console-theme'
const LANGUAGE = 'secondme-console-language'

export const theme = signal<Theme>(read(THEME, ['auto', 'light', 'dark']) ?? 'auto')
export const language = signal<Language>(
  read(LANGUAGE, ['en', 'zh']) ?? (navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en'),
)

const darkSystem = matchMedia('(prefers-color-scheme: dark)')
export const isDark = signal(false)

function apply(): void {
  isDark.value = theme.value === 'dark' || (theme.value === 'auto' && darkSystem.matches)
  document.documentElement.dataset.theme = isDark.value ? 'dark' : 'light'
}

darkSystem.addEventListener('change', apply)
effect(() => {
  apply()
  localStorage.setItem(THEME, theme.value)
})
effect(() => {
  document.documentElement.lang = language.value === 'zh' ? 'zh-CN' : 'en'
  localStorage.setItem(LANGUAGE, language.value)
})
