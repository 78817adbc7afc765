// Pages, words and visitors that mean harm.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HOSTILE } from './support/brain.mjs'
import { attack, dangers } from './support/in-page.mjs'
import { otherSite } from './support/other-site.mjs'
import { LANGUAGES, SIDE_BY_SIDE, stage, withBrowser } from './support/stage.mjs'

withBrowser()

/** What a page may do at most, with the widget on it. */
export const STRICT = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

for (const language of LANGUAGES)
  describe(`with the server part in ${language}`, SIDE_BY_SIDE, () => {
    for (const [name, host] of [
      ['another site', '127.0.0.1'],
      ['another port of the same host', 'localhost'],
    ])
      test(`a page of ${name} can neither read nor write the visitor's conversation`, async (t) => {
        const { emulator, server, visit } = await stage(t, { language })
        const shop = await visit()
        await shop.open()
        await shop.ask('My secret')
        const evil = await otherSite(t, host)
        const page = await shop.context.newPage()
        await page.goto(evil.origin)
        const outcome = await page.evaluate(attack, `${server.origin}/avatar`)
        assert.deepEqual(outcome, {
          information: 'refused',
          history: 'refused',
          events: 'refused',
          ask: 'refused',
          simple: 'refused',
          stream: 'refused',
          eventSource: 'refused',
        })
        const { sessions } = await emulator.state()
        const all = sessions.flatMap(({ messages }) => messages.map(({ text }) => text))
        assert.equal(all.filter((text) => text.includes('forged')).length, 0)
        assert.equal(sessions.length, 1)
        // The visitor's own page still works.
        await shop.ask('Still there?')
      })
  })

describe('a reply', SIDE_BY_SIDE, () => {
  for (const author of ['avatar', 'owner'])
    test(`HTML, scripts, styles and links of the ${author} are inert`, async (t) => {
      const { emulator, visit } = await stage(t)
      const shop = await visit()
      await shop.open()
      await shop.say('Be hostile')
      await shop.whole('avatar', 'The end.').waitFor()
      if (author === 'owner') {
        const { sessionId } = await shop.sessionOf('Be hostile')
        await emulator.owner.reply(sessionId, HOSTILE)
      }
      const message = shop.whole(author, 'The end.').last()
      await message.waitFor()
      const found = await message.evaluate(dangers)
      assert.deepEqual(found, [])
      const good = message.locator('a[href="https://second.me/page"]')
      assert.deepEqual(
        [await good.getAttribute('target'), await good.getAttribute('rel')],
        ['_blank', 'noopener noreferrer nofollow'],
      )
      for (const link of await message.getByRole('link').all())
        assert.match(await link.getAttribute('href'), /^(https?|mailto):/)
      assert.equal(await shop.page.evaluate(() => globalThis.owned), undefined)
      assert.deepEqual(shop.page.foreign, [])
    })

  test('the visitor’s own words are text', async (t) => {
    const { visit } = await stage(t)
    const shop = await visit()
    await shop.open()
    await shop.ask('<img src=x onerror="globalThis.owned=1"> [x](javascript:globalThis.owned=2) **not bold**')
    const message = shop.messages.first()
    assert.match(await message.textContent(), /<img src=x onerror="globalThis.owned=1">.*\*\*not bold\*\*/)
    assert.deepEqual(await message.evaluate(dangers), [])
    assert.equal(await shop.page.evaluate(() => globalThis.owned), undefined)
  })

  test('sources and cards are shown, and a source whose link is no web address is no link', async (t) => {
    const { visit } = await stage(t)
    const shop = await visit()
    await shop.open()
    await shop.say('Your sources?')
    await shop.log.getByRole('link', { name: /Price list/ }).waitFor()
    await shop.log.getByText('Slide rule').waitFor()
    const links = await shop.log.getByRole('link').evaluateAll((all) => all.map((one) => one.getAttribute('href')))
    assert.deepEqual(
      links.filter((href) => !/^https?:/.test(href)),
      [],
    )
  })
})

describe('a content security policy', SIDE_BY_SIDE, () => {
  for (const [name, policy] of [
    ['a strict one', STRICT],
    ['one with trusted types', `${STRICT}; require-trusted-types-for 'script'; trusted-types lit-html dompurify`],
  ])
    test(`${name} is broken nowhere, and no other host is asked for anything`, async (t) => {
      const { server, visit } = await stage(t, { policy })
      const shop = await visit()
      await shop.open()
      for (const text of ['Show markdown', 'Your sources?', 'Be hostile', 'Something wide']) await shop.say(text)
      await shop.messages.nth(7).waitFor()
      await shop.ask('Hello')
      await shop.reload()
      await shop.whole('visitor', 'Be hostile').waitFor()
      assert.deepEqual(await server.reports(), [])
      assert.deepEqual(shop.page.wrong, [])
      assert.deepEqual(shop.page.foreign, [])
    })

  test('a report does come where a page breaks its policy', async (t) => {
    const { server, visit } = await stage(t, { policy: STRICT })
    const shop = await visit()
    await shop.page.evaluate(() => {
      const script = document.createElement('script')
      script.textContent = 'globalThis.inline = 1'
      document.head.append(script)
    })
    for (let reports = []; reports.length === 0; ) reports = await server.reports()
    shop.page.wrong.length = 0
  })
})
