/** Which pages may call: the site's own, and those that the program allows. */

import { type Answer, type Call, Refusal } from './call.js'

const PREFLIGHT = {
  'access-control-allow-methods': 'GET, POST',
  'access-control-allow-headers': 'content-type, last-event-id',
  'access-control-max-age': '600',
}

/** Checks where calls come from. */
export class Origins {
  readonly #allowed: ReadonlySet<string>

  constructor(allowed: readonly string[]) {
    this.#allowed = new Set(allowed)
  }

  /**
   * Returns the headers that let the page read the answer.
   *
   * @throws {@link Refusal} with 403 for a page that may not call. What is no browser has neither of the two headers, and
   * no visitor's cookie either.
   */
  check(call: Call): Record<string, string> {
    const origin = call.header('origin')
    const site = call.header('sec-fetch-site')
    if (origin === undefined) {
      if (site === undefined || site === 'same-origin' || site === 'none') return {}
      throw refused()
    }
    if (this.#allowed.has(origin)) {
      return {
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': 'retry-after',
        vary: 'origin',
      }
    }
    if (site === 'same-origin') return {}
    if (site === undefined && hostOf(origin) === call.header('host')?.toLowerCase()) return {}
    throw refused()
  }

  /** Answers what a browser asks before it lets a page of another origin call. */
  preflight(call: Call): Answer {
    return { status: 204, headers: { ...this.check(call), ...PREFLIGHT, 'cache-control': 'no-store' } }
  }
}

function refused(): Refusal {
  const what = 'pages of this origin may not call: the server names those that may with `allowOrigins`'
  return new Refusal(403, 'origin_not_allowed', what, { vary: 'origin' })
}

/** The scheme is left out: TLS may end in front of this server. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}

/** Whether a text is an origin as browsers send it. */
export function isOrigin(text: unknown): text is string {
  if (typeof text !== 'string' || !/^https?:\/\//.test(text) || !URL.canParse(text)) return false
  return new URL(text).origin === text
}
