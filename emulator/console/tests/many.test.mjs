import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crowd } from './crowd.mjs'
import { browser, emulator, openPage, stage } from './support.mjs'

stage()

test('a thousand conversations are listed and change live, with only those in sight in the page', async () => {
  const { sessions, end } = await crowd(emulator, 1000, 50)
  const page = await openPage(browser, emulator.origin)
  const list = page.getByRole('list', { name: 'Conversations' })
  await list.getByText('Visitor').first().waitFor()
  await page.locator('.inbox .pane-head').getByText('1000').waitFor()
  assert.equal(await list.getByRole('listitem').first().getAttribute('aria-setsize'), '1000')
  for (let n = 0; n < 200; n++) {
    await emulator.control('POST', 'owner/reply', { sessionId: sessions[n % 50], text: `word ${n}` })
  }
  await list.getByText('You: word 199').waitFor()
  assert.ok((await list.getByRole('listitem').count()) < 40, 'rows out of sight are not in the page')

  await page.getByRole('tab', { name: 'Journal' }).click()
  const copyScenario = page.getByRole('button', { name: 'Copy as scenario', exact: true })
  await page.locator('.journal-count button[title*="at most 2000 entries"]').waitFor()
  assert.equal(await copyScenario.isDisabled(), true)
  await page.getByLabel('Kind').selectOption('owner')
  await page
    .getByRole('status')
    .getByText(/^200 of [\d]+ entries/)
    .waitFor()
  assert.equal(await copyScenario.isEnabled(), true, 'these are few enough')
  const journal = page.getByRole('list', { name: 'Journal' })
  await journal.getByText('reply: word 199').waitFor()
  assert.ok((await journal.getByRole('listitem').count()) < 60, 'entries out of sight are not in the page')
  await journal.locator('.entry').last().focus()
  await page.keyboard.press('Home')
  await journal.getByText('reply: word 0', { exact: true }).waitFor()

  await page.getByLabel('Search people and words').fill('Visitor 777')
  await list.getByText('Visitor 777(load)').waitFor()
  assert.equal(await list.getByRole('listitem').count(), 1)
  assert.deepEqual(page.wrong, [])
  end()
  await page.close()
})

test('what the emulator has no room for is said: above the first message, and in the journal', async () => {
  const { sessions, end } = await crowd(emulator, 1)
  const { 'history-bytes': room } = await emulator.control('GET', 'settings')
  await emulator.control('POST', 'settings', { 'history-bytes': 40_000 })
  for (let n = 0; n < 100; n++) {
    await emulator.control('POST', 'owner/reply', { sessionId: sessions[0], text: `line ${n} ${'long '.repeat(50)}` })
  }
  const { conversation, messages } = await emulator.control('GET', `conversations/${sessions[0]}`)
  assert.equal(conversation.messages, 100)
  assert.equal(conversation.forgotten, 100 - messages.length)
  const page = await openPage(browser, `${emulator.origin}/?session=${sessions[0]}&side=tester&tab=journal`)
  await page.locator('.thread').getByText(`The first ${conversation.forgotten} messages were dropped`).waitFor()
  await page.getByLabel('Kind').selectOption('dropped')
  const journal = page.getByRole('list', { name: 'Journal' })
  await journal
    .getByText(/the oldest of all conversations: (1 message|\d{2,} messages|[02-9] messages), /)
    .first()
    .waitFor()
  assert.deepEqual(page.wrong, [])
  await emulator.control('POST', 'settings', { 'history-bytes': room })
  end()
  await page.close()
})

test('a conversation whose messages were all dropped while it was open does not say that nothing was said', async () => {
  await emulator.control('POST', 'reset')
  const { sessions, end } = await crowd(emulator, 2)
  const [quiet, busy] = sessions
  const { 'history-bytes': room } = await emulator.control('GET', 'settings')
  const reply = (sessionId, text) => emulator.control('POST', 'owner/reply', { sessionId, text })
  for (let n = 0; n < 3; n++) await reply(quiet, `quiet ${n}`)
  const page = await openPage(browser, `${emulator.origin}/?session=${quiet}`)
  const thread = page.locator('.thread')
  await thread.locator('.bubble').getByText('quiet 2').waitFor()
  await thread.getByText('The beginning of the conversation').waitFor()
  await emulator.control('POST', 'settings', { 'history-bytes': 40_000 })
  for (let n = 0; n < 100; n++) await reply(busy, `line ${n} ${'long '.repeat(50)}`)
  await thread.getByText('The first 3 messages were dropped').waitFor()
  assert.equal(await thread.locator('.bubble').count(), 0, 'what was dropped is not shown')
  await page.locator('.inbox .row').getByText('The first 3 messages were dropped').waitFor()
  assert.equal(await page.getByText('Nothing said yet').count(), 0)
  assert.deepEqual(page.wrong, [])
  await emulator.control('POST', 'settings', { 'history-bytes': room })
  end()
  await page.close()
})
