// What the tests of the adapters share. Each gives what it has: its packages, its platform's fake and its adapter.

export const TEXT = 'hello 好好 book, 100 yuan'

export function supportOf({ Chat, createMemoryState, start, create, configOf }) {
  /** A platform for the test. */
  async function platform(t) {
    const fake = await start({ quiet: true })
    t.after(() => fake.stop())
    return fake
  }

  /** A bot of Chat SDK's whose answers `answer(thread, message)` gives. */
  async function bot(t, fake, answer, config = {}) {
    const adapter = create({ ...configOf(fake), logger: SILENT, ...config })
    const chat = new Chat({
      userName: 'bot',
      adapters: { [adapter.name]: adapter },
      state: createMemoryState(),
      concurrency: 'concurrent',
      logger: SILENT,
    })
    chat.onDirectMessage(answer)
    chat.onNewMention(answer)
    await chat.initialize()
    t.after(() => adapter.disconnect())
    return { chat, adapter }
  }

  return { platform, bot, configOf: (fake) => ({ ...configOf(fake), logger: SILENT }) }
}

const SILENT = loggerOf(() => {})

/** A logger that hands on what is warned of and what fails. */
export function loggerOf(hear) {
  const logger = { debug() {}, info() {}, warn: hear, error: hear, child: () => logger }
  return logger
}

export async function* pieces(text, size = 1, pause = async () => {}) {
  const all = [...text]
  for (let at = 0; at < all.length; at += size) {
    yield all.slice(at, at + size).join('')
    await pause()
  }
}

/** Waits until the chats are as wanted, and returns the bot's messages. */
export async function shown(fake, wanted) {
  for (;;) {
    const changed = fake.chats.changed()
    const { chats } = await fake.control('chats')
    const answers = chats.flatMap(({ messages }) => messages.filter(({ bot }) => bot))
    if (wanted(answers)) return answers
    await changed
  }
}

export const isDone = (count) => (answers) => answers.length >= count && answers.every(({ state }) => state === 'done')

export function deferred() {
  const made = {}
  made.promise = new Promise((resolve) => (made.resolve = resolve))
  return made
}

/** The pace at which something is said. */
export const pause = (ms) => new Promise((over) => setTimeout(over, ms))
