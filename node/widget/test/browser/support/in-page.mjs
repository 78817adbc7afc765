// What runs in the browser: each of these is sent there as it stands, so it uses nothing from outside of itself.

/** Whether an element has the focus, also within shadow roots. */
export function hasFocus(element) {
  let active = document.activeElement
  while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement
  return active === element
}

/** Animations and transitions that can be seen, in the document and in all open shadow roots. */
export function runningAnimations() {
  const roots = [document]
  for (const root of roots)
    for (const element of root.querySelectorAll('*')) if (element.shadowRoot) roots.push(element.shadowRoot)
  const all = new Set(roots.flatMap((root) => root.getAnimations()))
  return [...all]
    .filter((one) => one.playState === 'running' && Number(one.effect.getComputedTiming().duration) > 1)
    .map((one) => one.animationName ?? one.transitionProperty)
}

/** Notes in `globalThis.announced` what a screen reader would be told from now on: what is added to live regions. */
export function noteAnnouncements() {
  const announced = []
  globalThis.announced = announced
  const LIVE = '[aria-live], [role=log], [role=status], [role=alert], output'
  const SILENT = '[aria-hidden=true], [inert], [hidden]'
  const regionOf = (node) => {
    const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement
    const region = element?.closest(LIVE)
    if (!region || region.getAttribute('aria-live') === 'off' || element.closest(SILENT)) return undefined
    return region
  }
  const textOf = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return node.data
    if (node.nodeType !== Node.ELEMENT_NODE || node.matches(`${SILENT}, style`)) return ''
    return [...node.childNodes].map(textOf).join(' ')
  }
  const waiting = new Map()
  const tell = (text) => {
    const clean = text.replaceAll(/\s+/g, ' ').trim()
    if (clean !== '') announced.push(clean)
  }
  const note = (mutations) => {
    const regions = new Map()
    for (const { type, target, addedNodes } of mutations) {
      const nodes = type === 'characterData' ? [target] : [...addedNodes]
      for (const node of nodes) {
        if (!node.isConnected) continue
        const region = regionOf(node)
        if (region === undefined) continue
        const isAtomic = region.getAttribute('aria-atomic') === 'true'
        const told = regions.get(region) ?? []
        // What stands in something that was added in the same moment is told with it.
        if (!told.some((one) => one.contains(node))) told.push(isAtomic ? region : node)
        regions.set(region, isAtomic ? [region] : told)
      }
    }
    // A region that is busy is told when it is no longer.
    for (const [region, nodes] of regions) {
      if (region.closest('[aria-busy=true]')) waiting.set(region, [...(waiting.get(region) ?? []), ...nodes])
      else tell(nodes.map(textOf).join(' '))
    }
    for (const [region, nodes] of waiting)
      if (!region.closest('[aria-busy=true]')) {
        waiting.delete(region)
        tell([...new Set(nodes)].map(textOf).join(' '))
      }
  }
  const what = { subtree: true, childList: true, characterData: true, attributeFilter: ['aria-busy'] }
  const roots = [document]
  for (const root of roots) {
    new MutationObserver(note).observe(root, what)
    for (const element of root.querySelectorAll('*')) if (element.shadowRoot) roots.push(element.shadowRoot)
  }
}

/** Notes in `globalThis.arrivals` when a stream brings this text, in milliseconds since 1970. */
export function noteArrivals(text) {
  const own = fetch
  const arrivals = []
  globalThis.arrivals = arrivals
  globalThis.fetch = async (...asked) => {
    const answer = await own(...asked)
    if (!/event-stream/.test(answer.headers.get('content-type') ?? '')) return answer
    const decoder = new TextDecoder()
    const transform = (chunk, further) => {
      if (decoder.decode(chunk, { stream: true }).includes(text)) {
        arrivals.push(performance.timeOrigin + performance.now())
      }
      further.enqueue(chunk)
    }
    return new Response(answer.body.pipeThrough(new TransformStream({ transform })), answer)
  }
}

/** The moment, in milliseconds since 1970, of the frame that shows a text which is not there yet for this often. */
export function shown(log, { text, times }) {
  const isThere = () => log.textContent.split(text).length - 1 >= times
  return new Promise((resolve) => {
    const afterFrame = () =>
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel()
        // A task behind the frame's own: what was drawn is on its way to the screen.
        port1.onmessage = () => resolve(performance.timeOrigin + performance.now())
        port2.postMessage(null)
      })
    const observer = new MutationObserver(() => {
      if (!isThere()) return
      observer.disconnect()
      afterFrame()
    })
    observer.observe(log, { subtree: true, childList: true, characterData: true })
  })
}

/** Elements and attributes that could do something, below an element. */
export function dangers(message) {
  const tags =
    'script, iframe, object, embed, form, input, textarea, style, link, meta, base, img, video, audio, math, template'
  const found = [...message.querySelectorAll(tags)].map((one) => one.outerHTML)
  for (const element of message.querySelectorAll('*'))
    for (const { name, value } of element.attributes)
      if (name === 'style' || name.startsWith('on') || /^\s*(javascript|data|vbscript):/i.test(value))
        found.push(`${name}=${value}`)
  return found
}

/** What a page of another origin tries at a server part. */
export async function attack(base) {
  const body = JSON.stringify({
    id: 'c',
    trigger: 'submit-message',
    messages: [{ id: 'forged', role: 'user', parts: [{ type: 'text', text: 'forged' }] }],
  })
  const tried = async (path, init) => {
    try {
      const answer = await fetch(base + path, { credentials: 'include', ...init })
      // An opaque answer tells nothing; whether it did anything is asked of the service.
      return answer.type === 'opaque' || !answer.ok ? 'refused' : `${answer.status} ${await answer.text()}`
    } catch {
      return 'refused'
    }
  }
  const json = { 'content-type': 'application/json' }
  return {
    information: await tried(''),
    history: await tried('/history'),
    events: await tried('/events'),
    stream: await tried('/c/stream'),
    ask: await tried('', { method: 'POST', headers: json, body }),
    simple: await tried('', { method: 'POST', mode: 'no-cors', headers: { 'content-type': 'text/plain' }, body }),
    eventSource: await new Promise((resolve) => {
      const events = new EventSource(`${base}/events`, { withCredentials: true })
      events.onopen = () => resolve('opened')
      events.onerror = () => {
        events.close()
        resolve('refused')
      }
    }),
  }
}
