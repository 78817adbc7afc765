#!/usr/bin/env bash
# Chat SDK: while a handler answers, further messages of the thread are dropped, unless concurrency is set.
set -euo pipefail
PACKAGES='chat@4.41.0 @chat-adapter/state-memory@4.41.0 @chat-adapter/slack@4.41.0'
EXPECTED='the handler hears: one, two, three, four'
SEEN='the handler hears: one'

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

const api = createServer((request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ ok: true, user_id: 'B', bot_id: 'B', team_id: 'T', ts: '1.1', channel: 'D1', user: { id: 'U1', name: 'ada' } }))
})
await new Promise((ready) => api.listen(0, '127.0.0.1', ready))
const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }
const slack = createSlackAdapter({
  botToken: 'xoxb-1', signingSecret: 's', apiUrl: `http://127.0.0.1:${api.address().port}/api/`, logger: quiet,
})
const bot = new Chat({ userName: 'bot', adapters: { slack }, state: createMemoryState(), logger: quiet })
const heard = []
bot.onDirectMessage(async (_thread, message) => {
  heard.push(message.text)
  await new Promise((done) => setTimeout(done, 1000)) // an answer takes a second
})
const work = []
for (const [index, text] of ['one', 'two', 'three', 'four'].entries()) {
  const body = JSON.stringify({
    type: 'event_callback', team_id: 'T', api_app_id: 'A', event_id: `Ev${index}`, event_time: 1,
    event: { type: 'message', channel_type: 'im', channel: 'D1', user: 'U1', text, ts: `170000000${index}.000100` },
  })
  const timestamp = `${Math.floor(Date.now() / 1000)}`
  const signature = `v0=${createHmac('sha256', 's').update(`v0:${timestamp}:${body}`).digest('hex')}`
  const headers = { 'content-type': 'application/json', 'x-slack-request-timestamp': timestamp, 'x-slack-signature': signature }
  const request = new Request('http://bot/slack', { method: 'POST', body, headers })
  await bot.webhooks.slack(request, { waitUntil: (task) => work.push(task) })
}
await Promise.allSettled(work)
console.log(`the handler hears: ${heard.join(', ')}`)
process.exit(0)
END
said=$(NO_PROXY=127.0.0.1 node try.mjs)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
