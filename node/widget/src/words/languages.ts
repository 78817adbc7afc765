const RIGHT_TO_LEFT = /^(ar|arc|ckb|dv|fa|ha-arab|he|iw|ks|ku-arab|ps|sd|ug|ur|yi)\b/i

export function isRightToLeft(language: string): boolean {
  return RIGHT_TO_LEFT.test(language)
}

/** The built-in language that serves this one, if one does. */
export function builtIn(language: string): 'en' | 'zh' | undefined {
  const short = language.toLowerCase().split(/[-_]/)[0]
  return short === 'en' || short === 'zh' ? short : undefined
}

/** The language that the page names, else the browser's. */
export function ambientLanguage(element: Element): string {
  const named = element.closest('[lang]')?.getAttribute('lang') || document.documentElement.lang
  return named || navigator.language || 'en'
}
