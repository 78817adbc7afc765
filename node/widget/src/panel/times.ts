import type { PanelWords } from '../words/panel.js'

/** Writes times and days as the language does. */
export class Times {
  readonly #words: PanelWords
  readonly #time: Intl.DateTimeFormat
  readonly #day: Intl.DateTimeFormat

  constructor(language: string, words: PanelWords) {
    this.#words = words
    const known = supported(language)
    this.#time = new Intl.DateTimeFormat(known, { hour: 'numeric', minute: '2-digit' })
    this.#day = new Intl.DateTimeFormat(known, { weekday: 'long', month: 'long', day: 'numeric' })
  }

  time(at: number): string {
    return this.#time.format(at)
  }

  day(at: number): string {
    const days = Math.round((startOfDay(Date.now()) - startOfDay(at)) / 86_400_000)
    if (days === 0) return this.#words.today
    return days === 1 ? this.#words.yesterday : this.#day.format(at)
  }
}

export function isSameDay(one: number, other: number): boolean {
  return startOfDay(one) === startOfDay(other)
}

function startOfDay(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0)
}

function supported(language: string): string {
  try {
    return Intl.DateTimeFormat.supportedLocalesOf(language)[0] ?? 'en'
  } catch {
    return 'en'
  }
}
