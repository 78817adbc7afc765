import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const cwd = fileURLToPath(new URL('./runners/', import.meta.url))

async function passes(runner, ...args) {
  const manifest = require.resolve(`${runner}/package.json`)
  const { bin } = require(manifest)
  const program = join(dirname(manifest), typeof bin === 'string' ? bin : bin[runner])
  const env = { ...process.env, NO_COLOR: '1' }
  delete env.NODE_TEST_CONTEXT
  const running = spawn(process.execPath, [program, ...args], { cwd, env })
  let out = ''
  for (const stream of [running.stdout, running.stderr]) {
    stream.on('data', (text) => {
      out += text
    })
  }
  await once(running, 'close')
  assert.equal(running.exitCode, 0, out)
  return out
}

test('tests run with vitest, in processes and in threads', async () => {
  for (const pool of ['forks', 'threads', 'vmThreads']) {
    assert.match(await passes('vitest', 'run', '--config', 'vitest.config.mjs', '--pool', pool), /Tests +2 passed/)
  }
})

test('tests run with jest, and it is not left waiting', async () => {
  const out = await passes('jest', '--config', 'jest.config.cjs', '--runInBand', '--detectOpenHandles')
  assert.match(out, /Tests: +4 passed/)
  assert.doesNotMatch(out, /open handle|did not exit/)
})
