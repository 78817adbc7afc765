import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AvatarClient, Visitor } from '../../../node/lib/index.mjs'
import { conversation } from './crowd.mjs'
import { browser, emulator, enter, openPage, say, stage, startAnother } from './support.mjs'

stage('--brain', 'demo')

test('a visitor is played over the real calls, and hears the streamed reply whole', async () => {
  const page = await openPage(browser, emulator.origin)
  await enter(page, '张三', 'feishu')
  await say(page, 'Tell me a joke')
  await page.locator('.said.avatar .bubble:not(.streaming)').getByText('it counts in tens.').waitFor()

  const { visitors, sessions, sockets } = await emulator.control('GET', 'state')
  assert.equal(visitors.length, 1)
  assert.match(visitors[0].visitorId, /^feishu_[0-9a-f-]{36}$/)
  assert.equal(visitors[0].name, '张三(feishu)')
  assert.equal(sessions[0].bound, true)
  assert.deepEqual(
    sessions[0].messages.map(({ author }) => author),
    ['visitor', 'avatar'],
  )
  assert.equal(sockets.length, 1)
  assert.equal(sockets[0].rejected, 0)
  assert.ok(sockets[0].acks > 0, 'frames are acknowledged')
  assert.deepEqual(page.wrong, [])
  await page.close()
})

test('a visitor who leaves closes the socket', async () => {
  await emulator.control('POST', 'reset')
  const page = await openPage(browser, emulator.origin)
  await enter(page, 'Ada')
  assert.equal((await emulator.control('GET', 'state')).sockets.length, 1)
  await page.getByRole('button', { name: 'Leave the chat' }).click()
  await page.getByRole('button', { name: 'Start the chat' }).waitFor()
  for (;;) if ((await emulator.control('GET', 'state')).sockets.length === 0) break
  assert.deepEqual(page.wrong, [])
  await page.close()
})

test('what the service refuses is said, and tried again at a click', async () => {
  await emulator.control('POST', 'faults', { at: 'auth', do: { fail: 'open.api.key.disabled' } })
  const page = await openPage(browser, emulator.origin)
  await page.getByLabel('Name', { exact: true }).fill('Ben')
  await page.getByRole('button', { name: 'Start the chat' }).click()
  await page.getByRole('alert').getByText('open.api.key.disabled').waitFor()
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.locator('.visitor-head').getByText('Connected').waitFor()
  assert.deepEqual(page.wrong, [])
  await page.close()
})

test('cards, sources and clips are shown as texts, and only an address of the web can be opened', async () => {
  await emulator.control('POST', 'reset')
  const script = `rules:
  - when: any
    then:
      - say:
          text: See
          cards: [{ template: citation, params: { citation: <b>Prices</b>, link: "https://example.com/a", other: "javascript:alert(1)" } }]
          sources: [{ title: Price list }]`
  await emulator.control('POST', 'settings', { brain: { script } })
  const page = await openPage(browser, emulator.origin)
  await enter(page, 'Ada')
  await say(page, 'Hello')
  const said = page.locator('.visitor-chat .said.avatar').last()
  await said.locator('.extra.source').getByText('Price list').waitFor()
  const card = said.locator('.extra.card')
  await card.getByText('citation: <b>Prices</b>').waitFor()
  await card.getByText('javascript:alert(1)').waitFor()
  const links = await said.locator('a').evaluateAll((all) => all.map(({ href, rel }) => [href, rel]))
  assert.deepEqual(links, [['https://example.com/a', 'noopener noreferrer']])
  assert.deepEqual(page.wrong, [])
  await page.close()
  await emulator.control('POST', 'settings', { brain: 'demo' })
})

test('when the emulator was started anew the visitor comes back by itself, and nothing of the old run is shown', async () => {
  const port = new URL(emulator.origin).port
  const page = await openPage(browser, emulator.origin)
  await enter(page, 'Ada')
  await say(page, 'Tell me a joke')
  await page.locator('.visitor-chat .said.avatar .bubble:not(.streaming)').getByText('counts in tens').waitFor()
  await page.getByRole('button', { name: 'As the owner' }).click()
  await page.locator('.thread .said.visitor').getByText('Tell me a joke').waitFor()
  await emulator.kill()
  await page.locator('.visitor-head').getByText('Connecting again').waitFor()
  await startAnother('--brain', 'demo', '--port', port)
  await page.locator('.visitor-chat').getByText('the chat begins anew').waitFor()
  await page.locator('.visitor-head').getByText('Connected').waitFor()
  await say(page, 'Are you back?')
  const row = page.locator('.inbox .row').filter({ hasText: 'Ada(web)' })
  await row.getByText('Are you back?').or(row.getByText("I'm back")).first().waitFor()
  await row.click()
  await page.locator('.thread .said.visitor').getByText('Are you back?').waitFor()
  assert.equal(await page.locator('.thread').getByText('Tell me a joke').count(), 0)
  await page.getByRole('tab', { name: 'Journal' }).click()
  await page.getByLabel('Search requests and frames').fill('Tell me a joke')
  await page
    .getByRole('status')
    .getByText(/^0 of \d+ entries/)
    .waitFor()
  assert.deepEqual(page.wrong, [])
  await page.close()
})

test('what a visitor hears stands under the emulator’s time', async () => {
  await emulator.control('POST', 'reset')
  const page = await openPage(browser, emulator.origin)
  await emulator.control('POST', 'clock', { advance_ms: 40 * 86_400_000 })
  const { now } = await emulator.control('GET', 'state')
  await enter(page, 'Ada')
  await say(page, 'Hello')
  const time = await page.locator('.visitor-chat .said.visitor time').getAttribute('datetime')
  assert.ok(Math.abs(Date.parse(time) - now) < 60_000, `${time} is not about ${new Date(now).toISOString()}`)
  assert.deepEqual(page.wrong, [])
  await page.close()
})

test('the same visitor again: in a second session over the same socket, and over a second socket', async () => {
  await emulator.control('POST', 'reset')
  await emulator.control('POST', 'settings', { brain: 'echo' })
  const page = await openPage(browser, emulator.origin)
  const connected = () => page.locator('.visitor-head').getByText('Connected').waitFor()
  const chat = page.locator('.visitor-chat')
  const heard = (text) => chat.locator('.bubble').getByText(text, { exact: true })
  const chip = (at) => page.locator('.chips .chip').nth(at - 1)
  await enter(page, 'Ada')
  await say(page, 'one')
  await heard('You said: one').waitFor()

  await page.getByRole('button', { name: 'Again', exact: true }).click()
  await page.getByRole('button', { name: 'Start the chat' }).click()
  await connected()
  await say(page, 'two')
  await heard('You said: two').waitFor()
  assert.equal(await heard('You said: one').count(), 0, 'each session has its own words')
  let { visitors, sessions, sockets } = await emulator.control('GET', 'state')
  assert.deepEqual([visitors.length, sessions.length, sockets.length], [1, 2, 1], 'one visitor, one socket')
  assert.equal(sessions[0].visitorId, sessions[1].visitorId)

  // The first session over a second socket: the service closes the older one, which then stays away.
  await page.getByRole('button', { name: 'Again', exact: true }).click()
  await page.getByLabel('Session').selectOption(sessions[0].sessionId)
  assert.equal(await page.getByLabel('With a socket of its own').isDisabled(), true, 'the session is open here')
  await page.getByRole('button', { name: 'Start the chat' }).click()
  await connected()
  await heard('You said: one').waitFor()
  await say(page, 'three')
  await heard('You said: three').waitFor()
  await chip(1).click()
  await chat.getByText('Another socket took its place').waitFor()
  ;({ sessions, sockets } = await emulator.control('GET', 'state'))
  assert.deepEqual([sessions.length, sockets.length], [2, 1])
  await page.getByRole('button', { name: 'Connect again' }).click()
  await connected()
  await chip(3).click()
  await chat.getByText('Another socket took its place').waitFor()

  // With the other answer to this open question both have it.
  await emulator.control('POST', 'settings', { 'second-socket': 'both-get' })
  await page.getByRole('button', { name: 'Connect again' }).click()
  await connected()
  await say(page, 'four')
  await heard('You said: four').waitFor()
  await chip(1).click()
  await heard('You said: four').waitFor()
  await emulator.control('POST', 'settings', { 'second-socket': 'closes-older', brain: 'demo' })
  assert.deepEqual(page.wrong, [])
  await page.close()
})

test('a second chat in the same session has the reply that is under way, and what is said in the first', async (t) => {
  await emulator.control('POST', 'reset')
  const known = await emulator.control('GET', 'settings')
  const names = ['brain', 'piece-delay', 'ping-drop', 'second-socket']
  t.after(() => emulator.control('POST', 'settings', Object.fromEntries(names.map((name) => [name, known[name]]))))
  const script = `rules:
  - when: { contains: [slowly] }
    then: [{ say: { pieces: [I am, " here", " again."] } }]
  - when: any
    then: [{ say: Fine }]`
  // The next piece comes when the emulator's clock is moved on.
  await emulator.control('POST', 'settings', {
    brain: { script },
    'piece-delay': '25s',
    'ping-drop': '60s',
    'second-socket': 'both-get',
  })
  const page = await openPage(browser, emulator.origin)
  const chat = page.locator('.visitor-chat')
  const bubble = (author, text) => chat.locator(`.said.${author} .bubble`).getByText(text, { exact: true })
  const chip = (at) => page.locator('.chips .chip').nth(at - 1)
  await enter(page, 'Ada')
  await say(page, 'slowly')
  await bubble('avatar', 'I am').waitFor()
  const [{ sessionId }] = (await emulator.control('GET', 'state')).sessions
  await page.getByRole('button', { name: 'Again', exact: true }).click()
  await page.getByLabel('Session').selectOption(sessionId)
  await page.getByRole('button', { name: 'Start the chat' }).click()
  await page.locator('.visitor-head').getByText('Connected').waitFor()
  await chat.locator('.said.avatar .bubble.streaming').getByText('I am', { exact: true }).waitFor()
  await emulator.control('POST', 'clock', { advance_ms: 25_000 })
  await chat.locator('.said.avatar .bubble.streaming').getByText('I am here', { exact: true }).waitFor()
  await emulator.control('POST', 'clock', { advance_ms: 25_000 })
  await chat.locator('.said.avatar .bubble:not(.streaming)').getByText('I am here again.', { exact: true }).waitFor()

  await chip(1).click()
  await say(page, 'How are you?')
  await bubble('avatar', 'Fine').waitFor()
  assert.equal(await bubble('visitor', 'How are you?').count(), 1, 'its own echo is no second message')
  await chip(2).click()
  await bubble('avatar', 'Fine').waitFor()
  assert.deepEqual(await chat.locator('.said.visitor .bubble').allTextContents(), ['slowly', 'How are you?'])
  assert.equal(await chat.locator('.said.avatar .bubble').getByText('I am').count(), 1)
  assert.deepEqual(page.wrong, [])
  await page.close()
})

test('two chats that are refused together after a reset begin anew once, over one socket that stays', async () => {
  await emulator.control('POST', 'reset')
  await emulator.control('POST', 'settings', { brain: 'echo' })
  const page = await openPage(browser, emulator.origin)
  const connected = () => page.locator('.visitor-head').getByText('Connected').waitFor()
  const chip = (at) => page.locator('.chips .chip').nth(at - 1)
  await enter(page, 'Ada')
  await page.getByRole('button', { name: 'Again', exact: true }).click()
  await page.getByRole('button', { name: 'Start the chat' }).click()
  await connected()
  // Both messages are on their way before the first is refused.
  const held = []
  await page.route('**/message/send', (route) => {
    held.push(route)
    if (held.length === 2) for (const one of held) one.continue()
    else if (held.length > 2) route.continue()
  })
  await say(page, 'two')
  await chip(1).click()
  await emulator.control('POST', 'reset')
  await say(page, 'one')
  await page.locator('.visitor-chat').getByText('the chat begins anew').waitFor()
  await connected()
  for (const at of [1, 2]) {
    await chip(at).click()
    await say(page, `again ${at}`)
    await page.locator('.visitor-chat .bubble').getByText(`You said: again ${at}`, { exact: true }).waitFor()
    assert.equal(await page.locator('.visitor-chat').getByText('the chat begins anew').count(), 1)
  }
  const { visitors, sessions, sockets } = await emulator.control('GET', 'state')
  assert.deepEqual([visitors.length, sessions.length, sockets.length], [1, 2, 1])
  await emulator.control('POST', 'settings', { brain: 'demo' })
  assert.deepEqual(page.wrong, [])
  await page.close()
})

test('a visitor that a bot brought is played with its id, and an id of the wrong form is not taken', async () => {
  await emulator.control('POST', 'reset')
  const { sessionId } = await conversation(emulator, { name: 'Bot', channel: 'slack' })
  const page = await openPage(browser, emulator.origin)
  const { visitorId } = (await emulator.control('GET', 'state')).sessions[0]
  const field = page.getByLabel('Visitor id')
  await field.fill('Bot')
  await page.getByRole('button', { name: 'Start the chat' }).click()
  assert.equal(await field.evaluate((input) => input.validity.patternMismatch), true)
  await field.fill(visitorId)
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Bot')
  assert.equal(await page.getByLabel('Channel').inputValue(), 'slack')
  await page.getByLabel('Session').selectOption(sessionId)
  await page.getByRole('button', { name: 'Start the chat' }).click()
  await page.locator('.visitor-head').getByText('Connected').waitFor()
  await say(page, 'Hello')
  await page.locator('.visitor-chat .said.avatar').getByText('Ask me to').waitFor()
  const { visitors, sessions } = await emulator.control('GET', 'state')
  assert.deepEqual([visitors.length, sessions.length], [1, 1])
  assert.equal(sessions[0].messages[0].text, 'Hello')
  const { conversation: now } = await emulator.control('GET', `conversations/${sessionId}`)
  assert.deepEqual([now.name, now.channel], ['Bot(slack)', 'slack'], 'the visitor is who it was')
  assert.deepEqual(page.wrong, [])
  await page.close()
})

test('the form offers visitors of the key’s avatar and API alone, whatever is searched for', async (t) => {
  await emulator.control('POST', 'reset')
  const { keys, avatars, apps } = await emulator.control('GET', 'settings')
  const [avatar] = avatars
  await emulator.control('POST', 'settings', {
    avatars: [avatar, { ...avatar, id: 68, name: 'Another', 'share-code': 'another00000', 'mind-id': 'another' }],
    keys: [...keys, { key: 'sk-another', 'share-code': 'another00000', disabled: false }],
  })
  t.after(() => emulator.control('POST', 'settings', { keys, avatars }))
  const { sessionId } = await conversation(emulator, { name: 'Bot', channel: 'slack' })
  const bot = AvatarClient.visitorChat({
    clientId: apps[0]['client-id'],
    clientSecret: apps[0]['client-secret'],
    apiKey: emulator.api_key,
    baseUrl: emulator.lab_base_url,
  })
  t.after(() => bot.close())
  await bot.open(Visitor.forUser('feishu', 'ada'))
  const { visitorId } = (await emulator.control('GET', `conversations/${sessionId}`)).conversation
  const page = await openPage(browser, emulator.origin)
  await page.locator('.inbox .row').nth(1).waitFor()
  const offered = () => page.locator('#visitor-ids option').evaluateAll((all) => all.map((one) => one.value))
  assert.deepEqual(await offered(), [visitorId])
  await page.getByLabel('Search people and words').fill('no such words')
  await page.getByText('Nothing found').waitFor()
  assert.deepEqual(await offered(), [visitorId])
  await page.getByLabel('Visitor id').fill(visitorId)
  await page.getByLabel('Session').waitFor()
  await page.getByLabel('API key').selectOption('sk-another')
  await page.getByLabel('Session').waitFor({ state: 'detached' })
  assert.deepEqual(await offered(), [])
  assert.deepEqual(page.wrong, [])
  await page.close()
})
