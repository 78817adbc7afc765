// What goes wrong between the page and its server.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { chromium } from 'playwright-core'
import { otherSite } from './support/other-site.mjs'
import { heardAll, LANGUAGES, launchOptions, shopPage, SIDE_BY_SIDE, stage, withBrowser } from './support/stage.mjs'
import { openPage, Visit } from './support/visit.mjs'

withBrowser()

const numbered = (count) => Array.from({ length: count }, (_, n) => `Message ${n + 1}`)

for (const language of LANGUAGES)
  describe(`with the server part in ${language}`, SIDE_BY_SIDE, () => {
    test('what is written offline goes out once and in order when the network is back, also after the page was loaded anew', async (t) => {
      const { emulator, visit } = await stage(t, { language })
      const shop = await visit()
      await shop.open()
      await shop.ask('Hello')
      await shop.context.setOffline(true)
      for (const text of numbered(3)) await shop.say(text)
      await shop.pending().nth(2).waitFor()
      await heardAll(emulator, ['Hello'])
      await shop.context.setOffline(false)
      await heardAll(emulator, ['Hello', ...numbered(3)])
      await shop.sent()

      await shop.context.setOffline(true)
      await shop.say('Before the page is left')
      await shop.pending().waitFor()
      await shop.context.setOffline(false)
      await shop.page.reload()
      await heardAll(emulator, ['Hello', ...numbered(3), 'Before the page is left'])
      await shop.composer.waitFor()
      await shop.whole('visitor', 'Before the page is left').waitFor()
      await shop.whole('avatar', 'I have heard you.').nth(4).waitFor()
      assert.equal(await shop.whole('visitor', 'Before the page is left').count(), 1)
      await heardAll(emulator, ['Hello', ...numbered(3), 'Before the page is left'])
    })

    test('a visitor who writes faster than is allowed waits, and nothing is lost or doubled', async (t) => {
      const { emulator, visit } = await stage(t, { language, messagesPerMinute: 20 })
      const shop = await visit()
      let refused = 0
      shop.page.on('response', (response) => {
        if (response.status() === 429) refused += 1
      })
      await shop.open()
      // Written offline they go out as fast as the widget sends, and not as fast as they are typed.
      await shop.context.setOffline(true)
      const flood = numbered(22)
      for (const text of flood) await shop.say(text)
      await shop.context.setOffline(false)
      await heardAll(emulator, flood)
      assert.ok(refused > 0, 'the server refused nothing')
      await shop.sent()
      assert.equal(await shop.messages.and(shop.page.locator('[data-author="visitor"]')).count(), flood.length)
    })

    test('what one who signed in has left unsent is neither seen nor sent by another who signs in at the same browser', async (t) => {
      const { emulator, server, visit } = await stage(t, { language, logins: true })
      const shop = await visit()
      const signIn = (value) => shop.context.addCookies([{ name: 'login', value, url: server.origin }])
      await signIn('ada')
      await shop.open()
      await shop.ask('Hello from Ada')
      await shop.context.setOffline(true)
      await shop.say('Unsent by Ada')
      await shop.pending().waitFor()
      await shop.composer.fill('A draft of Ada')
      await shop.page.goto('about:blank')
      await signIn('ben')
      await shop.context.setOffline(false)
      await shop.page.goto(server.origin)
      await shop.composer.waitFor()
      await shop.ask('Hello from Ben')
      assert.equal(await shop.composer.inputValue(), '')
      assert.equal(await shop.messages.filter({ hasText: /(from|by) Ada/ }).count(), 0)
      await heardAll(emulator, ['Hello from Ada', 'Hello from Ben'])
    })
  })

describe('the network', SIDE_BY_SIDE, () => {
  test('over a slow network everything arrives, and what is under way is seen', async (t) => {
    const { visit } = await stage(t)
    const shop = await visit()
    const network = await shop.context.newCDPSession(shop.page)
    await network.send('Network.enable')
    await network.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 400,
      downloadThroughput: 6_000,
      uploadThroughput: 6_000,
    })
    await shop.open()
    await shop.say('Hello')
    await shop.messages.getByText('Hello').waitFor()
    await shop.whole('avatar', 'I have heard you.').waitFor()
    await shop.ask('And once more')
  })

  test('a request whose answer is lost is asked again under its id, and the service hears it once', async (t) => {
    const { emulator, visit } = await stage(t)
    const shop = await visit()
    await shop.open()
    await shop.ask('Hello')
    let cut = 0
    await shop.page.route('**/avatar', async (route) => {
      if (route.request().method() !== 'POST' || cut > 0) return route.continue()
      cut += 1
      await route.fetch()
      await route.abort('connectionreset')
    })
    await shop.ask('Did it arrive?')
    assert.equal(cut, 1)
    await heardAll(emulator, ['Hello', 'Did it arrive?'])
    assert.equal(await shop.whole('visitor', 'Did it arrive?').count(), 1)
    assert.equal(await shop.whole('avatar', 'I have heard you.').count(), 2)
  })
})

describe('cookies', SIDE_BY_SIDE, () => {
  test('on another site, where third-party cookies are blocked, the visitor is known again by a cookie of that site alone', async (t) => {
    const partner = await otherSite(t, '127.0.0.1')
    const shop = await stage(t, { embedded: true, allowOrigins: [partner.origin] })
    partner.body = shopPage({ origin: shop.server.origin }).body
    const there = await shop.visit({ origin: partner.origin })
    await there.open()
    await there.ask('From the partner')
    const [cookie] = await there.context.cookies()
    assert.deepEqual(
      [cookie.name, cookie.httpOnly, cookie.secure, cookie.sameSite, cookie.partitionKey !== undefined],
      ['__Host-avatar', true, true, 'None', true],
    )
    await there.reload()
    await there.whole('visitor', 'From the partner').waitFor()
    await there.ask('Again')
    const { visitors } = await shop.emulator.state()
    assert.equal(visitors.length, 1)
  })

  test('where no cookie is kept at all, a sentence says so, and nothing else breaks', async (t) => {
    const { emulator, server } = await stage(t)
    const profile = mkdtempSync(join(tmpdir(), 'avatar-profile-'))
    mkdirSync(join(profile, 'Default'))
    const blocked = { profile: { default_content_setting_values: { cookies: 2 } } }
    writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify(blocked))
    const context = await chromium.launchPersistentContext(profile, { ...launchOptions(), locale: 'en-GB' })
    t.after(async () => {
      await context.close()
      rmSync(profile, { recursive: true, force: true })
    })
    const shop = new Visit(await openPage(undefined, server.origin, { context }), emulator)
    await shop.open()
    await shop.say('Hello?')
    await shop.panel
      .getByText(/cookie/i)
      .first()
      .waitFor()
    await heardAll(emulator, [])
    assert.deepEqual(shop.page.wrong, [])
  })
})
