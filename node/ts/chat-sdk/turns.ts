/** One after the other for each chat: Chat SDK looks people up before it hands a message on, which may take any time. */

export class Turns {
  readonly #last = new Map<string, Promise<unknown>>()

  /** Begins when what was given before for the same chat has ended. */
  take<T>(chat: string | undefined, begin: () => Promise<T>): Promise<T> {
    if (chat === undefined) return begin()
    const before = this.#last.get(chat) ?? Promise.resolve()
    const result = before.then(begin)
    const mine = result
      .catch(() => {})
      .finally(() => {
        if (this.#last.get(chat) === mine) this.#last.delete(chat)
      })
    this.#last.set(chat, mine)
    return result
  }
}

/** Returns the chat of an event, where the event names it. */
export function chatOf(event: unknown): string | undefined {
  const { event: slack, message } = (event ?? {}) as {
    event?: { channel?: unknown }
    message?: { chat?: { id?: unknown } }
  }
  const chat = slack?.channel ?? message?.chat?.id
  return typeof chat === 'string' || typeof chat === 'number' ? String(chat) : undefined
}
