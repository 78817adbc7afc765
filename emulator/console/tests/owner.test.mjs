import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conversation } from './crowd.mjs'
import { browser, emulator, enter, leave, openPage, say, stage, startAnother } from './support.mjs'

let page
stage('--brain', 'demo')
leave(() => page)

const row = (name) => page.locator('.inbox .row').filter({ hasText: name })
const thread = () => page.getByRole('region', { name: 'Conversation', exact: true })

test('two visitors are two conversations, each under its name and channel, with what is unread', async () => {
  page = await openPage(browser, emulator.origin)
  await enter(page, '张三', 'feishu')
  await say(page, 'Hello')
  await enter(page, 'Ada', 'web')
  await say(page, 'Tell me a joke')
  await row('张三(feishu)').getByText('Ask me to tell you about myself').waitFor()
  await row('Ada(web)').getByText('counts in tens').waitFor()
  await row('Ada(web)').locator('.count').filter({ hasText: '2' }).waitFor()

  await row('Ada(web)').click()
  await thread().getByRole('heading', { name: 'Ada(web)' }).waitFor()
  await thread().locator('.said.visitor').getByText('Tell me a joke').waitFor()
  await row('Ada(web)').locator('.count').waitFor({ state: 'detached' })
  assert.equal(await row('张三(feishu)').locator('.count').count(), 1)

  await page.getByLabel('Search people and words').fill('张三')
  await row('Ada(web)').waitFor({ state: 'detached' })
  assert.equal(await page.locator('.inbox .row').count(), 1)
})

test('the owner takes over while the avatar speaks, answers in person, and hands back', async (t) => {
  await during(t, { 'piece-delay': '120ms' }, { 'piece-delay': '10ms' })
  page = await openPage(browser, emulator.origin)
  await enter(page, 'Ada')
  await say(page, 'Tell me about yourself')
  await row('Ada(web)').click()
  await thread().locator('.bubble.streaming').getByText('Ada').waitFor()
  await row('Ada(web)').getByText('Avatar speaks').waitFor()

  await thread().getByRole('button', { name: 'Take over' }).click()
  await thread().locator('.answering').getByText('You answer').waitFor()
  const box = thread().getByLabel('Reply in person')
  await box.fill('This is the real Ada')
  await box.press('Enter')
  await thread().locator('.said.owner').getByText('This is the real Ada').waitFor()
  await page.locator('.visitor-chat .said.owner').getByText('This is the real Ada').waitFor()
  // The reply that had begun is heard to its end, by both.
  await page.locator('.visitor-chat .said.avatar').getByText('just say so.').waitFor()
  await thread().locator('.said.avatar .bubble:not(.streaming)').getByText('just say so.').waitFor()

  // The avatar is silent until it is handed back.
  await say(page, 'Tell me a joke')
  await thread().locator('.said.visitor').getByText('Tell me a joke').waitFor()
  await thread().getByRole('button', { name: 'Hand back' }).click()
  await thread().locator('.answering').getByText('Avatar answers').waitFor()
  await say(page, 'Are you back?')
  await thread().locator('.said.avatar .bubble:not(.streaming)').getByText("Yes, I'm back!").waitFor()
  assert.equal(await thread().getByText('counts in tens').count(), 0)
  const { sessions } = await emulator.control('GET', 'state')
  assert.deepEqual(sessions[0].messages.map(({ author }) => author).sort(), [
    'avatar',
    'avatar',
    'owner',
    'visitor',
    'visitor',
    'visitor',
  ])
})

test('the whole of a long history is reached by scrolling', async (t) => {
  await during(t, { brain: 'echo', 'reply-delay': '1ms', 'piece-delay': '1ms' }, { brain: 'demo' })
  page = await openPage(browser, emulator.origin)
  await enter(page, 'Ada')
  const { sessions } = await emulator.control('GET', 'state')
  const sessionId = sessions[0].sessionId
  for (let n = 1; n <= 130; n++) await emulator.control('POST', 'owner/reply', { sessionId, text: `line ${n}.` })
  await row('Ada(web)').click()
  const messages = thread().getByRole('group', { name: 'Messages' })
  await messages.getByText('line 130.').waitFor()
  assert.equal(await messages.getByText('line 1.', { exact: true }).count(), 0)
  await messages.focus()
  await pressed('Home', async () => (await messages.getByText('line 1.', { exact: true }).count()) === 1)
  await messages.getByText('The beginning of the conversation').waitFor()
  assert.equal(await messages.locator('.said').count(), 130)
})

test('of a conversation that goes on and on the page holds the newest messages, and gets the older ones', async (t) => {
  await during(t, { brain: 'echo' }, { brain: 'demo' })
  const { sessionId, end } = await bot()
  page = await openPage(browser, emulator.origin)
  await row('Bot').click()
  const reply = (n) => emulator.control('POST', 'owner/reply', { sessionId, text: `line ${n}.` })
  for (let n = 1; n <= 700; n += 50) await Promise.all(Array.from({ length: 50 }, (_, offset) => reply(n + offset)))
  const messages = thread().getByRole('group', { name: 'Messages' })
  await messages.getByText('line 700.').waitFor()
  assert.ok((await messages.locator('.said').count()) <= 500)
  await messages.focus()
  await pressed('Home', async () => (await messages.locator('.said').count()) >= 700)
  assert.equal(await messages.getByText('line 1.', { exact: true }).count(), 1)
  // Back at the end, the oldest are given up again.
  await page.keyboard.press('End')
  await page.waitForFunction(() => document.querySelectorAll('.thread .said').length <= 500)
  end()
})

test('what the owner says while the avatar speaks stands after it, and two messages of one id are two', async (t) => {
  const before = { 'piece-delay': '10ms', 'repeated-message': 'one' }
  await during(t, { 'piece-delay': '120ms', 'repeated-message': 'two' }, before)
  const { say: ask, sessionId, end } = await bot()
  page = await openPage(browser, emulator.origin)
  await row('Bot').click()
  await ask('Tell me about yourself', '77_____1')
  await thread().locator('.bubble.streaming').getByText('Ada').waitFor()
  await emulator.control('POST', 'owner/reply', { sessionId, text: 'This is me' })
  await thread().locator('.said.owner').getByText('This is me').waitFor()
  const authors = () =>
    thread()
      .locator('.said')
      .evaluateAll((all) => all.map((one) => one.className.split(' ')[1]))
  assert.deepEqual(await authors(), ['visitor', 'avatar', 'owner'])
  await thread().locator('.said.avatar .bubble:not(.streaming)').getByText('just say so.').waitFor()
  assert.deepEqual(await authors(), ['visitor', 'avatar', 'owner'])
  await ask('And again', '77_____1')
  await thread().locator('.said.visitor').getByText('And again').waitFor()
  assert.deepEqual(await authors(), ['visitor', 'avatar', 'owner', 'visitor'])
  end()
})

/** Sets what the emulator does in this test, and what it does after it, however it ends. */
async function during(t, settings, afterwards) {
  t.after(() => emulator.control('POST', 'settings', afterwards))
  await emulator.control('POST', 'settings', settings)
}

/** Presses a key, once a frame, until something is so. */
async function pressed(key, isSo) {
  const until = performance.now() + 60_000
  while (!(await isSo())) {
    assert.ok(performance.now() < until, `${key} does not bring it`)
    await page.keyboard.press(key)
    await page.evaluate(() => new Promise(requestAnimationFrame))
  }
}

/** A visitor of a bot, whose socket `end` closes. */
async function bot() {
  const { socket, ...rest } = await conversation(emulator, { name: 'Bot', channel: 'web', socket: true })
  return { ...rest, end: () => socket.destroy() }
}

test('it is explained why the owner cannot act', async () => {
  const auth = await step(
    '/rest/open/avatar/auth',
    { visitorId: 'web_6ba7b810-9dad-11d1-80b4-00c04fd430c8', visitorName: 'Raw' },
    { authorization: `Bearer ${emulator.api_key}` },
  )
  const headers = { token: auth.visitorToken, fp: 'web_6ba7b810-9dad-11d1-80b4-00c04fd430c8' }
  await step('/rest/os/avatar/chat/init', { shareCode: auth.avatarShareCode }, headers)
  const body = `{"mindId":${auth.visitorMindId},"mindType":"shadow","mode":"PERSONAL","sessionType":"SHARE","memberUserIds":["${auth.ownerUserId}"]}`
  await step('/rest/general/session/create', body, headers)
  page = await openPage(browser, emulator.origin)
  await row('Raw').getByText('Not bound').waitFor()
  await row('Raw').click()
  await thread().getByText('This session is not bound to the avatar (step 4 is missing)').waitFor()
  assert.equal(await thread().getByRole('button', { name: 'Take over' }).isDisabled(), true)
  assert.equal(await thread().getByLabel('Reply in person').isDisabled(), true)
})

test('when the emulator is gone the page says so, and comes back by itself', async () => {
  const port = new URL(emulator.origin).port
  page = await openPage(browser, emulator.origin)
  await page.locator('.link').getByText('Live').waitFor()
  await emulator.kill()
  await page.getByRole('alert').getByText('The emulator does not answer').waitFor()
  await startAnother('--brain', 'demo', '--port', port)
  await page.locator('.link').getByText('Live').waitFor()
  assert.equal(await page.getByText('The emulator does not answer').count(), 0)
  await enter(page, 'Ada')
  await row('Ada(web)').waitFor()
})

async function step(path, body, headers) {
  const answer = await fetch(`${emulator.base_url}${path}`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return (await answer.json()).data
}
