import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { parse } from 'yaml'
import { browser, emulator, enter, leave, openPage, say, stage } from './support.mjs'

let page
stage('--brain', 'demo')
leave(() => page)

const tab = (name) => page.getByRole('tab', { name }).click()
const entry = (text) => page.locator('.entry').filter({ hasText: text }).first()
const clipboard = () => page.evaluate(() => navigator.clipboard.readText())

test('a fault is switched on by hand, met, shown in the journal, and taken off', async () => {
  page = await openPage(browser, emulator.origin)
  await enter(page, 'Ada')
  await tab('Faults')
  await page.getByText('Nothing goes wrong on purpose.').waitFor()
  await page.getByLabel('Where').selectOption('message/send')
  await page.getByLabel('What happens').selectOption('status')
  await page.getByLabel('Details').fill('{"status": 503, "body": "down"}')
  await page.getByLabel('How often').fill('2')
  await page.getByRole('button', { name: 'Switch on' }).click()
  await page.getByText('2 left').waitFor()
  await page.locator('.top-bar').getByText('1 fault on', { exact: true }).waitFor()
  assert.deepEqual(
    (await emulator.control('GET', 'faults')).faults.map(({ at, do: what }) => ({ at, what })),
    [{ at: 'message/send', what: { status: 503, body: 'down' } }],
  )

  await tab('Visitor')
  await say(page, 'Hello')
  await page.locator('.notice.error').getByText('message/send: HTTP 503').waitFor()
  assert.equal(await page.getByLabel('Message of the visitor').inputValue(), 'Hello', 'what was not sent stays')
  await tab('Journal')
  await entry('message/send: {"').waitFor()
  await tab('Faults')
  await page.getByText('met 1×').waitFor()
  // Once it is spent, it is listed as such and no longer on.
  await tab('Visitor')
  await say(page, 'Hello')
  await page.locator('.top-bar').getByText('1 fault on', { exact: true }).waitFor({ state: 'detached' })
  await tab('Faults')
  await page.getByText('spent', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Clear all' }).click()
  await page.getByText('Nothing goes wrong on purpose.').waitFor()
  assert.deepEqual((await emulator.control('GET', 'faults')).faults, [])
})

test('the journal is searched and filtered, and what it shows can be done again with curl', async () => {
  page = await openPage(browser, emulator.origin)
  await enter(page, 'Ada')
  await say(page, 'Tell me a joke')
  await page.locator('.said.avatar .bubble:not(.streaming)').getByText('counts in tens.').waitFor()
  await tab('Journal')
  await page.getByLabel('Search requests and frames').fill('tell JOKE')
  await page
    .getByRole('status')
    .getByText(/^\d of \d+ entries/)
    .waitFor()
  await page.getByLabel('Kind').selectOption('request')
  await page
    .getByRole('status')
    .getByText(/^1 of \d+ entries/)
    .waitFor()
  await entry('message/send').click()
  await page.getByRole('button', { name: 'Copy as curl' }).click()
  const sent = await clipboard()
  await page.getByRole('button', { name: 'Copy JSON' }).click()
  assert.equal(await page.locator('.notice').count(), 1, 'notices take each other’s place')
  assert.match(sent, /^curl -X POST /)
  assert.match(sent, /-H "token: \$SECONDME_VISITOR_TOKEN"/)
  assert.match(sent, /Tell me a joke/)
  await page.getByRole('button', { name: 'Copy as scenario step' }).click()
  assert.deepEqual(parse(await clipboard()), [{ send: { in: 'ada', text: 'Tell me a joke' } }])

  await page.getByRole('button', { name: 'Show all' }).click()
  await page.getByLabel('Call').selectOption('auth')
  await entry('POST auth').click()
  await page.getByRole('button', { name: 'Copy as curl' }).click()
  const command = await clipboard()
  assert.match(command, /-H "authorization: Bearer \$SECONDME_API_KEY"/)
  assert.doesNotMatch(command, /sk-em/)
  const env = { ...process.env, SECONDME_API_KEY: emulator.api_key }
  const answer = JSON.parse(
    execFileSync('sh', ['-c', command.replace('curl', 'curl --silent --fail')], { env, encoding: 'utf8' }),
  )
  assert.equal(answer.code, 0)
  assert.ok(answer.data.visitorToken)
})

test('a number beyond 2^53 is shown, found and copied with all its digits', async () => {
  page = await openPage(browser, emulator.origin)
  await enter(page, 'Ada')
  await tab('Journal')
  await page.getByLabel('Call').selectOption('auth')
  await entry('auth').click()
  await page.locator('.entry').last().click()
  const exact = /"visitorMindId": "(\d+)"/.exec(await page.locator('.entry-detail pre').last().textContent())[1]
  assert.ok(!Number.isSafeInteger(Number(exact)) && String(Number(exact)) !== exact, 'a double rounds it')

  await page.getByLabel('Call').selectOption('')
  await page.getByLabel('Search requests and frames').fill(`"mindId":${exact}`)
  await page
    .getByRole('status')
    .getByText(/^1 of \d+ entries/)
    .waitFor()
  await entry('session/create').click()
  await page.locator('.entry-detail pre').getByText(`"mindId": ${exact}`).waitFor()
  const copied = async (button) => {
    await page.getByRole('button', { name: button }).click()
    return clipboard()
  }
  assert.match(await copied('Copy as curl'), new RegExp(`"mindId":${exact}[,}]`))
  assert.match(await copied('Copy JSON'), new RegExp(`"mindId": ${exact}[,}]`))

  // Whatever stands where: a frame is shown as it came, and nothing in the page breaks.
  await page.getByRole('button', { name: 'Show all' }).click()
  const [{ sessionId }] = (await emulator.control('GET', 'state')).sessions
  const big = '12345678901234567890'
  const frame = `{"type":${big},"sender":${big},"subCode":"x.y","subCodeReason":${big},"multipleData":[null,{"modal":{"answer":${big}}}]}`
  await fetch(`${emulator.origin}/_emulator/push`, { method: 'POST', body: JSON.stringify({ sessionId, text: frame }) })
  await page.getByLabel('Kind').selectOption('frame-out')
  await entry('x.y').click()
  await page.locator('.entry-detail pre').getByText(`"subCodeReason": ${big}`).waitFor()
  assert.ok((await copied('Copy as scenario step')).includes(`subCodeReason: ${big}`))
})

test('the owner’s deeds and faults are copied as steps that a scenario takes', async () => {
  page = await openPage(browser, emulator.origin)
  await enter(page, '李 四', 'feishu')
  const { sessions } = await emulator.control('GET', 'state')
  await emulator.control('POST', 'owner/reply', { sessionId: sessions[0].sessionId, text: 'yes: "no" # {x}' })
  await tab('Journal')
  await entry('reply: yes').click()
  await page.getByRole('button', { name: 'Copy as scenario step' }).click()
  assert.deepEqual(parse(await clipboard()), [
    { call: { 'owner/reply': { sessionId: '$visitor.session', text: 'yes: "no" # {x}' } } },
  ])
  await page.getByLabel('Kind').selectOption('connect')
  await page.locator('.entry').first().click()
  await page.getByRole('button', { name: 'Copy as scenario step' }).click()
  assert.deepEqual(parse(await clipboard()), [{ journal: [{ what: 'connect', status: 101 }] }])
})

test('what a visitor writes cannot reach the shell’s variables, and what cannot be sent again is not copied', async () => {
  page = await openPage(browser, emulator.origin)
  await enter(page, 'Ada')
  const text = `$SECONDME_API_KEY "$(echo no)" \`id\` it's !! \\`
  await say(page, text)
  await page.locator('.said.visitor').waitFor()
  await tab('Journal')
  await page.getByLabel('Call').selectOption('message/send')
  await entry('POST message/send').click()
  await page.getByRole('button', { name: 'Copy as curl' }).click()
  // The arguments, as a shell hands them on.
  const shell = (await clipboard()).replace('curl', `printf '%s\\n'`)
  const env = { ...process.env, SECONDME_API_KEY: 'the-real-key', SECONDME_VISITOR_TOKEN: 'the-token' }
  const given = execFileSync('sh', ['-c', shell], { env, encoding: 'utf8' }).trim().split('\n')
  assert.equal(JSON.parse(given.at(-1)).data.content, text)
  assert.ok(given.includes('token: the-token'))

  await say2(`${'long '.repeat(2000)}`)
  await page.getByRole('button', { name: 'Show all' }).click()
  await page.getByLabel('Kind').selectOption('request')
  await page.locator('.entry').last().click()
  const cut = page.getByRole('button', { name: 'Copy as curl' })
  assert.equal(await cut.isDisabled(), true)
  assert.match(await cut.getAttribute('title'), /only the beginning of this body/)

  await emulator.control('POST', 'settings', { 'takeover-silence': 'minutes:1' })
  const { sessions } = await emulator.control('GET', 'state')
  await emulator.control('POST', 'owner/takeover', { sessionId: sessions[0].sessionId })
  await emulator.control('POST', 'clock', { advance_ms: 61_000 })
  await page.getByLabel('Kind').selectOption('owner')
  await entry('lapse').click()
  assert.equal(await page.getByRole('button', { name: 'Copy as curl' }).isDisabled(), true)
  await emulator.control('POST', 'settings', { 'takeover-silence': 'until-handed-back' })

  async function say2(words) {
    await tab('Visitor')
    await say(page, words)
    await page.locator('.said.visitor').nth(1).waitFor()
    await tab('Journal')
  }
})

test('a copied step holds nothing of this run only, and each visitor has a name', async () => {
  page = await openPage(browser, emulator.origin)
  await enter(page, '张三', 'feishu')
  await enter(page, '李四', 'slack')
  await tab('Journal')
  await page.getByLabel('Call').selectOption('auth')
  await page.getByLabel('Kind').selectOption('request')
  const names = []
  for (const at of [0, 1]) {
    const row = page.locator('.entry').nth(at)
    await row.click()
    await page.getByRole('button', { name: 'Copy as scenario step' }).click()
    const [{ journal }] = parse(await clipboard())
    assert.deepEqual(Object.keys(journal[0].body), ['visitorId'], 'in all else clients differ')
    names.push(journal[0].body.visitorId)
    await row.click()
  }
  assert.deepEqual(names, ['$visitor.visitor', '$visitor-2.visitor'])
  await page.getByLabel('Kind').selectOption('answer')
  await page.locator('.entry').first().click()
  await page.getByRole('button', { name: 'Copy as scenario step' }).click()
  const [{ journal }] = parse(await clipboard())
  assert.deepEqual([journal[0].body.data.visitorMindId, journal[0].body.data.visitorUserId], ['*', '*'])
})

test('a number is never taken for nothing, and the script that runs is shown', async () => {
  page = await openPage(browser, emulator.origin)
  await tab('Setup')
  await page.getByLabel('Search settings').fill('quota-per-minute')
  const quota = page.getByLabel('quota-per-minute', { exact: true })
  await quota.fill('')
  await quota.press('Enter')
  assert.equal(await quota.evaluate((input) => input.validity.valueMissing), true)
  assert.equal((await emulator.control('GET', 'settings'))['quota-per-minute'], 60)

  await page.locator('.tag').getByText("demo: Ada's avatar", { exact: true }).waitFor()
  assert.equal(await page.getByLabel('Brain').inputValue(), 'demo')
  const script = 'rules: [{ when: any, then: [{ say: Only this }] }]'
  await emulator.control('POST', 'settings', { brain: { script } })
  // Changed from elsewhere: the page has it at once.
  const card = page.locator('form').filter({ has: page.getByRole('heading', { name: 'Brain' }) })
  const text = card.getByLabel('Script')
  await page.waitForFunction(() => document.querySelector('textarea')?.value.includes('Only this'))
  assert.equal(await card.getByRole('button', { name: 'Apply' }).isDisabled(), true)
  const { brain } = await emulator.control('GET', 'settings')
  await text.fill(`${await text.inputValue()}# mine`)
  await card.getByRole('button', { name: 'Apply' }).click()
  await page.locator('.notice').getByText('The brain is changed').waitFor()
  assert.deepEqual((await emulator.control('GET', 'settings')).brain, brain, 'what is shown is what runs')
  await emulator.control('POST', 'settings', { brain: 'demo' })
})

test('two pages change keys at once, and nothing that either did is lost', async () => {
  page = await openPage(browser, emulator.origin)
  const other = await openPage(browser, emulator.origin)
  const { keys, avatars } = await emulator.control('GET', 'settings')
  const key = (of, name) => of.getByRole('switch', { name: `Key ${name} is enabled` })
  for (const of of [page, other]) {
    await of.getByRole('tab', { name: 'Setup' }).click()
    await key(of, 'sk-emulator').waitFor()
    // Neither hears any more what the other does.
    await of.route('**/_emulator/live*', (route) => route.abort())
  }
  const added = async (of, name) => {
    await of.getByRole('button', { name: 'Add', exact: true }).first().click()
    const form = of.locator('form.inset')
    await form.getByLabel('API key').fill(name)
    await form.getByLabel('Name of the avatar').fill(`Avatar of ${name}`)
    // Both calls are on their way before either is answered.
    return form.getByRole('button', { name: 'Add', exact: true })
  }
  const buttons = [await added(page, 'sk-one'), await added(other, 'sk-two')]
  await Promise.all(buttons.map((button) => button.click()))
  await Promise.all([key(page, 'sk-one').waitFor(), key(other, 'sk-two').waitFor()])
  await key(page, 'sk-emulator').click()
  await page.getByRole('switch').and(page.locator(':not(:checked)')).waitFor()
  await other.getByRole('button', { name: 'Remove the key sk-two' }).click()
  await key(other, 'sk-two').waitFor({ state: 'detached' })
  const now = await emulator.control('GET', 'settings')
  assert.deepEqual(
    now.keys.map((one) => [one.key, one.disabled]),
    [
      ['sk-emulator', true],
      ['sk-one', false],
    ],
  )
  assert.deepEqual(
    now.avatars.map(({ name }) => name).sort(),
    [avatars[0].name, 'Avatar of sk-one', 'Avatar of sk-two'].sort(),
  )
  assert.equal(new Set(now.avatars.map((one) => one['share-code'])).size, 3)
  await emulator.control('POST', 'settings', { keys, avatars })
  assert.deepEqual(other.wrong, [])
  await other.close()
})

test('the clock is moved on, and what is due happens', async () => {
  page = await openPage(browser, emulator.origin)
  await enter(page, 'Ada')
  await tab('Live')
  await page.getByText('Chat context').waitFor()
  await page.locator('meter').first().waitFor()
  const before = (await emulator.control('GET', 'state')).now
  await page.getByRole('button', { name: '+10 min' }).click()
  await page.getByText('Chat context').waitFor({ state: 'detached' })
  assert.ok((await emulator.control('GET', 'state')).now - before >= 600_000)
})

test('a key is disabled, and a key with an avatar of its own is added', async () => {
  page = await openPage(browser, emulator.origin)
  await tab('Setup')
  await page.getByRole('switch', { name: 'Key sk-emulator is enabled' }).click()
  await page.getByRole('switch').and(page.locator(':not(:checked)')).waitFor()
  assert.equal((await emulator.control('GET', 'settings')).keys[0].disabled, true)

  await page.getByRole('button', { name: 'Add', exact: true }).click()
  const form = page.locator('form.inset')
  await form.getByLabel('API key').fill('sk-shop')
  await form.getByLabel('Name of the avatar').fill('The shop')
  await form.getByLabel('Opening line').fill('What can I do for you?')
  await form.getByRole('button', { name: 'Add', exact: true }).click()
  await page.getByText('The shop ·').waitFor()

  await tab('Visitor')
  await page.getByLabel('Name', { exact: true }).fill('Ada')
  await page.getByLabel('API key').selectOption('sk-shop')
  await page.getByRole('button', { name: 'Start the chat' }).click()
  await page.locator('.visitor-chat .bubble').getByText('What can I do for you?').waitFor()
  const { keys } = await emulator.control('GET', 'settings')
  await emulator.control('POST', 'settings', { keys: keys.map((key) => ({ ...key, disabled: false })) })
})

test('an open question about the service is answered otherwise, and the brain is changed', async () => {
  page = await openPage(browser, emulator.origin)
  await tab('Setup')
  await page.getByLabel('Search settings').fill('pings')
  await page.getByLabel('pings', { exact: true }).selectOption('nothing')
  await page.locator('.switch-row.changed').first().waitFor()
  assert.equal((await emulator.control('GET', 'settings')).pings, 'nothing')
  await page.getByLabel('Brain').selectOption('echo')
  await page.locator('form').filter({ hasText: 'Brain' }).getByRole('button', { name: 'Apply' }).click()
  await page.locator('.notice').getByText('The brain is changed').waitFor()
  await enter(page, 'Ada')
  await say(page, 'parrot')
  await page.locator('.said.avatar').getByText('You said: parrot').waitFor()
})
