// What happens to the processes meanwhile, and when it did.

import { setTimeout as wait } from 'node:timers/promises'

export class Steps {
  /** What was done: `{ what, gateway, at, until }`, in milliseconds; `until` is missing while it lasts. */
  done = []
  #cluster
  #random
  #told
  #frozen = new Set()
  #stop = new AbortController()
  #running = []

  constructor(cluster, random, told) {
    this.#cluster = cluster
    this.#random = random
    this.#told = told
  }

  /** Begins with the steps of a plan. */
  begin(steps) {
    this.#running = steps.map((step) => (step.every ? this.#repeat(step) : this.#once(step)))
  }

  /** Begins nothing more, and returns when all that was begun is over. */
  async end() {
    this.#stop.abort()
    await Promise.all(this.#running)
  }

  async #once(step) {
    if (await this.#pause(step.at)) await this.#do(step)
  }

  async #repeat(step) {
    const doing = []
    while (await this.#pause(step.every)) doing.push(this.#do(step))
    await Promise.all(doing)
  }

  /** Whether the steps go on after it. */
  async #pause(seconds) {
    try {
      await wait(seconds * 1000, undefined, { signal: this.#stop.signal })
      return true
    } catch {
      return false
    }
  }

  async #do(step) {
    if (step.kill === 'way') return this.#cutRedisOff(step)
    if (step.freeze) return this.#freeze(step)
    const gateway = step.kill === 'any' ? this.#any() : step.kill - 1
    if (gateway === undefined) return
    const done = this.#note('kill', gateway)
    this.#cluster.killGateway(gateway)
    this.#told(`gateway ${gateway + 1} is killed (-9)`)
    await wait(step.for * 1000)
    await this.#cluster.startGateway(gateway)
    done.until = Date.now()
    this.#told(`gateway ${gateway + 1} is started again`)
  }

  async #freeze(step) {
    const gateway = step.freeze - 1
    const done = this.#note('freeze', gateway)
    this.#frozen.add(gateway)
    this.#cluster.signalGateway(gateway, 'SIGSTOP')
    this.#told(`gateway ${gateway + 1} is frozen (SIGSTOP)`)
    await wait(step.for * 1000)
    this.#cluster.signalGateway(gateway, 'SIGCONT')
    this.#frozen.delete(gateway)
    done.until = Date.now()
    this.#told(`gateway ${gateway + 1} goes on (SIGCONT)`)
  }

  async #cutRedisOff(step) {
    const done = this.#note('cut')
    this.#cluster.way.kill('SIGKILL')
    this.#told('Redis is cut off')
    await wait(step.for * 1000)
    await this.#cluster.startWay()
    done.until = Date.now()
    this.#told('Redis can be reached again')
  }

  #any() {
    const some = this.#cluster.alive.filter((gateway) => !this.#frozen.has(gateway))
    return some[Math.floor(this.#random() * some.length)]
  }

  #note(what, gateway) {
    const done = { what, gateway, at: Date.now() }
    this.done.push(done)
    return done
  }
}
