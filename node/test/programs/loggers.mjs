// Loggers take each other's place.

import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

import { AvatarClient, setLogger } from 'secondme-avatar'
import { startEmulator } from 'secondme-avatar/testing'

/** Opens and closes a conversation, and looks once the core's lines of it have come. */
async function converse(options) {
  const client = new AvatarClient(options)
  const chat = await client.open({ platform: 'test', userId: 'ada' })
  await chat.ask('Hello')
  await client.close()
  await new Promise((resolve) => setImmediate(resolve))
}

/** A logger that counts by level. */
function counter() {
  const counts = { error: 0, warn: 0, info: 0, debug: 0, trace: 0 }
  return [counts, ({ level }) => (counts[level] += 1)]
}

if (isMainThread) {
  const emulator = await startEmulator()
  const service = { baseUrl: emulator.baseUrl, apiKey: emulator.apiKey }
  const heard = {}

  const [first, toFirst] = counter()
  setLogger(toFirst, { filter: 'warn' })
  await converse(service)
  heard.first = { warn: first.warn, debug: first.debug }

  const [second, toSecond] = counter()
  setLogger(toSecond, { filter: 'debug' })
  await converse(service)
  heard.first.after = first.debug
  heard.second = { debug: second.debug > 0 }

  const was = second.debug
  const [methods, toMethods] = counter()
  const method = (level) => () => toMethods({ level })
  const levels = { error: method('error'), warn: method('warn'), info: method('info'), debug: method('debug') }
  setLogger(levels, { filter: 'debug' })
  await converse(service)
  heard.second.after = second.debug - was
  heard.methods = { debug: methods.debug > 0 }

  const [option, toOption] = counter()
  await converse({ ...service, logger: toOption })
  setLogger(toOption, { filter: 'debug' })
  await converse(service)
  heard.option = { debug: option.debug > 0 }

  const before = option.debug
  setLogger(undefined)
  await converse(service)
  heard.taken = option.debug - before

  // A worker's logger gets it while the worker lives.
  setLogger(toOption, { filter: 'debug' })
  const worker = new Worker(new URL(import.meta.url), { workerData: service })
  // Both from the start: a worker that ends quickly gives its message and its end in one turn of the event loop.
  const [[lines]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
  const then = option.debug
  await converse(service)
  heard.worker = { debug: lines > 0, back: option.debug > then }

  await emulator.stop()
  console.log(JSON.stringify(heard))
} else {
  const [counts, to] = counter()
  setLogger(to, { filter: 'debug' })
  await converse(workerData)
  parentPort.postMessage(counts.debug)
}
