// A conversation as a visitor has it, with the server part of each language.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PIECES, WHOLE } from './support/brain.mjs'
import { LANGUAGES, SIDE_BY_SIDE, stage, until, withBrowser } from './support/stage.mjs'

withBrowser()

for (const language of LANGUAGES)
  describe(`with the server part in ${language}`, SIDE_BY_SIDE, () => {
    test('an answer grows on the screen while the avatar speaks, and both tabs of the visitor have all of it once', async (t) => {
      const { emulator, visit } = await stage(t, { language })
      const first = await visit()
      await first.open()
      await first.say('Speak slowly')
      await first.growing().getByText('w1').waitFor()
      const second = await first.anotherTab()
      await second.open()
      await second.messages.getByText('Speak slowly').waitFor()
      await emulator.advance(1000)
      await first.growing().getByText('w3').waitFor()
      await finish(emulator, first, second)

      await second.say('And from the second tab?')
      for (const one of [first, second]) {
        await one.whole('visitor', 'And from the second tab?').waitFor()
        await one.whole('avatar', 'I have heard you.').waitFor()
        assert.deepEqual(await said(one), [
          ['visitor', 'Speak slowly'],
          ['avatar', WHOLE],
          ['visitor', 'And from the second tab?'],
          ['avatar', 'I have heard you.'],
        ])
      }
      assert.deepEqual(await asked(emulator), ['Speak slowly', 'And from the second tab?'])
    })

    test('a takeover in mid-stream: a line, another badge, and neither a word of the avatar nor of the owner is lost', async (t) => {
      const { emulator, visit } = await stage(t, { language, ownerName: 'Ada' })
      const shop = await visit()
      await shop.open()
      await shop.say('Speak slowly')
      await shop.growing().getByText('w1').waitFor()
      const { sessionId } = await shop.sessionOf('Speak slowly')
      await emulator.owner.reply(sessionId, 'This is Ada, in person.')
      await shop.whole('owner', 'This is Ada, in person.').waitFor()
      await shop.log.getByText(/Ada has joined/).waitFor()
      await finish(emulator, shop)
      const order = await said(shop)
      assert.deepEqual(
        order.filter(([author]) => author === 'owner'),
        [['owner', 'This is Ada, in person.']],
      )
      const avatars = order.filter(([author]) => author === 'avatar').map(([, text]) => text)
      assert.equal(avatars.join(' '), WHOLE)
      assert.match(await shop.whole('owner', 'in person').first().textContent(), /Ada/)

      // While the owner has the conversation the visitor goes on writing, and the avatar is silent.
      await shop.say('Hello Ada')
      await shop.sessionOf('Hello Ada')
      await emulator.owner.reply(sessionId, 'Hello to you.')
      await shop.whole('owner', 'Hello to you.').waitFor()

      await emulator.owner.handBack(sessionId)
      await shop.ask('Who is there?')
      await shop.log.getByText(/Ada has left/).waitFor()
      assert.equal(await shop.log.getByText(/Ada has joined/).count(), 1)
    })

    test('what the owner says unasked is counted on the closed panel and in the title, and read when it is opened', async (t) => {
      const { emulator, visit } = await stage(t, { language, ownerName: 'Ada' })
      const shop = await visit()
      const title = await shop.page.title()
      await shop.open()
      await shop.ask('Hello')
      const { sessionId } = await shop.sessionOf('Hello')
      await shop.page.keyboard.press('Escape')
      await shop.composer.waitFor({ state: 'hidden' })
      await emulator.owner.reply(sessionId, 'One thing more.')
      await emulator.owner.reply(sessionId, 'And another.')
      await until(async () =>
        /2/.test((await shop.launcher.getAttribute('aria-label')) ?? (await shop.launcher.textContent())),
      )
      assert.match(await shop.page.title(), /2/)
      await shop.open()
      await shop.whole('owner', 'One thing more.').waitFor()
      await shop.whole('owner', 'And another.').waitFor()
      await until(async () => (await shop.page.title()) === title)

      // What was said while no page was open is there at the next visit.
      await shop.page.goto('about:blank')
      await emulator.owner.reply(sessionId, 'While you were away.')
      await shop.page.goBack()
      await shop.composer.waitFor()
      await shop.whole('owner', 'While you were away.').waitFor()
      assert.equal(await shop.whole('owner', 'One thing more.').count(), 1)
    })

    test('a server that is killed in the midst of a reply loses none of it, and asks nothing twice', async (t) => {
      const { emulator, server, visit } = await stage(t, { language })
      const shop = await visit()
      await shop.open()
      await shop.ask('Hello')
      await shop.say('Speak slowly')
      await shop.growing().getByText('w1').waitFor()
      await server.stop()
      await emulator.advance(5000)
      await server.start()
      await shop.say('Are you there?')
      await finish(emulator, shop)
      await shop.whole('avatar', 'I have heard you.').nth(1).waitFor()
      assert.deepEqual(await asked(emulator), ['Hello', 'Speak slowly', 'Are you there?'])
      assert.deepEqual(
        (await said(shop)).filter(([author]) => author === 'visitor').map(([, text]) => text),
        ['Hello', 'Speak slowly', 'Are you there?'],
      )
      assert.equal(await shop.whole('avatar', WHOLE).count(), 1)
    })
  })

/** Lets the avatar say the rest, and waits until it is on the screen. */
async function finish(emulator, ...visits) {
  for (const visit of visits)
    await until(async () => {
      if ((await visit.whole('avatar', PIECES.at(-1)).count()) > 0) return true
      await emulator.advance(1000)
      return false
    })
}

/** Who has said what, as it stands on the screen. */
function said(visit) {
  return visit.messages.evaluateAll((all) =>
    all.map((one) => [one.dataset.author, one.querySelector('.text').textContent.trim()]),
  )
}

/** What the service has heard of the visitors. */
async function asked(emulator) {
  const { sessions } = await emulator.state()
  return sessions.flatMap(({ messages }) => messages.filter((one) => one.author === 'visitor').map((one) => one.text))
}
