#!/usr/bin/env bash
# Chat SDK: a message beyond Telegram's 4,096 characters is cut and the post reports all of it as sent; a streamed answer
# beyond Slack's 12,000 in a direct message fails at its end. Neither goes on in a second message.
set -euo pipefail
PACKAGES='chat@4.41.0 @chat-adapter/state-memory@4.41.0 @chat-adapter/slack@4.41.0 @chat-adapter/telegram@4.41.0'
EXPECTED='Telegram shows 5000 of 5000 characters, post: 5000; Slack shows 15000 of 15000 characters, post: 15000'
SEEN='Telegram shows 4096 of 5000 characters, post: 5000; Slack shows 10000 of 15000 characters, post: msg_too_long'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-save --no-audit --no-fund --ignore-scripts $PACKAGES
cat >try.mjs <<'END'
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import { createSlackAdapter } from '@chat-adapter/slack'
import { createMemoryState } from '@chat-adapter/state-memory'
import { createTelegramAdapter } from '@chat-adapter/telegram'
import { Chat } from 'chat'

// Fakes of both platforms, which know what their messages show, and refuse what is too long.
let shown = new Map()
const api = createServer(async (request, response) => {
  let body = ''
  for await (const piece of request) body += piece
  const method = request.url.split('/').at(-1)
  const answer = (value) => response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
  if (method === 'getMe') return answer({ ok: true, result: { id: 1, is_bot: true, first_name: 'b', username: 'bot' } })
  if (method === 'sendMessage') {
    const { text } = JSON.parse(body)
    if (text.length > 4096) return answer({ ok: false, error_code: 400, description: 'Bad Request: message is too long' })
    shown.set(shown.size, text)
    return answer({ ok: true, result: { message_id: shown.size, date: 1, chat: { id: 5, type: 'private' }, text } })
  }
  const given = new URLSearchParams(body)
  const text = given.get('markdown_text') ?? given.get('text') ?? ''
  if (text.length > 12_000) return answer({ ok: false, error: 'msg_too_long' })
  const ts = given.get('ts') ?? `1.${shown.size + 1}`
  if (/^chat\.(postMessage|update)$/.test(method)) shown.set(ts, text)
  answer({ ok: true, result: true, user_id: 'B', bot_id: 'B', team_id: 'T', ts, channel: 'D1', user: { id: 'U1', name: 'ada' } })
})
await new Promise((ready) => api.listen(0, '127.0.0.1', ready))
const address = `http://127.0.0.1:${api.address().port}`
const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }

async function play(adapter, request, answer, length) {
  shown = new Map()
  const bot = new Chat({ userName: 'bot', adapters: { adapter }, state: createMemoryState(), logger: quiet })
  let posted
  bot.onDirectMessage(async (thread) => {
    posted = await thread.post(answer).then((sent) => sent.text.length, (error) => error.data?.error ?? error.message)
  })
  const work = []
  await bot.webhooks.adapter(request, { waitUntil: (task) => work.push(task) })
  await Promise.all(work)
  const characters = [...shown.values()].join('').length
  return `shows ${characters} of ${length} characters, post: ${posted}`
}

const update = {
  update_id: 1,
  message: { message_id: 3, date: 1, chat: { id: 5, type: 'private', first_name: 'Ada' }, from: { id: 5, is_bot: false, first_name: 'Ada' }, text: 'Hi' },
}
const telegram = await play(
  createTelegramAdapter({ botToken: '1:a', mode: 'webhook', secretToken: 's', apiUrl: address, logger: quiet }),
  new Request('http://bot/', { method: 'POST', body: JSON.stringify(update), headers: { 'content-type': 'application/json', 'x-telegram-bot-api-secret-token': 's' } }),
  'word '.repeat(999) + 'word.', 5000,
)

async function* long() {
  for (let part = 0; part < 3; part++) {
    yield `${'word '.repeat(999)}wor\n\n`
    await new Promise((done) => setTimeout(done, 1000)) // longer than it takes until the message is updated
  }
}
const event = { type: 'message', channel_type: 'im', channel: 'D1', user: 'U1', text: 'Hi', ts: '1700000001.000100' }
const body = JSON.stringify({ type: 'event_callback', team_id: 'T', api_app_id: 'A', event_id: 'Ev1', event_time: 1, event })
const timestamp = `${Math.floor(Date.now() / 1000)}`
const signature = `v0=${createHmac('sha256', 's').update(`v0:${timestamp}:${body}`).digest('hex')}`
const headers = { 'content-type': 'application/json', 'x-slack-request-timestamp': timestamp, 'x-slack-signature': signature }
const slack = await play(
  createSlackAdapter({ botToken: 'xoxb-1', signingSecret: 's', apiUrl: `${address}/api/`, logger: quiet }),
  new Request('http://bot/', { method: 'POST', body, headers }), long(), 15000,
)
console.log(`Telegram ${telegram}; Slack ${slack}`)
process.exit(0)
END
said=$(NO_PROXY=127.0.0.1 node try.mjs)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
