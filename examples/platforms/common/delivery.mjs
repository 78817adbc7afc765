const WEBHOOK_ANSWER = 3000
const SETTLED = 50

/**
 * The events on their way to the bot: over one of its connections, else to its webhook, else they wait. What is not
 * acknowledged comes again, for as long as it takes.
 */
export class Delivery {
  #events = new Map()
  #history = new Map()
  #duplicates = 0
  #droppedAcks = 0
  #turn = 0
  #stopped = false
  #settling = new Set()
  connections = []
  webhook

  /**
   * `send(connection, event)` hands an event over, and `post(url, event)` makes the request of a webhook. After
   * `againMs` without an acknowledgement it is done anew.
   */
  constructor(clock, { send, post, againMs }) {
    this.clock = clock
    this.send = send
    this.post = post
    this.againMs = againMs
  }

  get undelivered() {
    return this.#events.size
  }

  push(event) {
    const known = { ...event, attempts: 0 }
    this.#events.set(event.id, known)
    this.#history.set(event.id, event)
    this.#deliver(known)
    if (this.#duplicates > 0) {
      this.#duplicates -= 1
      this.#hand({ ...event, attempts: 0 })
    }
  }

  /** The bot says that it has the event. */
  acknowledge(id) {
    if (this.#droppedAcks > 0) {
      this.#droppedAcks -= 1
      return
    }
    this.#events.get(id)?.cancel?.()
    this.#events.delete(id)
  }

  /**
   * What waits comes a moment later: some clients do not listen yet when the connection opens. What is said meanwhile waits
   * too, so that nothing overtakes what was said before.
   */
  connect(connection) {
    this.#settling.add(connection)
    this.clock.later(SETTLED, () => {
      if (!this.#settling.delete(connection)) return
      this.connections.push(connection)
      this.flush()
    })
  }

  disconnect(connection) {
    this.#settling.delete(connection)
    const at = this.connections.indexOf(connection)
    if (at >= 0) this.connections.splice(at, 1)
  }

  /** Everything that waits goes out at once, as after an outage. */
  flush() {
    for (const event of this.#events.values()) this.#deliver(event)
  }

  duplicate(count) {
    this.#duplicates += count
  }

  dropAcks(count) {
    this.#droppedAcks += count
  }

  redeliver(which) {
    const all = [...this.#history.values()]
    const chosen = which === 'all' ? all : which === 'last' ? all.slice(-1) : all.filter((event) => event.id === which)
    if (!chosen.length) throw new Error(`there is no event ${which}`)
    for (const event of chosen) this.#hand({ ...event, attempts: 1 })
  }

  clear() {
    for (const event of this.#events.values()) event.cancel?.()
    this.#events.clear()
    this.#history.clear()
    this.#duplicates = this.#droppedAcks = 0
  }

  stop() {
    this.#stopped = true
    this.clear()
  }

  #deliver(event) {
    event.cancel?.()
    if (this.#hand(event)) event.attempts += 1
    event.cancel = this.clock.later(this.againMs, () => this.#deliver(event))
  }

  #hand(event) {
    if (this.#stopped) return false
    if (this.connections.length) {
      this.#turn += 1
      this.send(this.connections[this.#turn % this.connections.length], event)
      return true
    }
    if (!this.webhook) return false
    this.#posted(event)
    return true
  }

  async #posted(event) {
    try {
      const { body, headers } = this.post(event)
      const answer = await fetch(this.webhook, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', ...headers },
        signal: AbortSignal.timeout(WEBHOOK_ANSWER),
      })
      await answer.arrayBuffer()
      if (answer.ok) this.acknowledge(event.id)
    } catch {
      // It comes again.
    }
  }
}
