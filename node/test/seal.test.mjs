// A seal of the program's around what the store keeps.

import assert from 'node:assert/strict'
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { AvatarClient, MisuseError, StoreError } from 'secondme-avatar'

import { run, stage, until } from './support.mjs'

const SAID = 'a word that was said'
const ADA = { platform: 'test', userId: 'ada', name: 'Ada Lovelace', tag: 'a tag' }

/** AES-256-GCM with this key, which counts its calls and can fail. */
function sealOf(key = Buffer.alloc(32, 7)) {
  const calls = []
  return {
    calls,
    fails: undefined,
    seal(bytes) {
      this.called('seal')
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()])
    },
    unseal(bytes) {
      this.called('unseal')
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
      decipher.setAuthTag(bytes.subarray(-16))
      return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()])
    },
    called(name) {
      calls.push(name)
      if (this.fails !== undefined) throw this.fails
    },
  }
}

function folderOf(test) {
  const folder = mkdtempSync(join(tmpdir(), 'secondme-avatar-'))
  test.after(() => rmSync(folder, { recursive: true }))
  return folder
}

const written = (folder) => Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name))))

for (const [how, wrap] of [
  ['at once', (given) => given],
  ['with promises', (given) => new Promise((resolve) => setImmediate(resolve, given))],
]) {
  test(`what is sealed ${how} cannot be read in the file`, async (t) => {
    const folder = folderOf(t)
    const store = join(folder, 'avatar.db')
    const mask = sealOf()
    const seal = { seal: (bytes) => wrap(mask.seal(bytes)), unseal: (bytes) => wrap(mask.unseal(bytes)) }
    const { client, emulator } = await stage(t, { client: { store, seal } })
    // Nothing goes out, so the message stands in the store.
    await emulator.fault({ at: 'message/send', do: 'quota', chance: 1 })
    const chat = await client.open(ADA)
    const { sessionId } = chat
    await chat.send(SAID, { durable: true })
    assert.deepEqual(
      (await client.known()).map(({ name }) => name),
      ['Ada Lovelace'],
    )
    await client.close({ deadlineMs: 0 })
    assert.ok(mask.calls.includes('seal') && mask.calls.includes('unseal'))
    for (const word of [SAID, 'Ada Lovelace', 'a tag']) assert.ok(!written(folder).includes(word), word)
    await emulator.clearFaults()
    const again = emulator.client({ store, seal: sealOf() })
    assert.deepEqual(await again.recover(), [chat.visitorId])
    assert.equal((await again.open(ADA)).sessionId, sessionId)
    await until(async () => JSON.stringify((await emulator.state()).sessions).includes(SAID))
    await again.close()
  })
}

test('a seal that fails is an error that repeats its words, shortened', async (t) => {
  const mask = sealOf()
  const { client } = await stage(t, { client: { store: join(folderOf(t), 'avatar.db'), seal: mask } })
  const chat = await client.open(ADA)
  for (const fails of [new RangeError(`the keychain is locked\n${'so it is '.repeat(100)}`), 'words', null]) {
    mask.fails = fails
    const error = await chat.send(SAID, { durable: true }).catch((error) => error)
    assert.ok(error instanceof StoreError)
    const words = fails instanceof Error ? 'RangeError: the keychain is locked' : `it threw a ${typeof fails}`
    assert.ok(error.message.includes(`nothing was written: ${words}`), error.message)
    assert.ok(error.message.length < 500 && !error.message.includes('\n'))
    // What was given up comes back.
    assert.equal(error.unsent.text, SAID)
  }
  mask.fails = Object.defineProperty(new Error(), 'message', {
    get() {
      throw new TypeError('it has no words')
    },
  })
  await assert.rejects(chat.send(SAID, { durable: true }), /it threw an error that cannot be printed/)
  mask.fails = undefined
  await chat.send(SAID, { durable: true })
})

test('a row that cannot be unsealed stays where it is', async (t) => {
  const store = join(folderOf(t), 'avatar.db')
  const { client, emulator } = await stage(t, { client: { store, seal: sealOf() } })
  const { sessionId } = await client.open(ADA)
  await client.close()
  for (const [seal, says] of [
    [sealOf(randomBytes(32)), /Error: .*authenticate/],
    [undefined, /it is sealed: open the store with the seal/],
  ]) {
    const other = emulator.client({ store, seal })
    await assert.rejects(other.open(ADA), (error) => error instanceof StoreError && says.test(error.message))
    await other.close()
  }
  const again = emulator.client({ store, seal: sealOf() })
  assert.equal((await again.open(ADA)).sessionId, sessionId)
  await again.close()
})

test('what is no seal, and a seal without a store, is said at once', (t) => {
  const store = join(folderOf(t), 'avatar.db')
  for (const seal of [null, 5, {}, { seal() {} }, { seal() {}, unseal: 5 }]) {
    assert.throws(
      () => new AvatarClient({ apiKey: 'sk-test', store, seal }),
      /MisuseError: `seal` takes an object with/,
    )
  }
  assert.throws(
    () => new AvatarClient({ apiKey: 'sk-test', seal: sealOf() }),
    (error) => error instanceof MisuseError && /name its file with the option `store`/.test(error.message),
  )
})

test('what gives no bytes says so', async (t) => {
  for (const given of ['words', undefined, [1], new ArrayBuffer(4), Promise.resolve('words')]) {
    const seal = { seal: () => given, unseal: () => given }
    const { client } = await stage(t, { client: { store: join(folderOf(t), 'avatar.db'), seal } })
    const chat = await client.open(ADA)
    await assert.rejects(chat.send(SAID, { durable: true }), {
      name: 'StoreError',
      message: /nothing was written: TypeError: it gave no `Uint8Array`/,
    })
  }
})

test('a slow seal keeps nothing else waiting, and clients on one file do not wait for each other', async (t) => {
  const store = join(folderOf(t), 'avatar.db')
  const mask = sealOf()
  let goOn
  const mayGoOn = new Promise((resolve) => {
    goOn = resolve
  })
  const seal = { seal: (bytes) => mayGoOn.then(() => mask.seal(bytes)), unseal: (bytes) => mask.unseal(bytes) }
  const { client, emulator } = await stage(t, { client: { store, seal } })
  const chat = await client.open(ADA)
  // The record of the visitor is being sealed.
  assert.equal((await chat.ask('Hello')).text, 'You said: Hello')
  const order = []
  const sending = chat.send(SAID, { durable: true }).then(() => order.push('sent'))
  // Opens the same file on this thread, while the first one's store waits for it.
  const other = emulator.client({ store, seal: sealOf() })
  await other.known()
  order.push('known')
  goOn()
  await sending
  assert.deepEqual(order, ['known', 'sent'])
  await other.close()
})

test('a program and a worker end while their seal is waited for', async (t) => {
  const { emulator } = await stage(t)
  for (const how of ['main', 'worker']) {
    const store = join(folderOf(t), 'avatar.db')
    const { code, out, err } = await run('programs/seal.mjs', how, store, emulator.baseUrl, emulator.apiKey)
    assert.deepEqual([code, out, err], [0, 'asked\n', ''])
  }
})
