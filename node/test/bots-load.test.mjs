// Many messages of many people through each bot of examples/bots, with the faults of the service and of the platform, and
// a bot that is killed in the middle: each is answered once, in order for each person, and none with the words of another.
// `BARS=100x10` plays a thousand messages of a hundred people with each bot (`make bars`).

import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { describe, test } from 'node:test'

import { answers, Stage } from '../../examples/bots/stage.mjs'

/** What goes wrong at the service, all the time. */
const SERVICE = [
  { at: 'call', do: { status: 503 }, chance: 0.01 },
  { at: 'call', do: { delay: '100ms' }, chance: 0.05 },
  { at: 'message/send', do: 'cut-after', chance: 0.02 },
  { at: 'message/send', do: 'cut-before', chance: 0.02 },
  { at: 'connect', do: 'refuse', chance: 0.02 },
  { at: 'frame-out', do: 'cut', chance: 0.001 },
]

/** What goes wrong at every platform, a little each time. */
const DELIVERED_AGAIN = [{ duplicate: 10 }, { dropAcks: 10 }]

/**
 * The bots: how many people and messages of each a test has, and what goes wrong with the platform's calls. `mayRepeat`
 * says of a platform that it recognises no repeated call and shows a bot none of its messages, so that what was on its
 * way in the moment of a kill may be shown twice.
 */
const BOTS = {
  slack: {
    size: '40x5',
    faults: [
      ...DELIVERED_AGAIN,
      { status: 429, times: 5, retryAfter: 1, name: 'chat.postMessage' },
      { status: 503, times: 5, name: 'chat.update' },
      { status: 503, times: 2, name: 'users.info' },
      { cut: 'after', times: 3, name: 'chat.postMessage' },
      { cut: 'before', times: 3, name: 'chat.update' },
    ],
  },
  telegram: {
    size: '20x5',
    mayRepeat: true,
    faults: [
      { dropAcks: 3 },
      { status: 429, times: 5, retryAfter: 1, name: 'sendMessage' },
      { status: 503, times: 3, name: 'sendMessage' },
      { cut: 'before', times: 3, name: 'sendMessage' },
      { cut: 'before', times: 1, name: 'getUpdates' },
      { cut: 'before', times: 3, name: 'editMessageText' },
    ],
  },
  feishu: {
    size: '10x4',
    faults: [
      ...DELIVERED_AGAIN,
      { status: 429, times: 5, retryAfter: 1, name: 'message.create' },
      { status: 503, times: 3, name: 'card.create' },
      { cut: 'after', times: 3, name: 'message.create' },
      { cut: 'before', times: 3, name: 'message.create' },
      { cut: 'after', times: 3, name: 'card.content' },
    ],
  },
  dingtalk: {
    size: '8x4',
    faults: [
      ...DELIVERED_AGAIN,
      { status: 403, times: 3, name: 'card.createAndDeliver' },
      { status: 503, times: 3, name: 'card.update' },
      { cut: 'after', times: 3, name: 'card.createAndDeliver' },
      { cut: 'before', times: 3, name: 'card.createAndDeliver' },
      { cut: 'after', times: 3, name: 'card.update' },
    ],
  },
}

const only = process.env.BARS_ONLY?.split(',') ?? Object.keys(BOTS)
// A few people wait most of the time; a hundred keep the machine busy.
describe('bots', { concurrency: process.env.BARS === undefined }, () => {
  for (const name of only) {
    test(`${name}: every message is answered once, in order and to the one who asked, through faults and kills`, {
      timeout: 900_000,
    }, async (t) => {
      const { mayRepeat = false, faults, size } = BOTS[name]
      const [people, each] = (process.env.BARS ?? size).split('x').map(Number)
      const settings = { 'quota-per-minute': 100_000 }
      const stage = await Stage.set(name, {
        emulator: { brain: 'echo', settings, seed: 7 },
        env: { SECONDME_QUOTA: '10000' },
      })
      t.after(() => stage.end())
      const scene = new Scene(stage, people, each)
      await scene.play(faults)
      const repeats = await scene.check(mayRepeat)
      const figures = await scene.figures({ bot: `Node, ${name}`, repeats })
      t.diagnostic(JSON.stringify(figures))
      if (process.env.BARS_FIGURES) appendFileSync(process.env.BARS_FIGURES, `${JSON.stringify(figures)}\n`)
    })
  }
})

/** People who write two messages at once, and the next two when both are answered. */
class Scene {
  #kills = 0
  #tookMs = 0

  constructor(stage, people, each) {
    this.stage = stage
    this.each = each
    this.people = Array.from({ length: people }, (_, at) => ({
      name: `Person ${at}`,
      word: `word${at * 7919}x`,
      said: 0,
    }))
  }

  get total() {
    return this.people.length * this.each
  }

  async play(faults) {
    const { stage, total } = this
    stage.startBot()
    await stage.say('The first person', 'Are you there?')
    await stage.until(async () => (await stage.chats()).some((chat) => answers(chat).length === 1))
    await stage.emulator.fault(...SERVICE)
    const begun = Date.now()
    let met = 0
    let isCut = false
    let last = { done: 0, at: begun }
    await stage.until(async () => {
      const done = await this.#turn()
      // The faults come one after the other, all of them before the end.
      while (done >= (total / (faults.length * 2)) * (met + 1)) {
        await stage.fake.control('fault', faults[met % faults.length])
        met += 1
      }
      if (!isCut && done >= total / 2) {
        isCut = true
        await stage.fake.control('fault', { cutSockets: true })
      }
      // What was lost with a socket comes again after a minute of the platform's.
      if (done > last.done) last = { done, at: Date.now() }
      else if (Date.now() - last.at > 1000) {
        await stage.fake.control('clock', { advanceMs: 60_000 })
        last.at = Date.now()
      }
      if (this.#kills < 2 && done >= (total * (this.#kills + 1)) / 3) {
        this.#kills += 1
        await stage.stopBot('SIGKILL')
        stage.startBot()
      }
      return done >= total
    }, 800_000)
    this.#tookMs = Date.now() - begun
    // What would be too much comes within the time in which the platform delivers again.
    await stage.fake.control('clock', { advanceMs: 60_000 })
    await stage.say('The last person', 'Are you still there?')
    await stage.until(async () => {
      const chat = (await stage.chats()).find((one) => one.name === 'The last person')
      return chat !== undefined && answers(chat).length === 1
    })
    await stage.stopBot('SIGTERM')
  }

  /** Has everybody who waits for nothing say something, and returns how many answers are whole. */
  async #turn() {
    const chats = new Map((await this.stage.chats()).map((chat) => [chat.name, chat]))
    let done = 0
    for (const person of this.people) {
      // A message that is updated while it grows looks like any: it is whole when it has its last words.
      const shown = answers(chats.get(person.name) ?? { messages: [] })
      const answered = new Set(shown.filter((one) => /number \d+\.$/.test(plain(one)))).size
      done += answered
      if (person.said >= this.each || answered < person.said) continue
      for (let two = 0; two < 2 && person.said < this.each; two++) {
        person.said += 1
        await this.stage.say(person.name, text(person, person.said))
      }
    }
    return done
  }

  /** Compares what each person sees with what was asked, and returns how much was shown twice. */
  async check(mayRepeat) {
    const chats = await this.stage.chats()
    let repeats = 0
    for (const person of this.people) {
      const { messages } = chats.find((chat) => chat.name === person.name)
      const own = messages.filter(({ bot }) => bot).map((message) => plain(message.text))
      const wanted = Array.from({ length: this.each }, (_, at) => `You said: ${text(person, at + 1)}`)
      // A beginning that a kill left, with the whole answer behind it, counts as shown twice.
      const once = own.filter((one, at) => !(mayRepeat && own[at + 1]?.startsWith(one)))
      assert.deepEqual(once, wanted, person.name)
      // One answer of a person's is on its way at a time.
      assert.ok(own.length - once.length <= this.#kills, `${person.name} sees ${own}`)
      repeats += own.length - once.length
    }
    const { sessions } = await this.stage.emulator.state()
    const asked = sessions.flatMap(({ messages }) => messages).filter(({ author }) => author === 'visitor').length
    assert.equal(asked, this.total + 2, 'the service has each question once')
    assert.equal(sessions.length, this.people.length + 2, 'each person has one session, before the kills and after')
    return repeats
  }

  async figures({ bot, repeats }) {
    const chats = await this.stage.chats()
    const own = chats.flatMap(({ messages }) => messages.filter((message) => message.bot))
    const { total: calls, most } = await this.stage.fake.control('calls')
    return {
      bot,
      messages: this.total,
      people: this.people.length,
      seconds: Math.round(this.#tookMs / 100) / 10,
      kills: this.#kills,
      repeats,
      grown: own.filter(({ edits }) => edits.length > 0).length,
      calls,
      perSecond: most.perSecond,
      serviceFaults: (await this.stage.emulator.faults()).reduce((sum, fault) => sum + fault.met, 0),
    }
  }
}

function text({ word }, number) {
  return `My word is ${word}, number ${number}.`
}

/** Telegram's MarkdownV2 writes marks behind a backslash. */
function plain(text) {
  return text.replaceAll('\\', '')
}
