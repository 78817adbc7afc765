// The element on a page: several, taken away, put back; history and sizes.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { WHOLE } from './support/brain.mjs'
import { SlowModel } from './support/model.mjs'
import { SIDE_BY_SIDE, shopPage, stage, withBrowser } from './support/stage.mjs'

withBrowser()

/** Beside the element that the script makes. */
const ANOTHER = '<secondme-avatar server="/avatar" position="bottom-left"></secondme-avatar>'

describe('history', SIDE_BY_SIDE, () => {
  test('is read backwards page by page, in order, and what is being read stays where it is', async (t) => {
    const { emulator, visit } = await stage(t)
    const shop = await visit()
    await shop.open()
    await shop.ask('Hello')
    const { sessionId } = await shop.sessionOf('Hello')
    const told = Array.from({ length: 130 }, (_, n) => `Line ${String(n + 1).padStart(3, '0')}`)
    for (const text of told) await emulator.owner.reply(sessionId, text)
    await shop.whole('owner', told.at(-1)).waitFor()
    await shop.reload()
    await shop.whole('owner', told.at(-1)).waitFor()
    assert.equal(await shop.whole('owner', told[0]).count(), 0, 'all of it was loaded at once')
    const seen = () =>
      shop.messages.evaluateAll((all) => all.map((one) => one.textContent).filter((text) => /Line \d{3}/.test(text)))
    while ((await shop.messages.getByText('Hello', { exact: true }).count()) === 0) {
      const { id, top } = await shop.log.evaluate((log) => {
        log.scrollTo(0, 0)
        const first = log.querySelector('[data-id]')
        return { id: first.dataset.id, top: first.getBoundingClientRect().top }
      })
      await shop.until(shop.log, (log, before) => log.querySelector('[data-id]').dataset.id !== before, id)
      const held = shop.log.locator(`[data-id="${id}"]`)
      await shop.until(held, (one, before) => Math.abs(one.getBoundingClientRect().top - before) < 60, top)
    }
    assert.deepEqual(
      (await seen()).map((text) => text.match(/Line \d{3}/)[0]),
      told,
    )
  })

  test('a visitor who reads what was said before is not pulled down by what is said now', async (t) => {
    const { emulator, visit } = await stage(t)
    const shop = await visit()
    await shop.open()
    await shop.ask('Hello')
    const { sessionId } = await shop.sessionOf('Hello')
    for (let n = 0; n < 30; n++) await emulator.owner.reply(sessionId, `Line ${n}`)
    await shop.whole('owner', 'Line 29').waitFor()
    const bottom = () => shop.log.evaluate((log) => log.scrollHeight - log.clientHeight - log.scrollTop)
    await shop.until(shop.log, (log) => log.scrollHeight - log.clientHeight - log.scrollTop < 4)
    await shop.log.evaluate((log) => log.scrollTo(0, 40))
    await emulator.owner.reply(sessionId, 'Said now')
    await shop.whole('owner', 'Said now').waitFor()
    assert.ok((await bottom()) > 100)
  })
})

describe('the element', SIDE_BY_SIDE, () => {
  test('two on a page have one conversation, and each shows it', async (t) => {
    const { emulator, visit } = await stage(t, { pages: { '/': shopPage({ body: ANOTHER }) } })
    const shop = await visit()
    const [first, second] = [shop.part(0), shop.part(1)]
    await first.open()
    await first.say('Hello')
    await first.whole('avatar', 'I have heard you.').waitFor()
    await second.open()
    await second.whole('visitor', 'Hello').waitFor()
    assert.equal(await second.whole('visitor', 'Hello').count(), 1)
    const { visitors } = await emulator.state()
    assert.equal(visitors.length, 1)
  })

  test('one that is taken away in mid-stream leaves no request behind, and put back it shows the whole reply', async (t) => {
    const model = await SlowModel.start(t)
    const { visit } = await stage(t, { brain: model.brain })
    const shop = await visit()
    await shop.open()
    await shop.say('Speak slowly')
    await shop.growing().getByText('w1').waitFor()
    assert.notEqual(shop.page.underWay.size, 0)
    await shop.page.evaluate((tag) => {
      globalThis.kept = document.querySelector(tag)
      globalThis.kept.remove()
    }, shop.tag)
    await shop.page.idle()
    model.finish()
    await shop.page.evaluate(() => document.body.append(globalThis.kept))
    if (await shop.composer.isHidden()) await shop.open()
    await shop.whole('avatar', WHOLE).waitFor()
    assert.equal(await shop.whole('avatar', WHOLE).count(), 1)
    assert.equal(await shop.whole('visitor', 'Speak slowly').count(), 1)
    await shop.ask('Hello')
  })

  test('before it is opened the page has loaded the launcher alone', async (t) => {
    const { visit } = await stage(t)
    const shop = await visit()
    await shop.launcher.waitFor()
    const scripts = () =>
      shop.page.evaluate(() =>
        performance
          .getEntriesByType('resource')
          .map(({ name }) => new URL(name).pathname)
          .filter((path) => path.endsWith('.js')),
      )
    assert.deepEqual(await scripts(), ['/avatar/widget.js'])
    await shop.open()
    assert.ok((await scripts()).length > 1)
  })
})
