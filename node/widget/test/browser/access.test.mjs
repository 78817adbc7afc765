// The widget with the keyboard alone, with a screen reader, enlarged, on a phone, in other languages and colours.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { WHOLE } from './support/brain.mjs'
import { SlowModel } from './support/model.mjs'
import { SIDE_BY_SIDE, shopPage, stage, withBrowser } from './support/stage.mjs'

withBrowser()

/** How the same page is seen; a language is another page. */
const VIEWS = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  'forced colours': { colorScheme: 'light', forcedColors: 'active' },
  phone: { colorScheme: 'light', forcedColors: 'none', viewport: { width: 320, height: 640 } },
}
const WINDOW = { width: 1280, height: 800 }
const LANGUAGES = { English: {}, Chinese: { lang: 'zh-CN' }, 'Arabic, right to left': { lang: 'ar', dir: 'rtl' } }

/** What a server says where there is no answer. */
const FAILED = [{ type: 'start', messageId: 'q.1' }, { type: 'error', errorText: 'busy' }, { type: 'finish' }]
  .map((part) => `data: ${JSON.stringify(part)}\n\n`)
  .join('')

describe('axe', SIDE_BY_SIDE, () => {
  for (const [name, language] of Object.entries(LANGUAGES))
    test(`finds nothing in any state, in light and dark, on a phone: ${name}`, async (t) => {
      const { emulator, visit } = await stage(t, { pages: { '/': shopPage(language) }, ownerName: 'Ada' })
      const shop = await visit()
      const look = async (state) => {
        for (const [view, { viewport = WINDOW, ...media }] of Object.entries(VIEWS)) {
          await shop.page.emulateMedia(media)
          await shop.page.setViewportSize(viewport)
          // Of colours that the system forces, Chromium tells axe those that they stand in the place of.
          const unasked = media.forcedColors === 'active' ? ['color-contrast'] : []
          assert.deepEqual(await shop.violations(unasked), [], `${state}, ${view}`)
        }
        await shop.page.setViewportSize(WINDOW)
      }
      await shop.launcher.waitFor()
      await look('closed')
      await shop.open()
      await look('open')
      await shop.say('Show markdown')
      await shop.whole('avatar', 'The list').waitFor()
      await shop.say('Your sources?')
      await shop.whole('avatar', 'It stands in the list.').waitFor()
      // An answer that failed, and a message that the server refuses.
      const answers = [
        { body: FAILED, contentType: 'text/event-stream' },
        { status: 413, json: {} },
      ]
      await shop.page.route('**/avatar', (route) => route.fulfill(answers.shift()))
      await shop.say('Are you there?')
      await shop.failed().waitFor()
      await shop.say('Refused')
      await shop.failed().nth(1).waitFor()
      await shop.page.unroute('**/avatar')
      await look('failed')
      await shop.say('Speak slowly')
      await shop.growing().getByText('w1').waitFor()
      await look('streaming')
      const { sessionId } = await shop.sessionOf('Speak slowly')
      await emulator.owner.reply(sessionId, 'This is Ada, in person.')
      await shop.whole('owner', 'in person').waitFor()
      await look('takeover')
      await shop.context.setOffline(true)
      await shop.say('Is this lost?')
      await shop.pending().waitFor()
      await look('offline')
      await shop.context.setOffline(false)
      await shop.sent()
      await shop.page.keyboard.press('Escape')
      await emulator.owner.reply(sessionId, 'Are you still there?')
      await shop.tellsUnread(1)
      await look('unread')
    })
})

describe('the keyboard', SIDE_BY_SIDE, () => {
  test('does everything alone: opens, writes, reads, goes between log and composer, closes, and the focus comes back', async (t) => {
    const { visit } = await stage(t)
    const shop = await visit()
    const press = (key) => shop.page.keyboard.press(key)
    await shop.launcher.waitFor()
    // The link of the page comes first.
    for (let n = 0; n < 4 && !(await shop.isFocused(shop.launcher)); n++) await press('Tab')
    assert.ok(await shop.isFocused(shop.launcher))
    await press('Enter')
    await shop.hasFocus(shop.composer)
    await shop.page.keyboard.type('First line')
    await press('Shift+Enter')
    await shop.page.keyboard.type('second line')
    await press('Enter')
    await shop.whole('avatar', 'I have heard you.').waitFor()
    await shop.sessionOf('First line\nsecond line')
    assert.equal(await shop.composer.inputValue(), '')
    assert.ok(await shop.isFocused(shop.composer), 'the composer keeps the focus')
    await press('F6')
    await shop.hasFocus(shop.log)
    await press('F6')
    await shop.hasFocus(shop.composer)
    await press('Escape')
    await shop.composer.waitFor({ state: 'hidden' })
    assert.ok(await shop.isFocused(shop.launcher), 'the launcher has the focus again')
    // Nothing of the closed panel is reached.
    for (let n = 0; n < 12; n++) {
      await press('Tab')
      assert.equal(await shop.isFocused(shop.composer), false)
    }
  })

  test('Enter that ends a word of an input method sends nothing', async (t) => {
    const { visit } = await stage(t)
    const shop = await visit()
    await shop.open()
    const input = await shop.context.newCDPSession(shop.page)
    await input.send('Input.imeSetComposition', { text: '你好', selectionStart: 2, selectionEnd: 2 })
    await shop.composer.dispatchEvent('keydown', { key: 'Enter', isComposing: true, keyCode: 229 })
    await input.send('Input.insertText', { text: '你好' })
    assert.equal(await shop.composer.inputValue(), '你好')
    assert.equal(await shop.messages.and(shop.page.locator('[data-author="visitor"]')).count(), 0)
    await shop.composer.press('Enter')
    await shop.whole('visitor', '你好').waitFor()
  })
})

describe('a screen reader', SIDE_BY_SIDE, () => {
  test('is told each text once, whole and with its author, and no pieces', async (t) => {
    const model = await SlowModel.start(t)
    const { emulator, visit } = await stage(t, { brain: model.brain, ownerName: 'Ada' })
    const shop = await visit()
    await shop.open()
    const announced = await shop.listen()
    await shop.ask('Hello')
    await shop.say('Speak slowly')
    await shop.growing().getByText('w1').waitFor()
    const { sessionId } = await shop.sessionOf('Speak slowly')
    model.finish()
    await shop.whole('avatar', 'w30').waitFor()
    await emulator.owner.reply(sessionId, 'This is Ada, in person.')
    await shop.whole('owner', 'in person').waitFor()
    await emulator.owner.handBack(sessionId)
    await shop.ask('Back again?')
    await shop.page.waitForFunction(
      () => globalThis.announced.filter((text) => text.includes('I have heard you.')).length === 2,
    )
    const all = await announced()
    const telling = (text) => all.filter((one) => one.includes(text))
    assert.equal(telling('w1 ').length, 1, `${all}`)
    assert.match(telling('w1 ')[0], new RegExp(WHOLE))
    assert.equal(telling('w30').length, 1)
    assert.equal(telling('This is Ada, in person.').length, 1)
    assert.match(telling('This is Ada, in person.')[0], /Ada.*This is Ada, in person\./s)
    assert.equal(telling('Ada has joined').length, 1)
    assert.equal(telling('Ada has left').length, 1)
    assert.equal(telling('I have heard you.').length, 2)
  })

  test('is given live regions by the browser’s accessibility tree: one that is polite, and alarms for what stands in the way', async (t) => {
    const { visit } = await stage(t)
    const shop = await visit()
    await shop.open()
    await shop.ask('Hello')
    const regions = await shop.liveRegions()
    // The log itself is silent: a text that grows would be read piece by piece.
    assert.deepEqual(
      regions.filter(({ role }) => role === 'log').map(({ live, name }) => [live, name]),
      [[undefined, 'Conversation']],
    )
    assert.ok(regions.some(({ role, live, atomic }) => role === 'status' && live === 'polite' && !atomic))
    assert.deepEqual(
      regions.filter(({ live }) => live === 'assertive').map(({ role }) => role),
      [],
      'nothing is wrong, and nothing alarms',
    )
    const spoken = await shop.accessibleTexts('status')
    assert.ok(
      spoken.some((text) => /I have heard you\./.test(text)),
      `${spoken}`,
    )
    await shop.context.setOffline(true)
    await shop.say('Is this lost?')
    await shop.panel.getByRole('alert').filter({ hasText: /\w/ }).first().waitFor()
    const alarms = (await shop.liveRegions()).filter(({ live }) => live === 'assertive')
    assert.ok(
      alarms.length > 0 && alarms.every(({ role, atomic }) => role === 'alert' && atomic),
      JSON.stringify(alarms),
    )
  })

  test('finds a dialog or a region with a name, a log with a name, and a labelled composer', async (t) => {
    const { visit } = await stage(t)
    const shop = await visit()
    assert.equal(await shop.launcher.getAttribute('aria-expanded'), 'false')
    await shop.open()
    const names = await shop.accessibleNames()
    for (const role of ['dialog', 'log', 'textbox'])
      assert.ok(names[role], `the ${role} has no name: ${JSON.stringify(names)}`)
  })
})

describe('the screen', SIDE_BY_SIDE, () => {
  // A zoom makes a pixel of the page larger, and the window has fewer of them.
  const WINDOWS = {
    'a phone of 320 px': { width: 320, height: 640 },
    'a window of 1280 px at 200 %': { width: 640, height: 400 },
    'a phone that lies on its side': { width: 667, height: 320 },
    'a window of 1280 px at 400 %': { width: 320, height: 256 },
  }

  test('everything is in reach on a small one, and nothing is wider than it', async (t) => {
    const { visit } = await stage(t)
    const shop = await visit()
    await shop.open()
    for (const text of ['Show markdown', 'Your sources?', 'Something wide']) await shop.say(text)
    await shop.ask('Hello')
    for (const [name, { width, height }] of Object.entries(WINDOWS)) {
      await shop.page.setViewportSize({ width, height })
      for (const part of ['composer', 'send', 'close']) {
        const box = await shop[part].boundingBox()
        const isInside = box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height
        assert.ok(isInside, `${part} on ${name}: ${JSON.stringify(box)}`)
      }
      assert.equal(await shop.log.evaluate((log) => log.scrollWidth - log.clientWidth), 0, name)
      assert.ok((await shop.page.evaluate(() => document.documentElement.scrollWidth)) <= width, name)
      const log = await shop.log.boundingBox()
      assert.ok(log.height >= 60, `the log is ${log.height} px high on ${name}`)
    }
  })

  test('text of twice the size is cut nowhere', async (t) => {
    const { visit } = await stage(t, {
      pages: {
        '/': shopPage({ head: '<link rel="stylesheet" href="/twice.css">' }),
        '/twice.css': { type: 'text/css', body: 'html { font-size: 200% }' },
      },
    })
    const shop = await visit({ viewport: { width: 1280, height: 800 } })
    await shop.open()
    await shop.ask('Hello')
    const cut = await shop.panel.evaluate((panel) =>
      [...panel.querySelectorAll('*')]
        // What is there for screen readers alone is clipped on purpose.
        .filter((one) => getComputedStyle(one).clipPath === 'none' && getComputedStyle(one).overflowY === 'hidden')
        .filter((one) => one.scrollHeight > one.clientHeight + 2)
        .map((one) => one.outerHTML.slice(0, 200)),
    )
    assert.deepEqual(cut, [])
  })

  test('nothing moves for those who asked for less motion, and something may for the others', async (t) => {
    const { visit } = await stage(t)
    const moving = async (reducedMotion) => {
      const shop = await visit({ reducedMotion })
      await shop.open()
      await shop.say('Speak slowly')
      await shop.growing().waitFor()
      return shop.animations()
    }
    assert.deepEqual(await moving('reduce'), [])
    assert.notDeepEqual(await moving('no-preference'), [])
  })
})

describe('languages', SIDE_BY_SIDE, () => {
  test('the page’s language is the widget’s: Chinese', async (t) => {
    const { emulator, visit } = await stage(t, { pages: { '/': shopPage({ lang: 'zh-CN' }) }, ownerName: '张三' })
    const shop = await visit()
    await shop.open()
    await shop.ask('你好')
    const { sessionId } = await shop.sessionOf('你好')
    await emulator.owner.reply(sessionId, '我是张三本人')
    await shop.whole('owner', '我是张三本人').waitFor()
    const text = await shop.panel.textContent()
    assert.match(text, /张三.*加入/)
    assert.doesNotMatch(
      text.replaceAll(/Ada's avatar|I have heard you\.|Hello! What can I do for you\?/g, ''),
      /[A-Za-z]{3}/,
    )
  })

  test('another language comes by a file, and words of the page’s own stand in the place of others', async (t) => {
    const german = await stage(t, { pages: { '/': shopPage({ lang: 'de' }) } })
    const laden = await german.visit()
    await laden.open()
    await laden.panel.getByRole('button', { name: 'Senden' }).waitFor()

    const own = { type: 'application/json', body: JSON.stringify({ send: 'Off it goes' }) }
    const page = shopPage({ attributes: 'data-strings="/own.json"' })
    const { visit } = await stage(t, { pages: { '/': page, '/own.json': own } })
    const shop = await visit()
    await shop.open()
    await shop.panel.getByRole('button', { name: 'Off it goes' }).waitFor()
  })

  test('from right to left the panel is on the other side', async (t) => {
    const { visit } = await stage(t, { pages: { '/': shopPage({ lang: 'ar', dir: 'rtl' }) } })
    const shop = await visit()
    await shop.open()
    const box = await shop.panel.boundingBox()
    assert.ok(box.x < 640, `the panel begins at ${box.x}`)
    await shop.until(shop.log, (log) => getComputedStyle(log).direction === 'rtl')
  })
})
