// The servers that are measured against: each a process of its own.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { startEmulator } from 'secondme-avatar/testing'

const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../target', import.meta.url))

/** A service that does nothing but write frames. */
export async function flood() {
  const server = spawn(`${target}/release/secondme-avatar-benchmarks`, ['serve'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [line] = await once(server.stdout, 'data')
  return {
    ...JSON.parse(line),
    async stop() {
      server.stdin.end()
      await once(server, 'exit')
    },
  }
}

/** The emulator. */
export function emulator(settings = {}) {
  return startEmulator({
    binary: `${target}/release/secondme-avatar-emulator`,
    settings: { 'quota-per-minute': 1_000_000, journal: 0, ...settings },
  })
}
