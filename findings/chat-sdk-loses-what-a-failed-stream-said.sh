#!/usr/bin/env bash
# Chat SDK, Slack: where an answer's stream fails midway, a thread never shows what was said before, and a direct
# message ends in mid-sentence; where a stream has no text, the placeholder "..." stays and the post succeeds.
set -euo pipefail
PACKAGES='chat@4.41.0 @chat-adapter/state-memory@4.41.0 @chat-adapter/slack@4.41.0'
EXPECTED='fails in a thread: "Hello there"; fails in a direct message: "Hello there"; without text: no message'
SEEN='fails in a thread: no message; fails in a direct message: "Hello"; without text: "..."'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-save --no-audit --no-fund --ignore-scripts $PACKAGES
cat >try.mjs <<'END'
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import { createSlackAdapter } from '@chat-adapter/slack'
import { createMemoryState } from '@chat-adapter/state-memory'
import { Chat } from 'chat'

// A fake of Slack that knows what its one message shows.
let shown
const api = createServer(async (request, response) => {
  let body = ''
  for await (const piece of request) body += piece
  const given = new URLSearchParams(body)
  const chunks = JSON.parse(given.get('chunks') ?? '[]')
  const streamed = chunks.map((chunk) => chunk.text).join('')
  if (request.url.endsWith('/chat.postMessage')) shown = given.get('text')
  if (request.url.endsWith('/chat.update')) shown = given.get('markdown_text') ?? given.get('text')
  if (/chat\.(start|append|stop)Stream$/.test(request.url)) shown = (shown ?? '') + (given.get('markdown_text') ?? streamed)
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ ok: true, user_id: 'B', bot_id: 'B', team_id: 'T', ts: '1.1', channel: 'D1', user: { id: 'U1', name: 'ada' } }))
})
await new Promise((ready) => api.listen(0, '127.0.0.1', ready))
const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }

async function* fails() {
  yield 'Hello '
  await new Promise((done) => setTimeout(done, 1000))
  yield 'there'
  throw new Error('the service is away')
}
async function* empty() {}

async function play(answer, where) {
  shown = undefined
  const slack = createSlackAdapter({
    botToken: 'xoxb-1', signingSecret: 's', apiUrl: `http://127.0.0.1:${api.address().port}/api/`, logger: quiet,
  })
  const bot = new Chat({ userName: 'bot', adapters: { slack }, state: createMemoryState(), logger: quiet })
  bot.onDirectMessage((thread) => thread.post(answer()).catch(() => {}))
  const event = { type: 'message', channel_type: 'im', channel: 'D1', user: 'U1', text: 'Hi', ts: '1700000001.000100', ...where }
  const body = JSON.stringify({ type: 'event_callback', team_id: 'T', api_app_id: 'A', event_id: 'Ev1', event_time: 1, event })
  const timestamp = `${Math.floor(Date.now() / 1000)}`
  const signature = `v0=${createHmac('sha256', 's').update(`v0:${timestamp}:${body}`).digest('hex')}`
  const headers = { 'content-type': 'application/json', 'x-slack-request-timestamp': timestamp, 'x-slack-signature': signature }
  const work = []
  await bot.webhooks.slack(new Request('http://bot/slack', { method: 'POST', body, headers }), { waitUntil: (task) => work.push(task) })
  await Promise.all(work)
  await new Promise((done) => setTimeout(done, 1000)) // whatever is still to be sent
  return shown === undefined ? 'no message' : JSON.stringify(shown)
}

const inThread = await play(fails, { thread_ts: '1700000000.000100' })
const direct = await play(fails, {})
const without = await play(empty, {})
console.log(`fails in a thread: ${inThread}; fails in a direct message: ${direct}; without text: ${without}`)
process.exit(0)
END
said=$(NO_PROXY=127.0.0.1 node try.mjs)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
