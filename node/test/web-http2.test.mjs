// The website widget's server part over HTTP/2, where a host is called `:authority` and no connection is named.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:http2'
import { test } from 'node:test'

import { avatarWidget, toNodeListener } from 'secondme-avatar/web'

import { stage } from './support.mjs'
import { question, SECRET } from './web/browser.mjs'

/** A call of a page, over one connection. */
async function called(session, path, { body, ...headers } = {}) {
  const method = body === undefined ? 'GET' : 'POST'
  const stream = session.request({ ':method': method, ':path': path, ...headers })
  stream.end(body)
  const [answer] = await once(stream, 'response')
  let text = ''
  stream.setEncoding('utf8')
  for await (const chunk of stream) text += chunk
  return { status: answer[':status'], headers: answer, text }
}

test('over HTTP/2 the page of the same host may call, an answer streams, and a body that is too long is refused', async (t) => {
  const { client } = await stage(t)
  const warnings = []
  const warned = (warning) => warnings.push(warning.message)
  process.on('warning', warned)
  const widget = avatarWidget(client, { secret: SECRET, maxTextChars: 300, maxBodyBytes: 300 })
  const server = createServer(toNodeListener(widget)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${server.address().port}`
  const session = connect(`http://${host}`)
  t.after(async () => {
    process.off('warning', warned)
    session.close()
    await widget.close({ deadlineMs: 0 })
    server.close()
  })
  // A browser that does not send `Sec-Fetch-Site`, as Safari before 16.4.
  const origin = `https://${host}`
  const first = await called(session, '/avatar', { origin })
  assert.equal(first.status, 200, first.text)
  const cookie = first.headers['set-cookie'][0].split(';')[0]
  const asked = { origin, cookie, 'content-type': 'application/json' }
  const answer = await called(session, '/avatar', { ...asked, body: JSON.stringify(question('m1', 'Hello')) })
  assert.match(answer.text, /"delta":"(You said: )?.*Hello".*\[DONE\]/s)
  const long = await called(session, '/avatar', { ...asked, body: 'x'.repeat(400) })
  assert.deepEqual([long.status, long.headers.connection], [413, undefined])
  const foreign = await called(session, '/avatar', { origin: 'https://evil.example' })
  assert.equal(foreign.status, 403)
  assert.deepEqual(warnings, [])
})
