const PROTOCOLS = ['http:', 'https:', 'mailto:']

/** The address, if it is one that a visitor may be sent to; `undefined` otherwise. */
export function safeUrl(address: string | null | undefined): string | undefined {
  try {
    const url = new URL(address ?? '')
    return PROTOCOLS.includes(url.protocol) ? url.href : undefined
  } catch {
    return undefined
  }
}

/** What every link to elsewhere has: the other page learns nothing of this one, and cannot reach it. */
export const REL = 'noopener noreferrer nofollow'

/** A text as it is, but for web addresses, which become links. */
export function linkified(text: string): DocumentFragment {
  const fragment = document.createDocumentFragment()
  let end = 0
  for (const match of text.matchAll(/https?:\/\/[^\s<>"']+/g)) {
    const shown = withoutPunctuation(match[0])
    const url = safeUrl(shown)
    if (url === undefined) continue
    fragment.append(text.slice(end, match.index), linkTo(url, shown))
    end = match.index + shown.length
  }
  fragment.append(text.slice(end))
  return fragment
}

function linkTo(url: string, text: string): HTMLAnchorElement {
  const link = document.createElement('a')
  link.href = url
  link.target = '_blank'
  link.rel = REL
  link.textContent = text
  return link
}

/** The address without what belongs to the sentence around it. */
function withoutPunctuation(address: string): string {
  const short = address.replace(/[.,;:!?。，；：！？、]+$/, '')
  return short.endsWith(')') && !short.includes('(') ? short.slice(0, -1) : short
}
