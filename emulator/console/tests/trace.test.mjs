import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser, emulator, enter, leave, openPage, say, stage } from './support.mjs'

let page
stage('--brain', 'demo')
leave(() => page)

const tab = (name) => page.getByRole('tab', { name }).click()

test('the time line of the open conversation is drawn', async () => {
  page = await openPage(browser, emulator.origin)
  await enter(page, 'Ada')
  await say(page, 'Hello')
  await page.getByRole('button', { name: 'As the owner' }).click()
  await tab('Time line')
  const drawing = page.getByRole('region', { name: 'Time line' }).locator('svg')
  await drawing.waitFor()
  await drawing.getByText('message/send').first().waitFor({ state: 'attached' })
  const whole = await drawing.innerHTML()
  await page.getByRole('button', { name: 'Zoom in' }).click()
  await page.waitForFunction((old) => document.querySelector('.drawing svg')?.innerHTML !== old, whole)
  await page.getByRole('button', { name: 'All', exact: true }).click()

  // A part is chosen with the mouse, and is what is then shown.
  await page.waitForFunction(() => document.querySelector('.drawing svg').dataset.from === '0')
  const all = await drawing.evaluate((svg) => ({ ...svg.dataset }))
  assert.equal(all.to, all.end)
  const box = await drawing.boundingBox()
  const edges = all.scale.split(' ').map((edge) => edge.split(':').map(Number))
  const [left, right] = [edges[0][0], edges.at(-1)[0]]
  await page.mouse.move(box.x + right - 2, box.y + 60)
  await page.mouse.down()
  await page.mouse.move(box.x + (left + right) / 2, box.y + 60, { steps: 4 })
  await page.locator('.marked').waitFor()
  await page.mouse.up()
  await page.waitForFunction(() => Number(document.querySelector('.drawing svg').dataset.from) > 0)
  const part = await drawing.evaluate((svg) => ({ ...svg.dataset }))
  assert.ok(Number(part.to) > Number(all.to) * 0.8, `${part.to} of ${all.to}`)

  // What comes while it is zoomed can be reached.
  await emulator.control('POST', 'clock', { advance_ms: 5_000 })
  await tab('Visitor')
  await say(page, 'And more')
  await page.locator('.visitor-chat .said.avatar').nth(1).waitFor()
  await tab('Time line')
  await drawing.waitFor()
  await page.waitForFunction((end) => Number(document.querySelector('.drawing svg').dataset.end) >= end, 5_000)
})

test('a message leads to its entries in the journal, and these to its place in the time line', async () => {
  page = await openPage(browser, emulator.origin)
  await enter(page, 'Ada')
  await say(page, 'Hello')
  await page.locator('.visitor-chat .said.avatar .bubble:not(.streaming)').nth(1).waitFor()
  await say(page, 'Tell me a joke')
  await page.locator('.visitor-chat .bubble:not(.streaming)').getByText('counts in tens.').waitFor()
  await page.getByRole('button', { name: 'As the owner' }).click()
  const { entries } = await emulator.control('GET', 'journal')
  const told = async () => {
    await page.waitForFunction(() => /^\d+ of \d+ entries/.test(document.querySelector('.journal-count').textContent))
    return page.locator('.entry .kind').allTextContents()
  }
  const thread = page.locator('.thread')
  const question = thread.locator('.said.visitor').filter({ hasText: 'Tell me a joke' })
  await question.hover()
  await question.getByRole('button', { name: 'In the journal' }).click()
  await page.getByRole('tab', { name: 'Journal', selected: true }).waitFor()
  assert.deepEqual(await told(), ['request', 'frame-out', 'answer', 'frame-in'], 'the call, its echo, its answer')

  // With the keyboard: one button is in the tab order, the arrows lead to the others.
  const newest = thread.locator('.said').last().getByRole('button', { name: 'In the journal' })
  assert.equal(await thread.locator('.to-journal[tabindex="0"]').count(), 1)
  await newest.focus()
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  const last = entries.findLast((entry) => entry.what === 'frame-out').frame.messageId
  const pieces = entries.filter((entry) => entry.frame?.messageId === last)
  await page
    .getByRole('status')
    .getByText(new RegExp(`^${pieces.length} of`))
    .waitFor()
  assert.deepEqual(
    await told(),
    pieces.map((entry) => entry.what),
  )

  await page.getByRole('button', { name: 'In the time line' }).click()
  const drawing = page.getByRole('region', { name: 'Time line' })
  await drawing.locator('.moment').waitFor()
  const { begin, from, to } = await drawing.locator('svg').evaluate((svg) => ({ ...svg.dataset }))
  const said = pieces[0].atMs - Number(begin)
  assert.ok(Number(from) <= said && said <= Number(to), `${said} is not in ${from} to ${to}`)
  await tab('Journal')
  await page.locator('.entry').first().click()
  await page.locator('.entry-detail').getByRole('button', { name: 'In the time line' }).click()
  await drawing.locator('.moment').waitFor()
  await page.getByRole('button', { name: 'All', exact: true }).click()
  await drawing.locator('.moment').waitFor({ state: 'detached' })

  // The moment of one conversation is not looked for in another.
  await tab('Journal')
  await page.locator('.entry').first().click()
  await page.locator('.entry-detail').getByRole('button', { name: 'In the time line' }).click()
  await drawing.locator('.moment').waitFor()
  await enter(page, 'Ben')
  await emulator.control('POST', 'clock', { advance_ms: 60_000 })
  await say(page, 'Hello')
  await page.locator('.visitor-chat .said.visitor').waitFor()
  await page.getByRole('button', { name: 'As the owner' }).click()
  await tab('Time line')
  await page.waitForFunction(() => Number(document.querySelector('.drawing svg')?.dataset.end) >= 60_000)
  assert.equal(await drawing.locator('.moment').count(), 0)
  const other = await drawing.locator('svg').evaluate((svg) => ({ ...svg.dataset }))
  assert.deepEqual([other.from, other.to], ['0', other.end])
})
