// What the journal copies as steps is played by a runner of `spec/scenarios`: Node's.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { AvatarClient, Visitor } from '../../../node/lib/index.mjs'
import { Stage } from '../../../node/test/scenarios/stage.mjs'
import { browser, emulator, enter, leave, openPage, say, stage } from './support.mjs'

const BRAIN = {
  script: `rules:
  - when: { contains: [secret] }
    then: [{ say: "My lips are sealed…" }]
  - when: any
    then: [{ say: { pieces: [I am, " here."] } }]`,
}

let page
stage()
leave(() => page)

const tab = (name) => page.getByRole('tab', { name }).click()
const clipboard = () => page.evaluate(() => navigator.clipboard.readText())
const heard = (text, nth = 0) =>
  page.locator('.visitor-chat .said.avatar .bubble:not(.streaming)').getByText(text).nth(nth).waitFor()

/** Plays a scenario, and says at which step it failed. */
async function play(scenario) {
  const played = await Stage.set(scenario)
  try {
    for (const [at, step] of scenario.steps.entries()) {
      await played.play(step).catch((why) => {
        throw new Error(`step ${at + 1}, ${JSON.stringify(step)}: ${why.message}\n${played.log()}`, { cause: why })
      })
    }
  } finally {
    await played.clear()
  }
}

/** A conversation with nearly everything that a journal tells of. */
async function converse() {
  await emulator.control('POST', 'settings', { brain: BRAIN, 'takeover-silence': 'minutes:1' })
  page = await openPage(browser, emulator.origin)
  await enter(page, 'Ada')
  await say(page, 'Tell me a "secret": yes # {no}…')
  await heard('sealed…')
  await emulator.control('POST', 'faults', { at: 'message/send', do: { status: 503 } })
  await say(page, 'Are you there?')
  await page.locator('.notice.error').getByText('HTTP 503').waitFor()
  await say(page, 'Are you there?')
  await heard('I am here.')
  const long = `${'A long story. '.repeat(900)}The end.`
  await say(page, long)
  await heard('I am here.', 1)
  const [{ sessionId }] = (await emulator.control('GET', 'state')).sessions
  await emulator.control('POST', 'owner/takeover', { sessionId })
  await emulator.control('POST', 'owner/reply', { sessionId, text: 'It is me: $you.session' })
  await emulator.control('POST', 'owner/handback', { sessionId })
  await emulator.control('POST', 'push', { sessionId, hint: 'A hint' })
  await emulator.control('POST', 'owner/takeover', { sessionId })
  await emulator.control('POST', 'clock', { advance_ms: 61_000 })
  await emulator.control('POST', 'sockets/close', { code: 4005, reason: 'enough' })
  await page.locator('.visitor-head').getByText('Connecting again').waitFor()
  await page.locator('.visitor-head').getByText('Connected').waitFor()
  await tab('Journal')
  return { long }
}

test('each step that is copied of a conversation is played by a runner', async () => {
  const { long } = await converse()
  const rows = page.locator('.entry')
  await rows.first().focus()
  await page.keyboard.press('Home')
  const { entries } = await emulator.control('GET', 'journal')
  const steps = []
  const refused = []
  for (const { n, what } of entries) {
    const row = page.locator(`.virtual-row[data-index="${n - entries[0].n}"]`)
    await page.evaluate(() => navigator.clipboard.writeText(''))
    await page.keyboard.press('Enter')
    await row.getByRole('button', { name: 'Copy as scenario step' }).click()
    await page.locator('.notice').first().waitFor()
    const copied = await clipboard()
    if (copied) steps.push({ what, copied: parse(copied) })
    else refused.push(what)
    await page.locator('.notice button').first().click()
    await row.locator('.entry').focus()
    await page.keyboard.press('Enter')
    await page.keyboard.press('ArrowDown')
  }
  assert.deepEqual(refused, [])
  const all = steps.flatMap(({ copied }) => copied)
  assert.deepEqual(
    all.filter((step) => step.send).map(({ send }) => send.text),
    ['Tell me a "secret": yes # {no}…', 'Are you there?', 'Are you there?', long],
  )
  // A fault has to be there before it is met, and what is looked for may have come at any time.
  const faults = steps.filter(({ what }) => what === 'fault').flatMap(({ copied }) => copied)
  assert.equal(faults.length, 1)
  const looks = all.filter((step) => step.journal)
  const does = all.filter((step) => !step.journal && !faults.includes(step))
  await play({
    emulator: { brain: BRAIN, 'takeover-silence': 'minutes:1' },
    steps: [{ open: 'ada' }, ...faults, ...does, ...looks],
  })
})

test('the journal is copied as a scenario, which a runner plays as it is', async () => {
  await converse()
  await page.getByRole('button', { name: 'Copy as scenario', exact: true }).click()
  await page.locator('.notice').getByText('Copied').waitFor()
  const text = await clipboard()
  const scenario = parse(text)
  assert.match(text, /# Left out: pings, pongs and acknowledgements \(\d+\)/)
  assert.deepEqual(Object.keys(scenario), ['about', 'emulator', 'steps'])
  assert.deepEqual(Object.keys(scenario.emulator).sort(), ['brain', 'piece-delay', 'reply-delay', 'takeover-silence'])
  assert.ok(scenario.steps.length > 20, text)
  await play(scenario)
})

test('a second session of a visitor, and a second visitor, are conversations of their own in the scenario', async () => {
  page = await openPage(browser, emulator.origin)
  await emulator.control('POST', 'settings', { brain: 'echo', 'takeover-silence': 'until-handed-back' })
  await enter(page, 'Ada')
  await say(page, 'one')
  await heard('You said: one')
  await page.getByRole('button', { name: 'Again', exact: true }).click()
  await page.getByRole('button', { name: 'Start the chat' }).click()
  await page.locator('.visitor-head').getByText('Connected').waitFor()
  await say(page, 'two')
  await heard('You said: two')
  await enter(page, 'Ben')
  await say(page, 'three')
  await heard('You said: three')
  await tab('Journal')
  await page.getByRole('button', { name: 'Copy as scenario', exact: true }).click()
  await page.locator('.notice').getByText('Copied').waitFor()
  const scenario = parse(await clipboard())
  const does = scenario.steps.filter((step) => !step.journal)
  assert.deepEqual(does, [
    { open: 'ada' },
    { send: { in: 'ada', text: 'one' } },
    { new_session: { in: 'ada', as: 'ada/2' } },
    { send: { in: 'ada/2', text: 'two' } },
    { open: 'ben' },
    { send: { in: 'ben', text: 'three' } },
  ])
  await play(scenario)
})

test('what a bot did through Visitor Chat is copied as a scenario of that API', async (t) => {
  page = await openPage(browser, emulator.origin)
  const { apps } = await emulator.control('GET', 'settings')
  const bot = AvatarClient.visitorChat({
    clientId: apps[0]['client-id'],
    clientSecret: apps[0]['client-secret'],
    apiKey: emulator.api_key,
    baseUrl: emulator.lab_base_url,
  })
  t.after(() => bot.close())
  const chat = await bot.open(Visitor.forUser('feishu', 'ada'))
  assert.equal((await chat.ask('one')).text, 'You said: one')
  await tab('Journal')
  await page.locator('.entry').filter({ hasText: 'visitor-chat/send' }).first().waitFor()
  await page.getByRole('button', { name: 'Copy as scenario', exact: true }).click()
  await page.locator('.notice').getByText('Copied').waitFor()
  const scenario = parse(await clipboard())
  assert.equal(scenario.door, 'visitor-chat')
  assert.ok(scenario.steps.some((step) => step.send?.text === 'one'))
  await play(scenario)
})

test('no key, client secret or user token of the settings stands in a copied scenario, which is played all the same', async (t) => {
  const before = await emulator.control('GET', 'settings')
  const [{ 'share-code': shareCode }] = before.keys
  await emulator.control('POST', 'settings', {
    brain: 'echo',
    keys: [{ key: 'sk-of-the-company', 'share-code': shareCode, disabled: false }],
    apps: [...before.apps, { ...before.apps[0], 'client-id': 'ours', 'client-secret': 'known-to-us-alone' }],
    'user-tokens': [{ token: 'lba_at_of_ann', user: 'ann' }],
  })
  t.after(() =>
    emulator.control('POST', 'settings', {
      keys: before.keys,
      apps: before.apps,
      'user-tokens': before['user-tokens'],
    }),
  )
  page = await openPage(browser, emulator.origin)
  await enter(page, 'Ada')
  await say(page, 'one')
  await heard('You said: one')
  // A form with a secret, as a program of Visitor Chat may send it.
  await fetch(`${emulator.lab_base_url}/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=refresh_token&client_id=ours&client_secret=known-to-us-alone',
  })
  await tab('Journal')
  await page.getByRole('button', { name: 'Copy as scenario', exact: true }).click()
  await page.locator('.notice').getByText('Copied').waitFor()
  const text = await clipboard()
  for (const secret of ['sk-of-the-company', 'known-to-us-alone', 'lba_at_of_ann']) {
    assert.ok(!text.includes(secret), `${secret} stands in\n${text}`)
  }
  assert.match(text, /^# Placeholders stand for keys, client secrets and user tokens \(3\)\.$/m)
  const scenario = parse(text)
  assert.equal(scenario.client.key, scenario.emulator.keys[0].key)
  await play(scenario)
})
