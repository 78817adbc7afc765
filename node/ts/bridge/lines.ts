/** One thing after the other for each visitor, and visitors at once. */

/** The line of one visitor. */
export interface Line<Job> {
  readonly jobs: Job[]
  /** Ends when what has been heard is in the store. */
  accepting: Promise<unknown>
  heard: number
  running: Promise<void> | undefined
}

export class Lines<Job> {
  readonly #lines = new Map<string, Line<Job>>()
  readonly #work: (visitorId: string, job: Job) => Promise<void>

  constructor(work: (visitorId: string, job: Job) => Promise<void>) {
    this.#work = work
  }

  /** Accepts something: in the order of the calls for each visitor. */
  accept<T>(visitorId: string, accept: () => Promise<T>): Promise<T> {
    const line = this.#line(visitorId)
    line.heard += 1
    const accepted = line.accepting.then(accept)
    line.accepting = accepted
      .catch(() => {})
      .finally(() => {
        line.heard -= 1
        this.#leave(visitorId, line)
      })
    return accepted
  }

  /** Puts a job at the end of the line; or at its beginning, behind the one that is being done. */
  add(visitorId: string, job: Job, first = false): void {
    const line = this.#line(visitorId)
    first ? line.jobs.unshift(job) : line.jobs.push(job)
    line.running ??= this.#run(visitorId, line)
  }

  /** Is fulfilled when all lines are empty. */
  async idle(): Promise<void> {
    while (this.#lines.size > 0) {
      await Promise.all([...this.#lines.values()].map(({ accepting, running }) => Promise.all([accepting, running])))
    }
  }

  /** Nothing that waits is begun any more. */
  clear(): void {
    for (const { jobs } of this.#lines.values()) jobs.length = 0
  }

  /** Nothing of the visitor that waits is begun any more. Returns when what is being done ends; `undefined`: nothing is. */
  drop(visitorId: string): Promise<void> | undefined {
    const line = this.#lines.get(visitorId)
    if (line !== undefined) line.jobs.length = 0
    return line?.running
  }

  #line(visitorId: string): Line<Job> {
    let line = this.#lines.get(visitorId)
    if (line === undefined) {
      line = { jobs: [], accepting: Promise.resolve(), heard: 0, running: undefined }
      this.#lines.set(visitorId, line)
    }
    return line
  }

  async #run(visitorId: string, line: Line<Job>): Promise<void> {
    // The one who adds a job goes on first.
    await undefined
    for (let job = line.jobs.shift(); job !== undefined; job = line.jobs.shift()) await this.#work(visitorId, job)
    line.running = undefined
    this.#leave(visitorId, line)
  }

  #leave(visitorId: string, line: Line<Job>): void {
    if (line.heard === 0 && line.running === undefined && line.jobs.length === 0) this.#lines.delete(visitorId)
  }
}
