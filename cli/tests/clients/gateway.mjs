// `avatar serve` under test, between a real client and the emulator.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export const TOKEN = '0123456789abcdef0123456789'

/** The visitor that a user of a caller is, as docs/protocol.md makes ids. */
export function visitorId(user, caller = 'tests') {
  const namespace = Buffer.from('68e799971df552ddba592979f49cb750', 'hex')
  const hash = createHash('sha1').update(namespace).update(`${caller}:${user}`).digest().subarray(0, 16)
  hash[6] = (hash[6] & 0x0f) | 0x50
  hash[8] = (hash[8] & 0x3f) | 0x80
  return `${caller}_${hash.toString('hex').replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}`
}

/** Starts a program that ends when its standard input does. */
async function program(test, args, given) {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('SECONDME_'))
  const env = { ...Object.fromEntries(kept), ...given }
  const options = { env, stdio: ['pipe', 'pipe', 'pipe'] }
  const running = spawn(process.env.AVATAR, [...args, '--json', '--port', '0', '--until-stdin-ends'], options)
  let log = ''
  running.stderr.on('data', (text) => {
    log += text
  })
  test.after(async () => {
    running.stdin.end()
    if (running.exitCode === null) await once(running, 'exit')
    assert.equal(running.exitCode, 0, log)
  })
  const lines = createInterface(running.stdout)
  const [line] = await Promise.race([once(lines, 'line'), once(running, 'exit')])
  assert.equal(typeof line, 'string', log)
  return JSON.parse(line)
}

/** A gateway in front of an emulator of its own, for as long as a test lasts. */
export async function stage(test, settings = {}) {
  const emulator = await program(test, ['emulator', '--reply-delay', '0ms', '--piece-delay', '0ms'], {})
  const control = async (call, body) => {
    const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const answer = await fetch(`${emulator.control_url}/${call}`, body === undefined ? {} : post)
    assert.ok(answer.ok, `${call}: ${answer.status}`)
    return answer.headers.get('content-length') === '0' ? undefined : answer.json()
  }
  await control('settings', { 'quota-per-minute': 1000, ...settings })
  const { base_url: baseURL } = await program(test, ['serve'], {
    SECONDME_BASE_URL: emulator.base_url,
    SECONDME_API_KEY: emulator.api_key,
    SECONDME_SERVE_TOKEN: `tests:${TOKEN}`,
  })
  /** What the avatar's owner sees that visitors have said, by visitor. */
  const said = async () => {
    const { sessions } = await control('state')
    const texts = ({ messages }) => messages.filter(({ author }) => author === 'visitor').map(({ text }) => text)
    const all = sessions.map((session) => [session.visitorId, texts(session)])
    return Object.fromEntries(all.filter(([, texts]) => texts.length > 0))
  }
  return { baseURL, control, said }
}

/** Looks again until it is so. */
export async function until(isMet) {
  const end = Date.now() + 20_000
  while (!(await isMet())) {
    assert.ok(Date.now() < end, `it never came to ${isMet}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
