import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bot, deferred, isDone, pause, pieces, platform, shown, TEXT } from './support.mjs'

const CARD = { cardTemplateId: 'avatar-card.schema' }

test('ten streams at once stay under 20 calls a second, and the last text of each is shown', async (t) => {
  const fake = await platform(t)
  await bot(
    t,
    fake,
    (thread, message) => thread.post(pieces(`${message.text} ${TEXT.repeat(30)}`, 6, () => pause(40))),
    CARD,
  )
  const people = Array.from({ length: 10 }, (_, number) => `person ${number}`)
  for (const user of people) await fake.control('say', { user, text: user })
  const answers = await shown(fake, isDone(10))
  assert.deepEqual(
    answers.map(({ text }) => text),
    people.map((user) => `${user} ${TEXT.repeat(30)}`),
  )
  const { calls, most } = await fake.control('calls')
  assert.deepEqual(
    calls.filter(({ status }) => status === 403),
    [],
  )
  assert.ok(most.perSecond < 20, `${most.perSecond} calls in a second`)
  t.diagnostic(`${calls.length} calls, ${most.perSecond} at most in a second`)
})

const FAULTS = {
  'DingTalk refuses calls for a while': { status: 403, times: 4 },
  'pieces are refused': { status: 403, times: 2, name: 'card.streaming' },
  'the last call is refused': { status: 403, times: 2, name: 'card.update' },
  'the service is away': { status: 503, times: 3 },
  'the answer to the new card is lost': { cut: 'after', times: 1, name: 'card.createAndDeliver' },
  'the answer to the last text is lost': { cut: 'after', times: 1, name: 'card.update' },
  'the card is made and not shown': { refuseDeliveries: 1 },
  'cards are refused': { status: 400, code: 'param.templateNotExist', times: 1000, name: 'card.createAndDeliver' },
}

describe('faults', { concurrency: true }, () => {
  for (const [what, fault] of Object.entries(FAULTS)) {
    test(`the answer comes once and whole though ${what}`, async (t) => {
      const fake = await platform(t)
      await bot(t, fake, (thread) => thread.post(pieces(TEXT.repeat(4), 20, () => pause(600))), CARD)
      await fake.control('fault', fault)
      await fake.control('say', { user: 'Ada', text: 'hello' })
      const answers = await shown(fake, (all) => isDone(1)(all) && all.at(-1).text === TEXT.repeat(4))
      assert.equal(answers.length, 1)
    })
  }
})

test('the connection comes back after cuts, normal ends and refusals, without a storm', async (t) => {
  const fake = await platform(t)
  await bot(t, fake, (thread, message) => thread.post(`yes, ${message.text}`))
  await fake.control('fault', { refuseSockets: 1, cutSockets: true })
  await fake.control('say', { user: 'Ada', text: 'are you there?' })
  await shown(fake, isDone(1))
  await fake.control('fault', { closeSockets: true })
  await fake.control('say', { user: 'Ada', text: 'still?' })
  const answers = await shown(fake, isDone(2))
  assert.deepEqual(
    answers.map(({ text }) => text),
    ['yes, are you there?', 'yes, still?'],
  )
  const { calls } = await fake.control('calls')
  assert.equal(calls.filter(({ name }) => name === 'connection.open').length, 4)
})

test('an answer beyond a card goes on in the next ones', async (t) => {
  const fake = await platform(t)
  const text = `${TEXT} 😀\n`.repeat(600)
  await bot(t, fake, (thread) => thread.post(pieces(text, 500, () => pause(2))), CARD)
  await fake.control('say', { user: 'Ada', text: 'hello' })
  const whole = (all) => all.map((answer) => answer.text).join('')
  const answers = await shown(fake, (all) => isDone(3)(all) && whole(all).length === text.length)
  assert.equal(whole(answers), text)
})

test('an answer that breaks off shows what was said', async (t) => {
  const fake = await platform(t)
  const failed = deferred()
  async function* breaking() {
    yield TEXT
    throw new Error('broken off')
  }
  await bot(t, fake, (thread) => thread.post(breaking()).catch(failed.resolve), CARD)
  await fake.control('say', { user: 'Ada', text: 'hello' })
  assert.match((await failed.promise).message, /broken off/)
  assert.equal((await shown(fake, isDone(1)))[0].text, TEXT)
})
