import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { browser, emulator, enter, leave, openPage, say, stage } from './support.mjs'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let page
stage('--brain', 'demo')
leave(() => page)

/** What axe finds, in words. */
async function violations() {
  await page.evaluate(AXE)
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, any }) => `${id}: ${html.slice(0, 160)} ${any[0]?.message ?? ''}`),
  )
}

const VIEWS = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { colorScheme: 'light', viewport: { width: 320, height: 640 } },
}

for (const [name, options] of Object.entries(VIEWS)) {
  test(`axe finds nothing in any view: ${name}`, async () => {
    const narrow = options.viewport !== undefined
    page = await openPage(browser, emulator.origin, options)
    const side = (side) =>
      narrow && page.getByRole('navigation', { name: 'Sides' }).getByRole('button', { name: side }).click()
    assert.deepEqual(await violations(), [], 'empty')
    await side('Tester')
    await enter(page, '张三', 'feishu')
    await say(page, 'Hello')
    await page.locator('.visitor-chat .said.avatar').getByText('Ask me to').waitFor()
    assert.deepEqual(await violations(), [], 'visitor')
    await side('Owner')
    await page.locator('.inbox .row').click()
    await page.locator('.thread .said.avatar').getByText('Ask me to').waitFor()
    assert.deepEqual(await violations(), [], 'conversation')
    await side('Tester')
    for (const tab of ['Journal', 'Time line', 'Faults', 'Live', 'Setup']) {
      await page.getByRole('tab', { name: tab }).click()
      if (tab === 'Journal') await page.locator('.entry').first().click()
      if (tab === 'Setup') await page.getByLabel('pings', { exact: true }).waitFor()
      if (tab === 'Faults') await page.getByLabel('Where').waitFor()
      assert.deepEqual(await violations(), [], tab)
      const wider = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
      assert.equal(wider, false, `${tab} is wider than the window`)
    }
  })
}

test('everything is done with the keyboard alone', async () => {
  page = await openPage(browser, emulator.origin)
  const press = (key) => page.keyboard.press(key)
  const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '')
  /** Goes on with Tab until the focus is where a selector says. */
  const tabTo = async (selector) => {
    for (let n = 0; n < 60; n++) {
      await press('Tab')
      if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return
    }
    assert.fail(`Tab never reaches ${selector}`)
  }
  await press('Tab')
  assert.match(await focused(), /Skip to the conversations/)
  await tabTo('[role=tab]')
  assert.match(await focused(), /Visitor/)
  await tabTo('.entry-form input')
  await page.keyboard.type('Ada')
  await press('Enter')
  await page.locator('.visitor-head').getByText('Connected').waitFor()
  await tabTo('.visitor-chat textarea')
  await page.keyboard.type('Hello')
  await press('Enter')
  await page.locator('.visitor-chat .said.avatar').getByText('Ask me to').waitFor()
  await enter(page, 'Ben')

  await page.locator('.inbox .row').nth(1).waitFor()
  await tabTo('.skip')
  await press('Enter')
  await tabTo('.inbox .row')
  await press('ArrowDown')
  assert.match(await focused(), /Ada/)
  await press('ArrowUp')
  assert.match(await focused(), /Ben/)
  await press('End')
  await press('Enter')
  await page.locator('.thread h2').getByText('Ada(web)').waitFor()
  await tabTo('.thread-head .button.primary')
  await press('Enter')
  await page.locator('.answering').getByText('You answer').waitFor()
  await tabTo('.thread textarea')
  await page.keyboard.type('In person')
  await press('Enter')
  await page.locator('.thread .said.owner').getByText('In person').waitFor()

  await tabTo('[role=separator]')
  const before = await page.locator('.tester-side').evaluate((side) => side.clientWidth)
  await press('ArrowLeft')
  await page.waitForFunction((width) => document.querySelector('.tester-side').clientWidth > width, before)
  await tabTo('[role=tab]')
  await press('ArrowRight')
  await page.getByRole('tab', { name: 'Journal', selected: true }).waitFor()
  await tabTo('.entry')
  await press('Home')
  await press('Enter')
  await page.getByRole('button', { name: 'Copy as curl' }).waitFor()
})

test('the language is chosen, remembered, and said to the browser', async () => {
  page = await openPage(browser, emulator.origin)
  await page.getByRole('button', { name: '中文' }).click()
  await page.getByRole('heading', { name: '会话', exact: true }).waitFor()
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'zh-CN')
  await page.reload()
  await page.getByRole('heading', { name: '会话', exact: true }).waitFor()
  await enter(page, '张三', 'feishu')
  await say(page, '你好')
  await page.locator('.inbox .row').click()
  await page.getByRole('button', { name: '接管' }).click()
  await page.locator('.answering').getByText('你在回复').waitFor()
  await page.getByRole('button', { name: 'English' }).click()
  await page.getByRole('button', { name: 'Hand back' }).waitFor()
})

test('a browser in Chinese begins in Chinese, and the colours are chosen and remembered', async () => {
  page = await openPage(browser, emulator.origin, { locale: 'zh-CN', colorScheme: 'dark' })
  await page.getByRole('heading', { name: '会话', exact: true }).waitFor()
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme)
  assert.equal(await theme(), 'dark')
  await page.getByRole('button', { name: '配色：跟随系统' }).click()
  assert.equal(await theme(), 'light')
  await page.reload()
  await page.getByRole('button', { name: '配色：浅色' }).waitFor()
  assert.equal(await theme(), 'light')
})

test('a conversation and a tab have an address, and "back" leads to what was shown before', async () => {
  page = await openPage(browser, emulator.origin, { viewport: { width: 320, height: 640 } })
  const side = (name) => page.getByRole('navigation', { name: 'Sides' }).getByRole('button', { name })
  await side('Tester').click()
  await enter(page, 'Ada')
  await side('Owner').click()
  await page.locator('.inbox .row').click()
  await page.locator('.thread .who').getByText('Ada(web)').waitFor()
  const { sessions } = await emulator.control('GET', 'state')
  assert.equal(new URL(page.url()).searchParams.get('session'), sessions[0].sessionId)
  await side('Tester').click()
  await page.getByRole('tab', { name: 'Faults' }).click()
  assert.equal(new URL(page.url()).searchParams.get('tab'), 'faults')
  await page.goBack()
  await page.getByRole('tab', { name: 'Visitor', selected: true }).waitFor()
  await page.goBack()
  await page.locator('.thread .who').getByText('Ada(web)').waitFor()
  await page.goBack()
  await page.locator('.inbox .row').waitFor()

  // A link leads there, in another tab too.
  await page.goto(`${emulator.origin}/?session=${sessions[0].sessionId}&tab=journal`)
  await page.locator('.thread .who').getByText('Ada(web)').waitFor()
  await side('Tester').click()
  await page.getByRole('tab', { name: 'Journal', selected: true }).waitFor()
})

test('in Chinese it is said that the terms of the service are in English', async () => {
  page = await openPage(browser, `${emulator.origin}/?tab=faults`, { locale: 'zh-CN' })
  await page.getByText('服务的术语与说明以英文显示').waitFor()
  await page.getByRole('tab', { name: '设置' }).click()
  await page.getByText('服务的术语与说明以英文显示').waitFor()
})

test('at 320 pixels nothing stands beyond the window, in both languages', async () => {
  for (const language of ['en', 'zh']) {
    page = await openPage(browser, emulator.origin, { viewport: { width: 320, height: 640 }, locale: language })
    const widths = () =>
      page.evaluate(() => [document.documentElement.scrollWidth, document.querySelector('.link').offsetHeight])
    await page.locator('.link.live').waitFor()
    const tester = page.getByRole('navigation').getByRole('button').last()
    for (const tab of [null, 0, 1, 2, 3, 4, 5]) {
      if (tab !== null) {
        await tester.click()
        await page.getByRole('tab').nth(tab).click()
      }
      const [width, height] = await widths()
      assert.ok(width <= 320, `${language}, tab ${tab}: ${width} px`)
      assert.ok(height < 24, `${language}: the state of the link is ${height} px high`)
    }
    if (language === 'en') await page.close()
  }
})
