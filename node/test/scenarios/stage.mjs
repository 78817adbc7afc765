// What a scenario is played on: an emulator, a client, and all that was heard.

import { AvatarClient, AvatarError, Visitor } from 'secondme-avatar'
import { startEmulator } from 'secondme-avatar/testing'

import { inOrder, matches } from './matching.mjs'
import * as plain from './plain.mjs'

/** How long anything may take in real time. */
const PATIENCE_MS = 10_000

/** What may stand in a step, so that a slip of the pen does not pass for a check that was met. */
const WORDS = [
  'in',
  'as',
  'text',
  'collect',
  'count',
  'name',
  'visitor_id',
  'later',
  'gives',
  'fails',
  'events',
  'replies',
  'is',
  'key',
  'prefix',
  'lifetime',
  'message_id',
  'method',
  'path',
  'body',
]

const OPTIONS = {
  acknowledge: 'acknowledge',
  ping_unnamed: 'pingUnnamed',
  delivery: 'delivery',
  origin: 'origin',
  quota: 'quota',
  heartbeat: 'heartbeatMs',
  reply_idle: 'replyIdleMs',
  open_deadline: 'openDeadlineMs',
  send_deadline: 'sendDeadlineMs',
  ask_deadline: 'askDeadlineMs',
  first_piece_deadline: 'firstPieceDeadlineMs',
  owner_deadline: 'ownerDeadlineMs',
}

export class Stage {
  #heard = []
  #chats = new Map()
  /** How far the events of a conversation have been looked at. */
  #read = new Map()
  #later = new Map()

  static async set(scenario) {
    const emulator = await startEmulator()
    const client = clientOf(emulator, scenario.door ?? 'avatar-open-api', scenario.client ?? {})
    const stage = new Stage(emulator, client)
    if (scenario.emulator) await emulator.configure(scenario.emulator)
    if (scenario.faults) await emulator.fault(...[scenario.faults].flat())
    return stage
  }

  constructor(emulator, client) {
    this.emulator = emulator
    this.client = client
    client.on('event', (event) => {
      // The conversation goes on in another session, and what was heard in the old one is its own.
      if (event.type === 'sessionReplaced') {
        for (const heard of this.#heard) if (heard.sessionId === event.from) heard.sessionId = event.to
      }
      this.#heard.push({ ...event, ...plain.event(event) })
    })
  }

  /** Plays one step: one verb, and what it is about. */
  async play(step) {
    const [[verb, written]] = Object.entries(step)
    const about = this.#substitute(written)
    const strange = ['call', 'service'].includes(verb)
      ? undefined
      : Object.keys(Object(typeof about === 'object' && !Array.isArray(about) ? about : {})).find(
          (word) => !WORDS.includes(word),
        )
    if (strange) throw new Error(`\`${verb}\` knows no \`${strange}\``)
    if (verb in CHECKS) return CHECKS[verb].call(this, about)
    if (!(verb in ACTIONS)) throw new Error(`there is no step \`${verb}\``)
    const name = ['notes', 'request'].includes(verb) ? about.in : nameOf(about)
    const outcome = settled(ACTIONS[verb].call(this, about, name))
    const opened = about.as ?? name
    if (about.later) this.#later.set(about.later, { outcome, opened })
    else await this.#settle(outcome, opened, about)
  }

  /** Ends the scenario: whatever still waits must come to an end by closing. */
  async clear() {
    const ends = (async () => {
      await this.client.close()
      await Promise.all([...this.#later.values()].map(({ outcome }) => outcome))
      await this.emulator.stop()
    })()
    await inTime(ends, 'the scenario does not come to an end')
  }

  log() {
    return `what was heard:\n${this.#heard.map((event) => `  ${JSON.stringify(event)}`).join('\n')}`
  }

  chat(name) {
    const chat = this.#chats.get(name)
    if (chat === undefined) throw new Error(`no conversation goes by the name \`${name}\``)
    return chat
  }

  /** The events of a conversation: those of its session, and those of its visitor that name none. */
  #eventsOf(name) {
    const chat = this.#chats.get(name)
    const visitor = chat?.visitorId ?? visitorOf(name.split('/')[0], {}).id
    const session = chat?.sessionId
    return this.#heard.filter(
      (event) =>
        event.visitorId === visitor &&
        (event.sessionId === undefined || session === undefined || event.sessionId === session),
    )
  }

  async #settle(outcome, name, about) {
    const { result, failure } = await inTime(outcome, 'nothing came')
    const chat = result?.chat
    if (chat) this.#chats.set(name, chat)
    const found = failure === undefined ? (chat ? opened(chat) : result) : plain.error(failure)
    const isWanted = (failure !== undefined) === (about.fails !== undefined && about.fails !== null)
    const pattern = failure === undefined ? about.gives : about.fails
    if (!isWanted || (pattern && !matches(pattern, found))) throw new Error(`it came to ${JSON.stringify(found)}`)
  }

  /** Looks again until there is nothing to say against it. */
  async until(look) {
    const end = Date.now() + PATIENCE_MS
    for (;;) {
      const why = await look()
      if (why === undefined) return
      if (Date.now() > end) throw new Error(why)
      await soon()
    }
  }

  async expect(about) {
    const name = nameOf(about)
    const from = this.#read.get(name) ?? 0
    await this.until(() => {
      const { end, missed } = inOrder(about.events, this.#eventsOf(name).slice(from))
      if (missed !== undefined) return `no ${JSON.stringify(missed)}`
      this.#read.set(name, from + end)
    })
  }

  never(about) {
    const met = this.#eventsOf(nameOf(about)).find((event) => about.events.some((pattern) => matches(pattern, event)))
    if (met) throw new Error(`there was ${JSON.stringify(met)}`)
  }

  heard(about) {
    return this.until(() => {
      const whole = this.#eventsOf(nameOf(about)).filter(({ type }) => type === 'reply' || type === 'owner_reply')
      const said = whole.map(({ author, text }) => ({ author, text }))
      return matches(about.replies, said) ? undefined : `it was ${JSON.stringify(said)}`
    })
  }

  awaits(about) {
    const waiting = this.#later.get(nameOf(about))
    if (waiting === undefined) throw new Error('nothing goes by that name')
    this.#later.delete(nameOf(about))
    return this.#settle(waiting.outcome, waiting.opened, about)
  }

  async control(method, call, body) {
    const answer = await fetch(`${this.emulator.controlUrl}/${call}`, {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`the emulator says ${text}`)
    return JSON.parse(text)
  }

  /** `$ada.session` and `$ada.visitor` stand for the ids of the conversation `ada`. */
  #substitute(value) {
    if (typeof value === 'string') {
      const [, name, what] = /^\$(.+)\.(session|visitor)$/.exec(value) ?? []
      if (what === 'session') return this.chat(name).sessionId
      if (what === 'visitor') return visitorOf(name, {}).id
      return value
    }
    if (Array.isArray(value)) return value.map((item) => this.#substitute(item))
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, this.#substitute(field)]))
  }
}

/** What a program would do with the library. */
const ACTIONS = {
  async open(about, name) {
    return { chat: await this.client.open(visitorOf(name, about)) }
  },
  async new_session(_, name) {
    return { chat: await this.chat(name).newSession() }
  },
  async ask({ text, ...terms }, name) {
    return plain.fields(await this.chat(name).ask(text, asking(terms)))
  },
  async stream({ text, ...terms }, name) {
    let all = ''
    for await (const piece of this.chat(name).stream(text, asking(terms))) all += piece
    return { text: all }
  },
  async send({ text, ...terms }, name) {
    return plain.fields(await this.chat(name).send(text, asking(terms)))
  },
  async history({ count }, name) {
    return plain.fields({ messages: await this.chat(name).history({ count }) })
  },
  async pause(_, name) {
    await this.chat(name).pause()
    return {}
  },
  async resume(_, name) {
    await this.chat(name).resume()
    return {}
  },
  async network_changed(_, name) {
    await this.chat(name).networkChanged()
    return {}
  },
  async close(_, name) {
    await this.chat(name).close()
    return {}
  },
  async end(_, name) {
    await this.chat(name).end()
    return {}
  },
  async set_note(about, name) {
    await this.client.setNote(visitorOf(name, about), about.key, about.text, lasting(about))
    return {}
  },
  async add_note(about, name) {
    return { done: await this.client.addNote(visitorOf(name, about), about.key, about.text, lasting(about)) }
  },
  async note(about, name) {
    return { text: await this.client.note(visitorOf(name, about), about.key) }
  },
  async delete_note(about, name) {
    return { done: await this.client.deleteNote(visitorOf(name, about), about.key) }
  },
  async notes({ prefix }) {
    const notes = await this.client.notes(prefix)
    return { notes: notes.map(({ visitor, key, text }) => ({ visitor_id: visitor.id, key, text })) }
  },
  async request({ method, path, body, ...about }, name) {
    const visitor = name === undefined ? undefined : visitorOf(name, about)
    return { data: await this.client.request(method, [path].flat().join(''), body, { visitor }) }
  },
}

/** The options of a message: the seconds of silence for which answers are collected, and its id. */
function asking({ collect, message_id: messageId }) {
  return { ...(collect !== undefined && { collectMs: collect * 1000 }), ...(messageId !== undefined && { messageId }) }
}

function lasting({ lifetime }) {
  return lifetime === undefined ? {} : { lifetimeMs: lifetime * 1000 }
}

/** What else happens, and what must be so. */
const CHECKS = {
  /** Both clocks go on together, a second at a time: the client's first, so that its pings are on their way. */
  async seconds(count) {
    for (let second = 0; second < count; second += 1) {
      this.client.advanceClock(1000)
      await this.emulator.advance(1000)
    }
  },
  async call(calls) {
    for (const [call, body] of Object.entries(calls)) await this.control('POST', call, body)
  },
  service(pattern) {
    return this.until(async () => {
      const state = await this.control('GET', 'state')
      return matches(pattern, state) ? undefined : JSON.stringify(state)
    })
  },
  journal(patterns) {
    return this.until(async () => {
      const { missed } = inOrder(patterns, (await this.control('GET', 'journal')).entries)
      return missed && `no ${JSON.stringify(missed)}`
    })
  },
  state(about) {
    return this.until(() => {
      const { state } = this.chat(nameOf(about))
      return state === about.is ? undefined : `it is ${state}`
    })
  },
  expect(about) {
    return this.expect(about)
  },
  never(about) {
    return this.never(about)
  },
  heard(about) {
    return this.heard(about)
  },
  await(about) {
    return this.awaits(about)
  },
}

/** The outcome of an action. The promise never rejects, so it need not be awaited at once. */
function settled(action) {
  return action.then(
    (result) => ({ result }),
    (failure) => {
      if (failure instanceof AvatarError) return { failure }
      throw failure
    },
  )
}

/** A client at the door that the scenario names. */
function clientOf(emulator, door, { key, client_secret: clientSecret, user_tokens: tokens, credentials, ...rest }) {
  const options = { ...(key && { apiKey: key }), ...clientOptions(rest) }
  switch (door) {
    case 'avatar-open-api':
      if (credentials === undefined) return emulator.client(options)
      return AvatarClient.withCredentials(given(emulator, credentials), { baseUrl: emulator.baseUrl, ...options })
    case 'visitor-chat':
      return emulator.visitorChat({
        ...options,
        ...(clientSecret && { clientSecret }),
        ...(tokens && { token: inTurn(tokens) }),
      })
    default:
      throw new Error(`there is no door \`${door}\``)
  }
}

/** A caller's tokens: the first, and after each refusal the next, as long as there is one. */
function inTurn(tokens) {
  let refusals = 0
  return async ({ refused }) => {
    refusals += Number(refused)
    return tokens[Math.min(refusals, tokens.length - 1)]
  }
}

/** A caller's credentials, as its words say, one after the other. */
function given(emulator, words) {
  const keys = { authenticated: emulator.apiKey, unknown_key: 'sk-unknown' }
  const rest = words.values()
  let last
  return async ({ visitorId }) => {
    const word = rest.next().value ?? 'throws'
    if (word === 'same') return last
    if (word === 'throws') throw new RangeError('no user is signed in')
    const server = emulator.client({ apiKey: keys[word] })
    try {
      last = await server.authenticate(Visitor.parse(visitorId))
      return last
    } finally {
      await server.close()
    }
  }
}

function soon() {
  return new Promise((resolve) => setTimeout(resolve, 2))
}

async function inTime(promise, otherwise) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(otherwise)), PATIENCE_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

function opened(chat) {
  return plain.fields({
    opening: chat.opening,
    avatarName: chat.avatarName,
    visitorId: chat.visitorId,
    sessionId: chat.sessionId,
  })
}

/** The visitor of a conversation's name; or the one whose id the scenario gives. */
function visitorOf(name, about) {
  const details = about.name ? { name: about.name, channel: 'scenario' } : {}
  if (about.visitor_id !== undefined) return Visitor.parse(about.visitor_id, details)
  return Visitor.forUser('scenario', name, details)
}

function nameOf(about) {
  const name = typeof about === 'string' ? about : about.in
  if (typeof name !== 'string') throw new Error('it does not say in which conversation: `in`')
  return name
}

function clientOptions(options) {
  const given = Object.entries(options).map(([option, value]) => {
    const name = OPTIONS[option]
    if (name === undefined) throw new Error(`there is no client option \`${option}\``)
    if (name === 'delivery') return [name, plain.camel(value)]
    return [name, name.endsWith('Ms') ? value * 1000 : value]
  })
  return Object.fromEntries(given)
}
