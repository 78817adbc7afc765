/** How many calls are made in a second. */

const SECOND_MS = 1000

/** Lets so many calls through in a second, evenly: what is sent in one go may arrive in another. What is urgent goes first. */
export class Bucket {
  readonly #gapMs: number
  #waiting: { urgent: boolean; go: () => void }[] = []
  #timer: ReturnType<typeof setTimeout> | undefined
  #next = 0

  constructor(perSecond: number) {
    this.#gapMs = SECOND_MS / perSecond
  }

  /** Is fulfilled when a call may be made. */
  take(urgent = false): Promise<void> {
    return new Promise((go) => {
      const entry = { urgent, go }
      const place = urgent ? this.#waiting.findIndex((other) => !other.urgent) : -1
      if (place < 0) this.#waiting.push(entry)
      else this.#waiting.splice(place, 0, entry)
      this.#run()
    })
  }

  /** The platform has asked for a pause: all calls wait. */
  pause(ms: number): void {
    this.#next = Math.max(this.#next, Date.now() + ms)
  }

  #run(): void {
    if (this.#timer !== undefined) return
    const now = Date.now()
    if (now >= this.#next) {
      this.#waiting.shift()?.go()
      this.#next = now + this.#gapMs
    }
    if (this.#waiting.length === 0) return
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.#run()
      },
      Math.max(1, Math.ceil(this.#next - now)),
    )
  }
}

/** One bucket for an app in a process, however many adapters it has. */
const buckets = new Map<string, Bucket>()

export function bucketOf(app: string, perSecond: number): Bucket {
  let bucket = buckets.get(app)
  if (bucket === undefined) buckets.set(app, (bucket = new Bucket(perSecond)))
  return bucket
}
