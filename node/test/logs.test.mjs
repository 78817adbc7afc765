import assert from 'node:assert/strict'
import { test } from 'node:test'

import { run } from './support.mjs'

test('without a word nothing is logged', async () => {
  delete process.env.SECONDME_LOG
  assert.deepEqual(await run('programs/logs.mjs'), { code: 0, signal: null, out: '', err: '' })
})

test('what SECONDME_LOG lets through goes to stderr, and holds no secret', async (t) => {
  process.env.SECONDME_LOG = 'secondme_avatar=trace'
  t.after(() => delete process.env.SECONDME_LOG)
  const { code, out, err } = await run('programs/logs.mjs')
  assert.deepEqual([code, out], [0, ''])
  assert.match(err, /^\d{4}-\d\d-\d\dT[\d:.]+Z [A-Z]+ +secondme_avatar(::\w+)*: \S/m)
  assert.doesNotMatch(err, /secret words|sk-emulator/)
})

test('the newest logger gets the log, with its filter', async () => {
  const { code, out, err } = await run('programs/loggers.mjs')
  assert.deepEqual([code, err], [0, ''])
  const heard = JSON.parse(out)
  // Each hears while it is the newest, and nothing after.
  assert.deepEqual(heard, {
    first: { warn: 0, debug: 0, after: 0 },
    second: { debug: true, after: 0 },
    methods: { debug: true },
    option: { debug: true },
    taken: 0,
    worker: { debug: true, back: true },
  })
})

test('a program has a logger of its own', async () => {
  const { code, out, err } = await run('programs/logs.mjs', 'own', 'secondme_avatar=debug')
  assert.deepEqual([code, err], [0, ''])
  assert.match(out, /^(error|warn|info|debug) secondme_avatar(::\w+)* \S/m)
  assert.doesNotMatch(out, /secret words|sk-emulator/)
})

test('a base URL of the environment beside a key in code is said', async () => {
  const base = 'http://127.0.0.1:9/gate/in'
  const said = /the service is where SECONDME_BASE_URL says, though the API key was given in code/
  for (const [how, isSaid] of [
    ['a key in code', true],
    ['both in code', false],
    ['both of the environment', false],
  ]) {
    const { code, out, err } = await run('programs/where.mjs', how, base)
    assert.deepEqual([code, out], [0, ''])
    assert.equal(said.test(err), isSaid, err)
    assert.doesNotMatch(err, /sk-horse/)
  }
})
