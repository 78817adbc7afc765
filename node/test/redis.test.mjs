// A store in Redis: Debian's `redis-server`, started here.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'

import { AvatarClient, StoreError, Visitor } from 'secondme-avatar'

import { stage } from './support.mjs'

const server = process.env.REDIS_SERVER ?? 'redis-server'
const isThere = spawnSync(server, ['--version']).status === 0
assert.ok(isThere || !process.env.CI, `${server} is not installed: apt-get install redis-server`)
const skip = isThere ? false : `${server} is not installed (Debian: apt-get install redis-server)`

/** The URL of a server of the test's own. */
async function redis(t) {
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

test('clients share sessions and notes in a Redis', { skip }, async (t) => {
  const store = await redis(t)
  const { client, open, emulator } = await stage(t, { client: { store } })
  const ada = Visitor.forUser('test', 'ada')
  const { sessionId } = await open('ada')
  assert.equal(await client.addNote(ada, 'seen', '1'), true)
  await client.close()
  const again = emulator.client({ store })
  assert.equal((await again.open(ada)).sessionId, sessionId)
  assert.equal(await again.addNote(ada, 'seen', '2'), false)
  assert.equal((await emulator.state()).calls.auth, 1)
  await again.close()
})

test('a Redis that cannot be used is an error of the constructor, without the password', () => {
  for (const [store, says] of [
    ['redis://:hunter2@127.0.0.1:1', /cannot be opened/],
    ['redis://:hunter2@127.0.0.1:port', /a host and a port/],
    ['postgres://:hunter2@host/db', /does not know/],
  ]) {
    assert.throws(
      () => new AvatarClient({ apiKey: 'sk-0123456789abcdef', store }),
      (error) => error instanceof StoreError && says.test(error.message) && !error.message.includes('hunter2'),
    )
  }
})
