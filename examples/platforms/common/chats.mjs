import { createHash } from 'node:crypto'

/** What people see: the chats, with each message and how it came to be what it is. */
export class Chats {
  #chats = new Map()
  #byId = new Map()
  #people = new Map()
  #heard = new Set()

  /** `show(chat, message)` is told of each message that is complete, and of each change afterwards. */
  constructor(clock, show) {
    this.clock = clock
    this.show = show
  }

  /** The person of that name. Ids come from names, so they are the same in each run. */
  person(name, id) {
    if (!this.#people.has(name)) this.#people.set(name, { name, id })
    return this.#people.get(name)
  }

  personById(id) {
    return [...this.#people.values()].find((person) => String(person.id) === String(id))
  }

  chat(id, name, group) {
    const key = String(id)
    if (!this.#chats.has(key)) this.#chats.set(key, { id, name, group, messages: [] })
    return this.#chats.get(key)
  }

  find(id) {
    return this.#chats.get(String(id))
  }

  all() {
    return this.#chats.values()
  }

  message(id) {
    return this.#byId.get(String(id))
  }

  add(chat, message) {
    const said = { state: 'done', thread: null, attachments: [], edits: [], at: this.clock.now(), ...message }
    said.chat = chat
    chat.messages.push(said)
    this.#byId.set(String(said.id), said)
    if (said.state === 'done') this.show(chat, said)
    this.#tell()
    return said
  }

  /** Keeps what was shown so far, and shows this. */
  change(message, text) {
    if (text === message.text) return
    message.edits.push({ at: message.changed ?? message.at, text: message.text })
    message.changed = this.clock.now()
    message.text = text
    if (message.state === 'done') this.show(message.chat, message, 'edited')
    this.#tell()
  }

  finish(message) {
    if (message.state === 'done') return
    message.state = 'done'
    this.show(message.chat, message)
    this.#tell()
  }

  remove(message) {
    message.chat.messages.splice(message.chat.messages.indexOf(message), 1)
    this.#byId.delete(String(message.id))
    this.#tell()
  }

  /** Is fulfilled with the first of the bot's messages, whole, whose text is as wanted. */
  async until(isWanted) {
    for (;;) {
      const changed = this.changed()
      const all = [...this.#chats.values()].flatMap(({ messages }) => messages)
      const found = all.find(({ bot, state, text }) => bot && state === 'done' && isWanted(text))
      if (found) return found
      await changed
    }
  }

  /** Is fulfilled when anything that people see is another. */
  changed() {
    return new Promise((heard) => this.#heard.add(heard))
  }

  #tell() {
    for (const heard of this.#heard) heard()
    this.#heard.clear()
  }

  read() {
    const withoutChat = ({ chat, changed, ...message }) => message
    return [...this.#chats.values()].map((chat) => ({ ...chat, messages: chat.messages.map(withoutChat) }))
  }

  clear() {
    this.#chats.clear()
    this.#byId.clear()
  }
}

/** Digits and small letters that a name always gives. */
export function digest(name, length) {
  return createHash('sha256').update(name).digest('hex').slice(0, length)
}
