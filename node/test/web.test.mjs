// What a web server does with the package.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { test } from 'node:test'

import { stage, until } from './support.mjs'

test('a browser that goes away in mid-stream ends the question, and the next one goes out', async (t) => {
  // The rest of the first answer would take minutes.
  const { client, emulator } = await stage(t, { pieceDelayMs: 60_000, client: { closeDeadlineMs: 50 } })
  const ended = []
  const server = createServer(async (req, res) => {
    const gone = new AbortController()
    res.on('close', () => gone.abort())
    try {
      const chat = await client.open({ platform: 'web', userId: 'ada' }, { signal: gone.signal })
      for await (const piece of chat.stream(req.url, { signal: gone.signal })) res.write(piece)
      res.end()
    } catch (error) {
      ended.push(error.name)
      if (!gone.signal.aborted) res.destroy(error)
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const ask = (path) =>
    request({ port: server.address().port, path, agent: false })
      .on('error', () => {})
      .end()

  const first = ask('/one-two-three')
  const [answer] = await once(first, 'response')
  await once(answer, 'data')
  first.destroy()
  const second = ask('/four-five-six')
  const { sessions } = await emulator.waitUntil(({ sessions }) =>
    sessions[0].messages.some(({ text }) => text === '/four-five-six'),
  )
  assert.equal(sessions.length, 1)
  assert.deepEqual(ended, ['AbortError'])
  second.destroy()
  await until(() => ended.length === 2)
})
