/** The platform's own clock: it runs with real time, and can be put forward. */
export class Clock {
  #ahead = 0
  #timers = new Set()

  now() {
    return Date.now() + this.#ahead
  }

  /** Calls `action` when the clock has gone on by `ms`. Returns a function that cancels it. */
  later(ms, action) {
    const timer = { due: this.now() + ms, action }
    this.#timers.add(timer)
    this.#wait(timer)
    return () => this.#drop(timer)
  }

  advance(ms) {
    this.#ahead += ms
    for (const timer of [...this.#timers].sort((one, other) => one.due - other.due)) {
      clearTimeout(timer.real)
      if (timer.due <= this.now()) this.#fire(timer)
      else this.#wait(timer)
    }
  }

  stop() {
    for (const timer of this.#timers) this.#drop(timer)
  }

  #wait(timer) {
    timer.real = setTimeout(() => this.#fire(timer), Math.max(0, timer.due - this.now()))
  }

  #fire(timer) {
    if (!this.#timers.has(timer)) return
    this.#drop(timer)
    timer.action()
  }

  #drop(timer) {
    clearTimeout(timer.real)
    this.#timers.delete(timer)
  }
}
