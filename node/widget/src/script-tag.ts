/** What a script tag says by `data-*`, as attributes of the element. */
const ATTRIBUTES: Record<string, string> = {
  server: 'server',
  position: 'position',
  theme: 'theme',
  language: 'language',
  strings: 'strings',
  title: 'heading',
  greeting: 'greeting',
  open: 'open',
}

/** Puts an element into the page for a script tag, unless the tag says that the page has its own. */
export function tagFor(script: HTMLScriptElement): void {
  if (script.dataset.element === 'none') return
  const server = script.dataset.server ?? new URL('.', script.src || document.baseURI).href
  const put = () => {
    // A page that loads the script again, as single-page apps do, gets no second launcher.
    for (const tag of document.querySelectorAll('secondme-avatar[data-script]'))
      if (tag.getAttribute('server') === server) return
    const element = document.createElement('secondme-avatar')
    element.dataset.script = ''
    for (const [name, attribute] of Object.entries(ATTRIBUTES)) {
      const value = name === 'server' ? server : script.dataset[name]
      if (value !== undefined) element.setAttribute(attribute, value)
    }
    document.body.append(element)
  }
  if (document.body === null) document.addEventListener('DOMContentLoaded', put, { once: true })
  else put()
}
