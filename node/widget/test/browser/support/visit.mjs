// A visitor's page with the widget on it, and what is done there.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { hasFocus, noteAnnouncements, runningAnimations, shown } from './in-page.mjs'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What a test lets fail on purpose is told as a resource that failed to load. */
const EXPECTED = /Failed to load resource|net::ERR_/

/** A page that notes what goes wrong in it, breaks of the content security policy, and what it asks of others. */
export async function openPage(browser, url, { context, ...options } = {}) {
  const inside =
    context ??
    (await browser.newContext({
      viewport: { width: 1280, height: 800 },
      locale: 'en-GB',
      reducedMotion: 'reduce',
      ...options,
    }))
  const page = await inside.newPage()
  const wrong = []
  const foreign = []
  page.on('pageerror', (error) => wrong.push(`${error}`))
  page.on('console', (message) => {
    if (message.type() === 'error' && !EXPECTED.test(message.text())) wrong.push(message.text())
  })
  page.on('request', (request) => {
    const asked = new URL(request.url())
    if (asked.origin !== new URL(url).origin && !/^(data|blob):/.test(asked.protocol)) foreign.push(request.url())
  })
  const underWay = new Set()
  let quiet = () => {}
  page.on('request', (request) => underWay.add(request))
  for (const end of ['requestfinished', 'requestfailed'])
    page.on(end, (request) => {
      underWay.delete(request)
      if (underWay.size === 0) quiet()
    })
  /** Is fulfilled when no request is under way. */
  const idle = () => (underWay.size === 0 ? undefined : new Promise((resolve) => (quiet = resolve)))
  page.setDefaultTimeout(20_000)
  await page.goto(url)
  return Object.assign(page, { wrong, foreign, underWay, idle })
}

/** The widget as a user meets it: found by roles and names, and by the state that its messages tell. */
export class Visit {
  constructor(page, emulator, place = 0) {
    this.page = page
    this.emulator = emulator
    this.context = page.context()
    this.tag = 'secondme-avatar'
    this.widget = page.locator(this.tag).nth(place)
    this.launcher = this.widget.locator('button[aria-expanded]')
    this.panel = this.widget.getByRole('dialog')
    this.log = this.widget.getByRole('log')
    this.composer = this.widget.locator('textarea')
    this.send = this.widget.getByRole('button', { name: /send|发送/i })
    this.close = this.panel.getByRole('button', { name: /close|关闭/i })
    this.messages = this.log.locator('[data-author]')
  }

  /** One of several on the page. */
  part(place) {
    return new Visit(this.page, this.emulator, place)
  }

  async open() {
    await this.launcher.click()
    await this.composer.waitFor()
    return this
  }

  /** The page is loaded anew; the panel, if it was open, is open again, but on a phone. */
  async reload() {
    await this.page.reload()
    await this.composer.waitFor()
    return this
  }

  async say(text) {
    await this.composer.fill(text)
    await this.composer.press('Enter')
  }

  /** Messages of an author that are whole and have this in them. */
  whole(author, text) {
    return this.#state(`[data-author="${author}"]:not([data-streaming])`).filter({ hasText: text })
  }

  /** What still grows. */
  growing(author = 'avatar') {
    return this.#state(`[data-author="${author}"][data-streaming]`)
  }

  /** What waits to be sent. */
  pending() {
    return this.#state('[data-pending]')
  }

  #state(selector) {
    return this.messages.and(this.page.locator(selector))
  }

  /** Says something, and waits until the avatar has answered. */
  async ask(text, answer = 'I have heard you.') {
    const before = await this.whole('avatar', answer).count()
    await this.say(text)
    await this.whole('avatar', answer).nth(before).waitFor()
  }

  /** The emulator's newest session in which this text was said. */
  async sessionOf(text) {
    const isHere = ({ messages }) => messages.some((one) => one.text === text)
    const { sessions } = await this.emulator.waitUntil((state) => state.sessions.some(isHere), 20_000)
    return sessions.findLast(isHere)
  }

  /** Waits until this holds in the page of an element, looking once a frame. */
  async until(locator, isMet, argument) {
    const element = await locator.elementHandle()
    const script = `([element, argument]) => (${isMet})(element, argument)`
    await this.page.waitForFunction(script, [element, argument])
  }

  hasFocus(locator) {
    return this.until(locator, hasFocus)
  }

  /** Waits until everything has been sent. */
  async sent() {
    await this.pending().first().waitFor({ state: 'detached' })
  }

  /** Waits until the launcher tells so many unread messages. */
  async tellsUnread(count) {
    await this.widget.locator('button[aria-expanded]', { hasText: `${count}` }).waitFor()
  }

  /** Another tab of the same visitor. */
  async anotherTab() {
    return new Visit(await openPage(undefined, this.page.url(), { context: this.context }), this.emulator)
  }

  isFocused(locator) {
    return locator.evaluate(hasFocus)
  }

  animations() {
    return this.page.evaluate(runningAnimations)
  }

  /** What a screen reader is told from now on: a function gives it. */
  async listen() {
    await this.page.evaluate(noteAnnouncements)
    return () => this.page.evaluate(() => globalThis.announced)
  }

  /** The moment of the frame that shows this text so many times, in milliseconds since 1970. */
  shown(text, times) {
    return this.log.evaluate(shown, { text, times })
  }

  /** What the visitor said and was not sent, or got no answer. */
  failed() {
    return this.#state('[data-failed]')
  }

  async #tree() {
    const session = await this.context.newCDPSession(this.page)
    const { nodes } = await session.send('Accessibility.getFullAXTree')
    await session.detach()
    return nodes.filter(({ ignored }) => !ignored)
  }

  /** The live regions of Chromium's accessibility tree, as it hands them to a screen reader. */
  async liveRegions() {
    return (await this.#tree())
      .filter(({ role, properties = [] }) => role?.value === 'log' || properties.some(({ name }) => name === 'live'))
      .map(({ role, name, properties = [] }) => {
        const { live, atomic } = Object.fromEntries(properties.map(({ name, value }) => [name, value.value]))
        return { role: role.value, name: name?.value, live: live === 'off' ? undefined : live, atomic: atomic === true }
      })
  }

  /** The texts below the nodes of a role in that tree. */
  async accessibleTexts(role) {
    const nodes = await this.#tree()
    const below = ({ nodeId, name }) => [
      name?.value ?? '',
      ...nodes.filter(({ parentId }) => parentId === nodeId).flatMap(below),
    ]
    return nodes.filter((node) => node.role?.value === role).map((node) => below(node).join(' '))
  }

  /** The names that Chromium's accessibility tree gives, by role: the first of each. */
  async accessibleNames() {
    const named = (await this.#tree()).filter(({ name }) => name?.value)
    return Object.fromEntries(named.reverse().map(({ role, name }) => [role.value, name.value]))
  }

  /** Waits until nothing grows. */
  async settled() {
    await this.growing().waitFor({ state: 'detached' })
  }

  /** What axe finds, in words, once what was changed last is drawn; some of its rules may be left out. */
  async violations(unasked = []) {
    await this.page.evaluate(
      () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
    )
    await this.page.evaluate(AXE)
    const rules = Object.fromEntries(unasked.map((rule) => [rule, { enabled: false }]))
    const { violations } = await this.page.evaluate(
      (rules) => globalThis.axe.run(document, { resultTypes: ['violations'], rules }),
      rules,
    )
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, any }) => `${id}: ${html.slice(0, 200)} ${any[0]?.message ?? ''}`),
    )
  }

  async leave() {
    const wrong = this.context.pages().flatMap((page) => page.wrong ?? [])
    await this.context.close()
    assert.deepEqual(wrong, [])
  }
}
