// The pictures in docs/, taken anew: `make console-pictures`.
import { enter, launch, openPage, say, startEmulator } from './support.mjs'

const docs = new URL('../../../docs/', import.meta.url).pathname
const emulator = await startEmulator('--brain', 'demo', '--piece-delay', '25ms')
const browser = await launch()

/** A morning at the avatar: four people, one of them answered by the owner. */
async function scene(page, narrow = false) {
  const side = (side) =>
    narrow && page.getByRole('navigation', { name: 'Sides' }).getByRole('button', { name: side }).click()
  const heard = (text) =>
    page.locator('.visitor-chat .said:not(.visitor) .bubble:not(.streaming)').getByText(text).waitFor()
  await side('Tester')
  await enter(page, 'Grace Hopper', 'slack')
  await say(page, 'Tell me a joke')
  await heard('counts in tens')
  await enter(page, '王芳', 'dingtalk')
  await say(page, '你好')
  await heard('Ask me to tell you')
  await enter(page, 'Charles', 'web')
  await say(page, 'Can I talk with the real Ada?')
  await heard('this is the real Ada')
  await enter(page, '张三', 'feishu')
  await say(page, 'Hello')
  await heard('Ask me to tell you')
  await say(page, 'What are you, and who is behind you?')
  await heard('When you need the real one')
  await side('Owner')
  await page.locator('.inbox .row').filter({ hasText: '张三' }).click()
  await page.getByRole('button', { name: 'Take over' }).click()
  const reply = page.getByLabel('Reply in person')
  await reply.fill('张三, this is Ada herself. Shall we talk on Thursday?')
  await reply.press('Enter')
  await side('Tester')
  await heard('Shall we talk on Thursday')
  await say(page, 'Thursday is perfect, thank you!')
  await side('Owner')
  await page.locator('.thread .bubble').getByText('Thursday is perfect').waitFor()
}

async function picture(name, options, after) {
  await emulator.control('POST', 'reset')
  const page = await openPage(browser, emulator.origin, { deviceScaleFactor: 1.5, ...options })
  await scene(page, options.viewport.width < 760)
  await after(page)
  await page.evaluate(() => document.activeElement?.blur())
  // The cursor of a field and the mouse are in no picture.
  await page.mouse.move(0, 0)
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
  await page.screenshot({ path: `${docs}console-${name}.png` })
  await page.close()
}

const desk = { width: 1360, height: 800 }
await picture('light', { viewport: desk }, async () => {})
await picture('dark', { viewport: desk, colorScheme: 'dark' }, async (page) => {
  await page.getByRole('tab', { name: 'Time line' }).click()
  await page.locator('.drawing svg').waitFor()
})
await picture('phone', { viewport: { width: 390, height: 780 } }, async () => {})
await picture('zh', { viewport: desk }, async (page) => {
  await page.getByRole('tab', { name: 'Journal' }).click()
  await page.getByRole('button', { name: '中文' }).click()
  await page.getByLabel('搜索请求和帧').fill('thursday')
  await page.locator('.entry').filter({ hasText: 'message/send' }).click()
})
await browser.close()
await emulator.stop()
