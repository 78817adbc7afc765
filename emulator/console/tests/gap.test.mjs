// A page whose feed breaks off is told the newest of a conversation alone, and shows none with a hole in it.
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { crowd } from './crowd.mjs'
import { startProxy } from './proxy.mjs'
import { browser, emulator, leave, openPage, stage } from './support.mjs'

let page
let proxy
stage()
leave(() => page)
afterEach(() => proxy.stop())

/** The numbers of the messages that the page shows, in its order. */
const shown = () =>
  page.locator('.thread .said .bubble').evaluateAll((all) => all.map((one) => Number(one.textContent.split(' ', 1)[0])))
const isWhole = (numbers) => numbers.every((number, at) => number === numbers[0] + at)

/** A conversation that the page has open, and how the owner goes on in it. */
async function conversation() {
  const { sessions } = await crowd(emulator, 1)
  const [sessionId] = sessions
  let last = 0
  const say = async (count) => {
    for (let n = 0; n < count; n++) {
      last++
      await emulator.control('POST', 'owner/reply', { sessionId, text: `${last} words` })
    }
    return last
  }
  await say(20)
  proxy = await startProxy(emulator)
  page = await openPage(browser, `${proxy.origin}/?session=${sessionId}`)
  await page.waitForFunction(() => document.querySelectorAll('.thread .said').length === 20)
  return say
}

/** Goes up as a reader does, and looks at each step whether something is missing. */
async function readUpTo(first) {
  const messages = page.locator('.thread').getByRole('group', { name: 'Messages' })
  await messages.focus()
  for (;;) {
    const numbers = await shown()
    assert.ok(isWhole(numbers), `what is shown has a hole: ${numbers}`)
    if (numbers[0] === first) return
    await page.keyboard.press('Home')
    await page.waitForFunction(
      (before) => Number(document.querySelector('.thread .said .bubble').textContent.split(' ', 1)[0]) < before,
      numbers[0],
    )
  }
}

test('what was said while the feed was gone is loaded, and what is shown has no hole', async () => {
  const say = await conversation()
  proxy.cut()
  await page.getByText('The emulator does not answer').waitFor()
  const last = await say(180)
  proxy.mend()
  await page.locator('.thread .bubble').getByText(`${last} words`).waitFor()
  const numbers = await shown()
  assert.equal(numbers.at(-1), last)
  assert.ok(numbers[0] > 20 && isWhole(numbers), `${numbers}`)
  await readUpTo(1)
})
