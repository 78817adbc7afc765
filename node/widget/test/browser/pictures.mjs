// Pictures of the widget on the shop's page: `make widget-pictures` takes those in docs/ anew, and the demo takes one.
import { fileURLToPath } from 'node:url'
import { launch } from './support/stage.mjs'
import { openPage, Visit } from './support/visit.mjs'

const DESK = { viewport: { width: 1180, height: 760 } }
const PHONE = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true }

/** A visitor asks; the owner takes over while the avatar still speaks, and the visitor answers. */
async function scene(shop, { ask, owner, reply }) {
  await shop.open()
  await shop.say(ask[0])
  await shop.whole('avatar', ask[1]).waitFor()
  if (owner === undefined) return
  await shop.say(owner[0])
  await shop.growing().waitFor()
  const { sessionId } = await shop.sessionOf(owner[0])
  await shop.emulator.owner.reply(sessionId, owner[1])
  await shop.whole('owner', owner[1]).waitFor()
  await shop.settled()
  if (reply === undefined) return
  await shop.say(reply)
  await shop.whole('visitor', reply).waitFor()
}

const ENGLISH = {
  ask: ['What does a slide rule cost?', 'made to order'],
  owner: ['And how long is delivery of an engine?', 'Ada here, in person: for you I can make it four weeks.'],
  reply: 'That would be wonderful, thank you!',
}
/** What was answered first is still seen without the takeover. */
const QUIET = { ask: ENGLISH.ask }

const PICTURES = {
  light: [QUIET, { ...DESK, colorScheme: 'light' }],
  dark: [ENGLISH, { ...DESK, colorScheme: 'dark' }],
  takeover: [ENGLISH, { ...DESK, colorScheme: 'light' }],
  phone: [ENGLISH, { ...PHONE, colorScheme: 'light' }],
}

async function take(browser, file, [told, options], origin, emulator) {
  const page = await openPage(browser, origin, { deviceScaleFactor: 1.5, ...options })
  await scene(new Visit(page, emulator), told)
  // The cursor of a field and the mouse are in no picture.
  await page.mouse.move(0, 0)
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
  await page.screenshot({ path: file, caret: 'hide' })
  await page.context().close()
}

/** One picture, of the takeover, for the demo. */
export async function takeOne(file, origin, emulator) {
  const browser = await launch()
  await take(browser, file, PICTURES.takeover, origin, emulator)
  await browser.close()
}

/** All of them into a folder. */
export async function takeAll(folder, origin, emulator) {
  const browser = await launch()
  for (const [name, picture] of Object.entries(PICTURES))
    await take(browser, fileURLToPath(new URL(`widget-${name}.png`, folder)), picture, origin, emulator)
  await browser.close()
}
