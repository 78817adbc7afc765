// A Redis of the tests' own: Debian's `redis-server`, or the one that `REDIS_SERVER` names.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const server = process.env.REDIS_SERVER ?? 'redis-server'
const isThere = spawnSync(server, ['--version']).status === 0
assert.ok(isThere || !process.env.CI, `${server} is not installed: apt-get install redis-server`)
export const skip = isThere ? false : `${server} is not installed (Debian: apt-get install redis-server)`

/** The URL of a server of the test's own. */
export async function redis(t) {
  const cwd = mkdtempSync(join(tmpdir(), 'secondme-avatar-'))
  const socket = join(cwd, 'redis.sock')
  const options = ['--port', '0', '--unixsocket', socket, '--appendonly', 'yes', '--save', '']
  const running = spawn(server, options, { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => running.once('close', resolve))
  t.after(async () => {
    running.kill('SIGKILL')
    await ended
    rmSync(cwd, { recursive: true })
  })
  const isReady = (line) => line.includes('accept connections') && line.includes(socket)
  await new Promise((resolve, reject) => {
    createInterface(running.stdout).on('line', (line) => isReady(line) && resolve())
    running.once('close', () => reject(new Error('redis-server did not start')))
  })
  return `redis+unix://${socket}?prefix=node`
}
