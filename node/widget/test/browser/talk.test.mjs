// A conversation as a visitor has it, with the server part of each language.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PIECES, WHOLE } from './support/brain.mjs'
import { SlowModel } from './support/model.mjs'
import { heardAll, LANGUAGES, SIDE_BY_SIDE, stage, withBrowser } from './support/stage.mjs'

withBrowser()

for (const language of LANGUAGES)
  describe(`with the server part in ${language}`, SIDE_BY_SIDE, () => {
    test('an answer grows on the screen while the avatar speaks, and both tabs of the visitor have all of it once', async (t) => {
      const model = await SlowModel.start(t)
      const { emulator, visit } = await stage(t, { language, brain: model.brain })
      const first = await visit()
      await first.open()
      await first.say('Speak slowly')
      await first.growing().getByText('w1').waitFor()
      const second = await first.anotherTab()
      await second.open()
      await second.messages.getByText('Speak slowly').waitFor()
      // The second tab has what was said before it was opened, and each piece from then on.
      await second.growing().getByText('w1').waitFor()
      for (const upTo of [3, 7]) {
        model.say(upTo)
        for (const one of [first, second])
          await one.growing().getByText(PIECES.slice(0, upTo).join('').trim()).waitFor()
      }
      // After a reload in mid-reply too.
      await second.reload()
      await second.growing().getByText(PIECES.slice(0, 7).join('').trim()).waitFor()
      model.say(8)
      for (const one of [first, second]) {
        await one.growing().getByText(PIECES.slice(0, 8).join('').trim()).waitFor()
        // Each piece is there once.
        assert.deepEqual(await said(one), [
          ['visitor', 'Speak slowly'],
          ['avatar', PIECES.slice(0, 8).join('').trim()],
        ])
      }
      await finish(model, first, second)

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
      await heardAll(emulator, ['Speak slowly', 'And from the second tab?'])
    })

    test('a visitor with two devices: a reply to one grows on both, the owner is heard on both, and neither says anything twice', async (t) => {
      const model = await SlowModel.start(t)
      const { brain } = model
      const { emulator, server, visit } = await stage(t, { language, brain, logins: true, ownerName: 'Ada' })
      const [desk, phone] = [await visit(), await visit()]
      for (const one of [desk, phone]) {
        await one.context.addCookies([{ name: 'login', value: 'grace', url: server.origin }])
        await one.open()
      }
      await desk.say('Speak slowly')
      for (const one of [desk, phone]) await one.growing().getByText('w1').waitFor()
      // The phone loses its network for a while, and has each word once when it is back.
      await phone.context.setOffline(true)
      model.say(5)
      await desk.growing().getByText(PIECES.slice(0, 5).join('').trim()).waitFor()
      await phone.context.setOffline(false)
      await phone.growing().getByText(PIECES.slice(0, 5).join('').trim()).waitFor()
      const { sessionId } = await desk.sessionOf('Speak slowly')
      await emulator.owner.reply(sessionId, 'This is Ada, in person.')
      for (const one of [desk, phone]) await one.whole('owner', 'This is Ada, in person.').waitFor()
      await phone.say('From the phone')
      await phone.whole('visitor', 'From the phone').waitFor()
      await finish(model, desk, phone)
      await heardAll(emulator, ['Speak slowly', 'From the phone'])
      await emulator.owner.reply(sessionId, 'I have read it.')
      for (const one of [desk, phone]) {
        await one.whole('owner', 'I have read it.').waitFor()
        await one.whole('visitor', 'From the phone').waitFor()
        const words = (await said(one)).map(([, text]) => text)
        assert.equal(new Set(words).size, words.length, `${words}`)
        const avatars = (await said(one)).filter(([author]) => author === 'avatar').map(([, text]) => text)
        assert.equal(avatars.join(' '), WHOLE)
      }
    })

    test('a takeover in mid-stream: a line, another badge, and neither a word of the avatar nor of the owner is lost', async (t) => {
      const model = await SlowModel.start(t)
      const { emulator, visit } = await stage(t, { language, brain: model.brain, ownerName: 'Ada' })
      const shop = await visit()
      await shop.open()
      await shop.say('Speak slowly')
      await shop.growing().getByText('w1').waitFor()
      const { sessionId } = await shop.sessionOf('Speak slowly')
      await emulator.owner.reply(sessionId, 'This is Ada, in person.')
      await shop.whole('owner', 'This is Ada, in person.').waitFor()
      await shop.log.getByText(/Ada has joined/).waitFor()
      await finish(model, shop)
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
      await shop.tellsUnread(2)
      assert.match(await shop.page.title(), /2/)
      await shop.open()
      await shop.whole('owner', 'One thing more.').waitFor()
      await shop.whole('owner', 'And another.').waitFor()
      await shop.page.waitForFunction((own) => document.title === own, title)

      // What was said while no page was open is there at the next visit.
      await shop.page.goto('about:blank')
      await emulator.owner.reply(sessionId, 'While you were away.')
      await shop.page.goBack()
      await shop.composer.waitFor()
      await shop.whole('owner', 'While you were away.').waitFor()
      assert.equal(await shop.whole('owner', 'One thing more.').count(), 1)
    })

    test('a server that is killed in the midst of a reply loses none of it, and asks nothing twice', async (t) => {
      const model = await SlowModel.start(t)
      const { emulator, server, visit } = await stage(t, { language, brain: model.brain })
      const shop = await visit()
      await shop.open()
      await shop.ask('Hello')
      await shop.say('Speak slowly')
      await shop.growing().getByText('w1').waitFor()
      await server.stop()
      // A reply of which nothing new comes for 3 s is taken for whole by a server that has not heard its beginning.
      model.finish()
      await server.start()
      await shop.say('Are you there?')
      await finish(model, shop)
      await shop.whole('avatar', 'I have heard you.').nth(1).waitFor()
      await heardAll(emulator, ['Hello', 'Speak slowly', 'Are you there?'])
      assert.deepEqual(
        (await said(shop)).filter(([author]) => author === 'visitor').map(([, text]) => text),
        ['Hello', 'Speak slowly', 'Are you there?'],
      )
      assert.equal(await shop.whole('avatar', WHOLE).count(), 1)
    })
  })

/** Lets the avatar say the rest, and waits until it is on the screen. */
async function finish(model, ...visits) {
  model.finish()
  for (const visit of visits) await visit.whole('avatar', PIECES.at(-1)).first().waitFor()
}

/** Who has said what, as it stands on the screen. */
function said(visit) {
  return visit.messages.evaluateAll((all) =>
    all.map((one) => [one.dataset.author, one.querySelector('.text').textContent.trim()]),
  )
}
