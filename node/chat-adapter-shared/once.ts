/** Each event is handled once, however often it comes. */

/** How many events are remembered. */
const REMEMBERED = 10_000

export class Once {
  readonly #tasks = new Map<string, Promise<void>>()

  /** Begins, unless it has begun for this id. What has failed may begin anew. */
  take(id: string, begin: () => Promise<unknown>): Promise<void> {
    const known = this.#tasks.get(id)
    if (known !== undefined) return known
    const task = begin().then(() => {})
    this.#tasks.set(id, task)
    task.catch(() => this.#tasks.delete(id))
    if (this.#tasks.size > REMEMBERED) this.#tasks.delete(this.#tasks.keys().next().value as string)
    return task
  }
}

/** Is settled as the task is, or fulfilled after `ms`. */
export async function within(task: Promise<void>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<void>((over) => {
    timer = setTimeout(over, ms)
  })
  try {
    await Promise.race([task, late])
  } finally {
    clearTimeout(timer)
  }
}
