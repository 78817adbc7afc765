// What the Rust types say is there in JavaScript, on both sides of the border.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'

import { AvatarClient, AvatarError, MisuseError } from 'secondme-avatar'

const require = createRequire(import.meta.url)
const { CLASSES, EVENT_NAMES, OPTIONS, STATS } = require('../lib/contract/tables.js')

test('every option reaches the addon: one of another type is refused by its name', () => {
  assert.ok(OPTIONS.length >= 24)
  for (const name of OPTIONS.filter((name) => name !== 'logger')) {
    assert.throws(
      () => new AvatarClient({ apiKey: 'sk-0123456789abcdef', [name]: { of: 'another type' } }),
      (error) => error instanceof MisuseError && error.message.includes(name),
      name,
    )
  }
})

test('an option of several takes an array, and says which of its items is wrong', () => {
  const client = (options) => new AvatarClient({ apiKey: 'sk-0123456789abcdef', ...options })
  const pin = 'sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
  client({ pins: [pin, pin], socketHosts: ['ws.second.me', '*.second.me'] })
  const wrong = [
    [{ pins: pin }, /`pins` has to be an array of strings/],
    [{ pins: [pin, 7] }, /`pins` has to be a string/],
    [{ pins: [pin, 'sha256/no'] }, /the option `pins` takes `sha256\//],
    [{ socketHosts: [] }, /the option `socketHosts` takes host names/],
  ]
  for (const [options, message] of wrong) assert.throws(() => client(options), { name: 'MisuseError', message })
})

test('every kind of error has its class, whose name follows from it', () => {
  for (const [kind, type] of Object.entries(CLASSES)) {
    const name = `${kind[0].toUpperCase()}${kind.slice(1)}Error`
    assert.equal(require('secondme-avatar')[name], type)
    const error = new type('so it is')
    assert.deepEqual([error.kind, error.name, error instanceof AvatarError], [kind, name, true])
  }
})

test('the addon gives every counter', () => {
  const stats = new AvatarClient({ apiKey: 'sk-0123456789abcdef' }).stats()
  assert.deepEqual(Object.keys(stats).sort(), [...STATS].sort())
  for (const [name, count] of Object.entries(stats)) assert.equal(count, 0, name)
})

test('every name is in camel case', () => {
  const names = [...EVENT_NAMES, ...OPTIONS, ...STATS, ...Object.keys(CLASSES)]
  for (const name of names) assert.match(name, /^[a-z][a-zA-Z]+$/)
})
