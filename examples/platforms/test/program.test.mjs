import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const TIMEOUT = 10_000

/** A platform as a program, and its lines. */
function program(t, name, ...args) {
  const path = fileURLToPath(new URL(`../${name}.mjs`, import.meta.url))
  const child = spawn(process.execPath, [path, ...args], { timeout: TIMEOUT })
  t.after(() => child.kill())
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
}

const next = async (lines) => (await lines.next()).value

for (const name of ['slack', 'feishu', 'dingtalk', 'telegram']) {
  test(`${name} runs as a program: it is controlled over HTTP, says what people see, and ends with its input`, async (t) => {
    const { child, lines } = program(t, name, '--until-stdin-ends')
    const { platform, url, bot } = JSON.parse(await next(lines))
    assert.equal(platform, name)
    assert.ok(Object.keys(bot).length > 2)
    const post = (call, body) => fetch(`${url}/control/${call}`, { method: 'POST', body: JSON.stringify(body) })
    const said = await (await post('say', { user: 'Ada', text: 'hello' })).json()
    assert.equal(await next(lines), '[Ada] Ada: hello')
    const { chats } = await (await fetch(`${url}/control/chats`)).json()
    assert.deepEqual([chats[0].id, chats[0].messages[0].text], [said.chat, 'hello'])
    const page = await (await fetch(url)).text()
    assert.match(page, /<title>\w+ \(fake\)<\/title>/)
    child.stdin.end()
    const [status] = await once(child, 'exit')
    assert.equal(status, 0)
  })
}

test('a wrong call and a wrong option are refused with a reason', async (t) => {
  const { lines } = program(t, 'slack', '--quiet', '--until-stdin-ends')
  const { url } = JSON.parse(await next(lines))
  const refused = async (call, body) => {
    const answer = await fetch(`${url}/control/${call}`, { method: 'POST', body: JSON.stringify(body) })
    return [answer.status, (await answer.json()).error]
  }
  assert.deepEqual(await refused('say', { text: 'hello' }), [400, 'user: a string is needed'])
  assert.deepEqual(await refused('fault', { status: 429, often: 3 }), [400, 'unknown field often'])
  assert.deepEqual(await refused('fault', { cut: 'never' }), [400, 'cut: "before" or "after"'])
  assert.deepEqual(await refused('dance', {}), [400, 'there is no /control/dance'])
  assert.deepEqual(await refused('fault', { redeliver: 'Ev' }), [400, 'there is no event Ev'])
  const { child } = program(t, 'slack', '--port', 'many')
  const [status] = await once(child, 'exit')
  assert.equal(status, 2)
})
