// What all tests share.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import { startEmulator } from 'secondme-avatar/testing'

/** An emulator and a client, for as long as a test lasts. */
export async function stage(test, { client: options = {}, ...emulated } = {}) {
  const emulator = await startEmulator(emulated)
  const client = emulator.client(options)
  test.after(async () => {
    await client.close()
    await emulator.stop()
  })
  return { emulator, client, open: (userId) => client.open({ platform: 'test', userId }) }
}

/** Looks again until it is so; a condition that gives no sign of its own. */
export async function until(isMet) {
  const end = Date.now() + 10_000
  while (!(await isMet())) {
    assert.ok(Date.now() < end, `it never came to ${isMet}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** The next event of a type. */
export async function next(events, type) {
  for (;;) {
    const { value, done } = await events.next({ signal: AbortSignal.timeout(10_000) })
    assert.ok(!done, `the events ended before there was ${type}`)
    if (value.type === type) return value
  }
}

/** Runs a program of this folder to its end. */
export async function run(program, ...args) {
  const running = start(program, ...args)
  await running.closed
  return { code: running.exitCode, signal: running.signalCode, out: running.out, err: running.err }
}

/** Starts a program of this folder. `closed` is fulfilled when it has ended and all it said has been read. */
export function start(program, ...args) {
  const path = fileURLToPath(new URL(program, import.meta.url))
  const running = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  running.out = ''
  running.err = ''
  running.stdout.on('data', (text) => {
    running.out += text
  })
  running.stderr.on('data', (text) => {
    running.err += text
  })
  running.closed = once(running, 'close')
  return running
}
