#!/usr/bin/env bash
# Chat SDK: messages of two Slack channels that have the same `ts`, which is unique within a channel only, are taken for one
# message: the second is never handed to the bot.
set -euo pipefail
PACKAGES='chat@4.41.0 @chat-adapter/state-memory@4.41.0 @chat-adapter/slack@4.41.0'
EXPECTED='of 2 messages in 2 channels the bot heard: "in the first", "in the second"'
SEEN='of 2 messages in 2 channels the bot heard: "in the first"'

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

// A fake of Slack that agrees with everything.
const api = createServer((request, response) => {
  const answer = { ok: true, user_id: 'B', bot_id: 'B', team_id: 'T', user: { id: 'U1', name: 'ada' } }
  request.resume().on('end', () => response.setHeader('content-type', 'application/json').end(JSON.stringify(answer)))
})
await new Promise((ready) => api.listen(0, '127.0.0.1', ready))
const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }
const apiUrl = `http://127.0.0.1:${api.address().port}/api/`
const slack = createSlackAdapter({ botToken: 'xoxb-1', signingSecret: 's', apiUrl, logger: quiet })
const bot = new Chat({
  userName: 'bot', adapters: { slack }, state: createMemoryState(), concurrency: 'concurrent', logger: quiet,
})
const heard = []
bot.onDirectMessage((thread, message) => void heard.push(JSON.stringify(message.text)))

/** An event as Slack sends it, with an id of its own. */
function said(id, channel, text) {
  const event = { type: 'message', channel_type: 'im', channel, user: 'U1', text, ts: '1700000001.000100' }
  const body = JSON.stringify({ type: 'event_callback', team_id: 'T', api_app_id: 'A', event_id: id, event_time: 1, event })
  const timestamp = `${Math.floor(Date.now() / 1000)}`
  const signature = `v0=${createHmac('sha256', 's').update(`v0:${timestamp}:${body}`).digest('hex')}`
  const headers = { 'content-type': 'application/json', 'x-slack-request-timestamp': timestamp, 'x-slack-signature': signature }
  return new Request('http://bot/', { method: 'POST', body, headers })
}
for (const event of [said('Ev1', 'D1', 'in the first'), said('Ev2', 'D2', 'in the second')]) {
  const work = []
  await bot.webhooks.slack(event, { waitUntil: (task) => work.push(task) })
  await Promise.all(work)
}
console.log(`of 2 messages in 2 channels the bot heard: ${heard.join(', ')}`)
process.exit(0)
END
said=$(NO_PROXY=127.0.0.1 node try.mjs)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
