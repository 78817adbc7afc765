const SECOND = 1000
const FAULT = new Set(['status', 'cut', 'delayMs', 'times', 'name', 'retryAfter', 'code'])

/** The bot's calls, as they came, and what is to go wrong with the next ones. */
export class Calls {
  #list = []
  #faults = []
  #limits
  #recent = []

  /** `counted(name)` tells which calls count for the limit of calls in a second. */
  constructor(clock, limits, counted) {
    this.clock = clock
    this.counted = counted
    this.#limits = { ...limits }
  }

  get limits() {
    return this.#limits
  }

  limit(limits) {
    for (const [name, value] of Object.entries(limits)) {
      if (!Number.isFinite(value) || value < 0) throw new Error(`${name}: a number of 0 or more (0 switches it off)`)
      this.#limits[name] = value
    }
  }

  add(call) {
    this.#list.push({ n: this.#list.length + 1, at: this.clock.now(), ...call })
  }

  /** Whether one more call now is beyond the limit of calls in a second. A refused call counts too. */
  isOver(name) {
    const limit = this.#limits.callsPerSecond
    if (!this.counted(name)) return false
    const now = this.clock.now()
    this.#recent = this.#recent.filter((at) => at > now - SECOND)
    this.#recent.push(now)
    return limit > 0 && this.#recent.length > limit
  }

  addFault(fault) {
    const unknown = Object.keys(fault).find((key) => !FAULT.has(key))
    if (unknown) throw new Error(`unknown field ${unknown}`)
    if (!(fault.times > 0)) throw new Error('times: for how many calls, 1 or more')
    if (fault.cut !== undefined && fault.cut !== 'before' && fault.cut !== 'after') {
      throw new Error('cut: "before" or "after"')
    }
    this.#faults.push({ ...fault })
  }

  /** Takes what is to go wrong with a call of this name, once. */
  takeFault(name) {
    const found = this.#faults.findIndex((fault) => !fault.name || fault.name === name)
    if (found < 0) return {}
    const fault = this.#faults[found]
    fault.times -= 1
    if (fault.times === 0) this.#faults.splice(found, 1)
    return fault
  }

  read(after = 0) {
    return { calls: this.#list.slice(after), total: this.#list.length, most: this.#most() }
  }

  clear() {
    this.#list = []
    this.#faults = []
    this.#recent = []
  }

  #most() {
    const times = this.#list.filter((call) => this.counted(call.name))
    const byName = {}
    for (const name of new Set(times.map((call) => call.name))) {
      byName[name] = most(times.filter((call) => call.name === name))
    }
    return { perSecond: most(times), byName }
  }
}

/** The most calls within any second, wherever it begins. */
function most(calls) {
  let first = 0
  let highest = 0
  for (let last = 0; last < calls.length; last += 1) {
    while (calls[last].at - calls[first].at >= SECOND) first += 1
    highest = Math.max(highest, last - first + 1)
  }
  return highest
}
