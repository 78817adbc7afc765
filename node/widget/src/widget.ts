import { define } from './element.js'
import { tagFor } from './script-tag.js'

/** Filled in when the widget is built: what the files hold, so that an old one is not used with a new one. */
declare const VERSIONS: { session: string; panel: string; strings: Record<string, string> }

const script = document.currentScript ?? document.querySelector('script[data-server][src*="widget.js"]')
const address = (script as HTMLScriptElement | null)?.src || document.baseURI

define({
  session: () => import(fileAt('session.js', VERSIONS.session)),
  panel: () => import(fileAt('panel.js', VERSIONS.panel)),
  strings(language) {
    const short = language.toLowerCase().split(/[-_]/)[0] ?? ''
    const version = VERSIONS.strings[short]
    return version === undefined
      ? undefined
      : fetch(fileAt(`strings.${short}.json`, version)).then((response) => response.json())
  },
})

if (script instanceof HTMLScriptElement) tagFor(script)

function fileAt(name: string, version: string): string {
  return new URL(`${name}?v=${version}`, address).href
}
