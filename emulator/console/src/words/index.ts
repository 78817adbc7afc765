import { language } from '../store/preferences'
import { en } from './en'
import { zh } from './zh'

/** The name of a sentence. Each language has all of them, or the page does not compile. */
export type Word = keyof typeof en

const all: Record<'en' | 'zh', Record<Word, string>> = { en, zh }

/** A sentence in the chosen language, with its `{places}` filled. Where it says `one|many`, `{n}` chooses. */
export function t(word: Word, places: Record<string, string | number> = {}): string {
  const forms = all[language.value][word].split('|')
  const form = forms.length > 1 && places.n !== 1 ? forms[1] : forms[0]
  return (form ?? word).replace(/\{(\w+)\}/g, (whole, name: string) => String(places[name] ?? whole))
}

/** A format costs far more to make than to use. */
const formats = {
  en: formatsOf('en-GB'),
  zh: formatsOf('zh-CN'),
}

function formatsOf(locale: string) {
  return {
    time: new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hour12: false }),
    day: new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric' }),
    whole: new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium', hour12: false }),
  }
}

export function timeOfDay(ms: number): string {
  return formats[language.value].time.format(ms)
}

export function preciseTime(ms: number): string {
  const date = new Date(ms)
  const two = (value: number) => String(value).padStart(2, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

export function dayAndTime(ms: number): string {
  return formats[language.value].whole.format(ms)
}

/** How long ago in a word, for a list. */
export function shortAgo(ms: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - ms) / 1000))
  if (seconds < 60) return t('now')
  if (seconds < 3600) return t('minutesShort', { n: Math.floor(seconds / 60) })
  if (seconds < 86_400) return t('hoursShort', { n: Math.floor(seconds / 3600) })
  return formats[language.value].day.format(ms)
}

/** A duration as a clock counts it down. */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000))
  const two = (value: number) => String(value).padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}
