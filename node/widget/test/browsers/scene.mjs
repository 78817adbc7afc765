// The widget's main scene in Firefox and WebKit: `make widget-browsers [BROWSERS="firefox webkit"]`. Prints each step.
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { startEmulator } from 'secondme-avatar/testing'
import { PIECES, WHOLE } from '../browser/support/brain.mjs'
import { SlowModel } from '../browser/support/model.mjs'
import { certificate, Server } from '../browser/support/stage.mjs'
import { BROWSERS } from './drivers.mjs'

const PATIENCE_MS = 60_000

async function play(name) {
  const ends = []
  const after = (end) => ends.unshift(end)
  try {
    const model = await SlowModel.start({ after })
    const emulator = await startEmulator({ brain: model.brain })
    after(() => emulator.stop())
    // WebKit takes no secure cookie from http://localhost.
    const server = new Server('node', emulator, { ownerName: 'Ada', secure: certificate() })
    after(() => server.end())
    await server.start()
    const { version, page, end } = await BROWSERS[name]()
    after(end)
    console.log(version)
    await scene(new Shop(page), emulator, model, server)
  } finally {
    for (const end of ends) await end()
  }
}

async function scene(shop, emulator, model, server) {
  await shop.page.goto(server.origin)
  await shop.step('the launcher is reached by the keyboard, and opens the panel', async () => {
    await shop.until(shop.has, 'button[aria-expanded]')
    await shop.page.evaluate(focusLauncher)
    await shop.page.press('Enter')
    await shop.until(shop.hasFocus, 'textarea')
  })
  await shop.step('a question is asked and answered', async () => {
    await shop.say('Hello')
    await shop.until(shop.shows, 'avatar', 'I have heard you.', true)
  })
  await shop.step('an answer grows piece by piece', async () => {
    await shop.say('Speak slowly')
    for (const upTo of [1, 3]) {
      model.say(upTo)
      await shop.until(shop.shows, 'avatar', PIECES.slice(0, upTo).join('').trim(), false)
    }
  })
  const { sessions } = await emulator.state()
  const { sessionId } = sessions.at(-1)
  await shop.step('the owner takes over in mid-stream', async () => {
    await emulator.owner.reply(sessionId, 'This is Ada, in person.')
    await shop.until(shop.shows, 'owner', 'This is Ada, in person.', true)
    await shop.until(shop.reads, 'Ada has joined')
  })
  await shop.step('the avatar ends its sentence', async () => {
    model.finish()
    await shop.until(shop.shows, 'avatar', PIECES.at(-1).trim(), true)
  })
  await shop.step('the owner hands back, and the avatar answers', async () => {
    await emulator.owner.handBack(sessionId)
    await shop.say('Who is there?')
    await shop.until(shop.counts, 'I have heard you.', 2)
    await shop.until(shop.reads, 'Ada has left')
  })
  await shop.step('a reload shows all of it once', async () => {
    await shop.page.reload()
    await shop.until(shop.counts, 'I have heard you.', 2)
    const said = await shop.page.evaluate(messages)
    const by = (author) => said.filter(([one]) => one === author).map(([, text]) => text)
    assert.deepEqual(by('visitor'), ['Hello', 'Speak slowly', 'Who is there?'])
    assert.deepEqual(by('owner'), ['This is Ada, in person.'])
    assert.equal(by('avatar').join(' '), `I have heard you. ${WHOLE} I have heard you.`)
  })
  await shop.step('F6 and Escape: into the log and back, and the panel is closed', async () => {
    await shop.page.evaluate(focusComposer)
    await shop.page.press('F6')
    await shop.until(shop.hasFocus, '[role=log]')
    await shop.page.press('F6')
    await shop.until(shop.hasFocus, 'textarea')
    await shop.page.press('Escape')
    await shop.until(shop.hasFocus, 'button[aria-expanded]')
  })
  await shop.step('what the owner says unasked is counted on the launcher', async () => {
    await emulator.owner.reply(sessionId, 'One thing more.')
    await shop.until(() => /1/.test(document.title) && !document.title.startsWith('The shop'))
  })
  await shop.step('a server that was away is found again', async () => {
    await emulator.owner.handBack(sessionId)
    await shop.page.evaluate(focusLauncher)
    await shop.page.press('Enter')
    await shop.until(shop.hasFocus, 'textarea')
    await server.stop()
    await shop.say('Are you there?')
    await server.start()
    await shop.until(shop.counts, 'I have heard you.', 3)
  })
}

class Shop {
  constructor(page) {
    this.page = page
  }

  async step(what, work) {
    const began = performance.now()
    await work()
    console.log(`  ${what} (${Math.round(performance.now() - began)} ms)`)
  }

  /** Waits until this holds in the page. */
  async until(isMet, ...values) {
    const end = Date.now() + PATIENCE_MS
    while (!(await this.page.evaluate(isMet, ...values))) {
      if (Date.now() > end) {
        const said = await this.page.evaluate(() => document.querySelector('secondme-avatar').shadowRoot.textContent)
        throw new Error(`it never came to ${isMet} of ${JSON.stringify(values)}; there is: ${said.slice(-3000)}`)
      }
      await pause(50)
    }
  }

  async say(text) {
    await this.page.evaluate(focusComposer)
    await this.page.type(text)
    await this.page.press('Enter')
  }

  // What follows runs in the page, each by itself.

  has = (selector) => document.querySelector('secondme-avatar')?.shadowRoot.querySelector(selector) != null

  hasFocus = (selector) => {
    let active = document.activeElement
    while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement
    return active?.matches(selector) === true
  }

  shows = (author, text, isWhole) =>
    [...document.querySelector('secondme-avatar').shadowRoot.querySelectorAll(`[data-author="${author}"]`)].some(
      (one) => one.textContent.includes(text) && 'streaming' in one.dataset === !isWhole,
    )

  reads = (text) =>
    document.querySelector('secondme-avatar').shadowRoot.querySelector('[role=log]').textContent.includes(text)

  counts = (text, count) =>
    [
      ...(document
        .querySelector('secondme-avatar')
        ?.shadowRoot.querySelectorAll('[data-author="avatar"]:not([data-streaming])') ?? []),
    ].filter((one) => one.textContent.includes(text)).length === count
}

function focusLauncher() {
  document.querySelector('secondme-avatar').shadowRoot.querySelector('button[aria-expanded]').focus()
}

function focusComposer() {
  document.querySelector('secondme-avatar').shadowRoot.querySelector('textarea').focus()
}

function messages() {
  const all = document.querySelector('secondme-avatar').shadowRoot.querySelectorAll('[data-author]')
  return [...all].map((one) => [one.dataset.author, one.querySelector('.text').textContent.trim()])
}

for (const name of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(BROWSERS)) await play(name)
