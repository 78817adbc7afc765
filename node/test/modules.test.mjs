import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'

import * as main from 'secondme-avatar'
import * as testing from 'secondme-avatar/testing'

import { builds } from '../tools/builds.mjs'

const require = createRequire(import.meta.url)

test('ES modules and CommonJS get the same classes', () => {
  for (const [module, name] of [
    [main, 'secondme-avatar'],
    [testing, 'secondme-avatar/testing'],
  ]) {
    const required = require(name)
    assert.deepEqual(Object.keys(required).sort(), Object.keys(module).sort())
    for (const [exported, value] of Object.entries(module)) assert.equal(required[exported], value, exported)
  }
})

test('a machine without a build is told so, and what to do', () => {
  const program = `
    Object.defineProperty(process, 'platform', { value: 'freebsd' })
    const { Visitor } = require('secondme-avatar')
    try { Visitor.random('web') } catch ({ message }) { console.log(message) }
    Object.defineProperty(process, 'platform', { value: 'win32' })
    try { Visitor.random('web') } catch ({ message, cause }) { console.log(message, cause.code) }`
  const { spawnSync } = require('node:child_process')
  const cwd = new URL('.', import.meta.url)
  const { stdout, stderr, status } = spawnSync(process.execPath, ['-e', program], { cwd, encoding: 'utf8' })
  assert.deepEqual([status, stderr], [0, ''])
  const [strange, absent] = stdout.trim().split('\n')
  assert.match(strange, /no native build for freebsd \w+; there are builds for linux x64.*make dist-node/)
  assert.match(absent, /cannot load.*@secondme-avatar\/node-win32-\w+-msvc.*--omit=optional.* MODULE_NOT_FOUND$/)
})

test('the packages look for every build that is packed, and for no other', () => {
  for (const source of ['../ts/native.ts', '../emulator/index.js']) {
    const text = readFileSync(new URL(source, import.meta.url), 'utf8')
    const named = text.match(/'(linux|darwin|win32)-[a-z0-9-]+'/g).map((name) => name.slice(1, -1))
    assert.deepEqual(named.sort(), builds.map(({ name }) => name).sort(), source)
  }
})
