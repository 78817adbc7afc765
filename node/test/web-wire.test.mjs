// The wire of the website widget, as `spec/web-wire.json` has it for all languages.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'

import { Visitor } from 'secondme-avatar'

import { Cookies, tagOf } from '../lib/web/cookie.js'
import { liveOutlet } from '../lib/web/outlet.js'
import { Present } from '../lib/web/present.js'
import { addressKey } from '../lib/web/rates.js'
import { folder } from './project.mjs'
import { stage } from './support.mjs'
import { Browser, call, partsOf, site } from './web/browser.mjs'

const wire = JSON.parse(readFileSync(new URL('../../spec/web-wire.json', import.meta.url), 'utf8'))

for (const { name, secrets, header, nowMs, id, isStale } of wire.cookies) {
  test(`a cookie: ${name}`, () => {
    const named = new Cookies('__Host-avatar', secrets, false).read(header, nowMs)
    assert.deepEqual(named, id === null ? undefined : { id, isStale })
  })
}

test('the visitor of a cookie is the same in all languages', () => {
  for (const { id, visitor, tag } of wire.visitors) {
    assert.equal(Visitor.forUser('web', id).id, visitor)
    assert.equal(tagOf(visitor), tag)
  }
})

test('addresses that count as one', () => {
  for (const [one, other] of wire.addresses.same) assert.equal(addressKey(one), addressKey(other))
  for (const [one, other] of wire.addresses.different) assert.notEqual(addressKey(one), addressKey(other))
})

for (const { name, said, parts, grows } of wire.pieces) {
  test(`pieces: ${name}`, async () => {
    const names = { avatar: 'Nova', owner: 'Ada' }
    const present = new Present(Visitor.forUser('web', 'ada'), undefined, 0)
    const { live } = liveOutlet({ nameOf: (author) => names[author], now: () => 0, present: () => present })
    for (const [author, text] of said) live.piece(present.visitor.id, 'm1', author, text)
    const turn = present.turns.get('m1')
    turn.end()
    matched(await partsOf({ chunks: [turn.answer().body.take(0)] }), parts)
    const told = present.answer(undefined, 1, { type: 'owner', isPresent: false, name: 'Ada' }).body.take(0)
    const events = [...told.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data))
    matched(
      events.filter(({ type }) => type === 'growing' || type === 'piece'),
      grows,
    )
  })
}

for (const { name, options = {}, brain, steps } of wire.cases) {
  test(name, async (t) => {
    const { client, emulator } = await stage(t, { brain })
    const files = folder(t)
    writeFileSync(`${files}/widget.js`, 'export {}\n')
    const names = { avatarName: 'Nova', ownerName: 'Ada' }
    const { base, errors } = await site(t, client, { secret: wire.secrets[0], files, ...names, ...options })
    const player = new Player(base, emulator)
    for (const [at, step] of steps.entries()) {
      await player.play(step).catch((error) => {
        error.message = `step ${at + 1} of ${steps.length}, ${JSON.stringify(step).slice(0, 300)}: ${error.message}`
        throw error
      })
    }
    assert.deepEqual(errors, [])
  })
}

class Player {
  #base
  #emulator
  #browsers = {}
  #streams = {}
  #answers = {}
  #kept

  constructor(base, emulator) {
    this.#base = base
    this.#emulator = emulator
    this.#kept = { host: new URL(base).host }
  }

  async play(step) {
    if (step.visit) this.#browsers[step.visit] = await Browser.visit(this.#base)
    else if (step.start) this.#answers[step.start] = await this.#browsers[step.as].call(step.call)
    else if (step.finish) matched(await partsOf(this.#answers[step.finish]), step.parts)
    else if (step.advance) await this.#emulator.advance(step.advance)
    else if (step.grows) await this.#grows(step)
    else if (step.call) await this.#call(step)
    else if (step.listen) await this.#listen(step)
    else if (step.events) await this.#events(step)
    else if (step.leave) this.#streams[step.leave].leave()
    else if (step.ended) assert.equal(await this.#streams[step.ended].next(), undefined)
    else if (step.owner) await this.#owner(step)
    else if (step.asked) assert.deepEqual(await this.#asked(), step.asked)
    else assert.fail('there is no such step')
  }

  async #call({ as, call: given, answer: expected, keep = {} }) {
    const filled = JSON.parse(this.#filled(JSON.stringify(given)))
    const answer = await (as === undefined ? call(this.#base, filled) : this.#browsers[as].call(filled))
    assert.equal(answer.status, expected.status)
    for (const [header, value] of Object.entries(expected.headers ?? {})) {
      const is = [answer.headers[header]].flat().join('; ')
      if (value === null) assert.equal(answer.headers[header], undefined, header)
      else assert.ok(matches(is, value), `${header} is ${is}`)
    }
    if (expected.parts !== undefined) return matched(await partsOf(answer), expected.parts)
    const text = await answer.text()
    const json = text.startsWith('{') ? JSON.parse(text) : undefined
    if (expected.json !== undefined) matched(json, expected.json)
    for (const [name, from] of Object.entries(keep)) {
      this.#kept[name] = from.startsWith('header:') ? answer.headers[from.slice(7)] : json[from]
    }
  }

  async #listen({ listen, stream, after, lastEventId }) {
    const last = after === undefined ? lastEventId : this.#streams[after].lastId
    this.#streams[stream] = await this.#browsers[listen].events(last)
  }

  async #events({ stream, events, anyOrder }) {
    const heard = []
    while (heard.length < events.length) heard.push(await this.#streams[stream].next())
    if (!anyOrder) return matched(heard, events)
    for (const event of events)
      assert.ok(
        heard.some((one) => matches(one, event)),
        JSON.stringify(heard),
      )
  }

  /** Reads a reply that grows, until it has this text: each piece is there once. */
  async #grows({ stream, grows: { text, ...reply } }) {
    const tab = this.#streams[stream]
    while (tab.growing !== text) {
      const event = await tab.any()
      if (event.type === 'growing') {
        const { type: _, text: begun, ...rest } = event
        matched(rest, reply)
        tab.growing = begun
      } else {
        assert.deepEqual([event.type, event.from], ['piece', tab.growing.length], JSON.stringify(event))
        tab.growing += event.text
      }
      assert.ok(text.startsWith(tab.growing), `it grows otherwise: ${tab.growing}`)
    }
  }

  async #owner({ owner, text }) {
    const { sessions } = await this.#emulator.state()
    await this.#emulator.owner[owner](sessions[0].sessionId, text)
  }

  async #asked() {
    const { sessions } = await this.#emulator.state()
    const said = sessions.flatMap(({ messages }) => messages.filter(({ author }) => author === 'visitor'))
    return said.map(({ text }) => text)
  }

  #filled(text) {
    return text.replace(/\{([a-z]+)\}/g, (all, name) => {
      const value = this.#kept[name]
      return value === undefined ? all : JSON.stringify(value).slice(1, -1)
    })
  }
}

function matched(is, expected) {
  assert.ok(matches(is, expected), `${JSON.stringify(is, undefined, 1)} is not ${JSON.stringify(expected)}`)
}

function matches(is, expected) {
  if (expected === '*') return is !== undefined
  if (expected === '*text') return typeof is === 'string' && is !== ''
  if (expected === '*number') return is !== '' && Number.isFinite(Number(is))
  if (typeof expected === 'string' && expected.startsWith('^')) return new RegExp(expected).test(is)
  if (typeof expected !== 'object' || expected === null) return is === expected
  if (typeof is !== 'object' || is === null) return false
  const names = Object.keys(expected)
  return names.length === Object.keys(is).length && names.every((name) => matches(is[name], expected[name]))
}
