#!/usr/bin/env bash
# Feishu/Lark's channel for Node hands on a group's messages one by one: while the handler answers one person, all others
# of the group wait unheard.
set -euo pipefail
PACKAGES='@larksuiteoapi/node-sdk@1.74.0'
EXPECTED='Ada heard, Bob heard, Ada answered, Bob answered'
SEEN='Ada heard, Ada answered, Bob heard, Bob answered'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-save --no-audit --no-fund --ignore-scripts $PACKAGES
cat >try.mjs <<'END'
import { createServer } from 'node:http'
import { createLarkChannel } from '@larksuiteoapi/node-sdk'

const platform = createServer((request, response) => {
  request.resume()
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ code: 0, tenant_access_token: 't', expire: 7200, bot: { open_id: 'ou_bot', app_name: 'Bot' } }))
})
await new Promise((ready) => platform.listen(0, '127.0.0.1', ready))
const pause = (ms) => new Promise((done) => setTimeout(done, ms))
const quiet = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }
const channel = createLarkChannel({
  appId: 'cli_a', appSecret: 's', domain: `http://127.0.0.1:${platform.address().port}`, transport: 'webhook', logger: quiet,
})
const seen = []
channel.on('message', async (message) => {
  const name = message.senderId.replace('ou_', '')
  seen.push(`${name} heard`)
  await pause(4000) // an answer that is streamed takes some seconds
  seen.push(`${name} answered`)
})
await channel.connect()

function event(number, person, text) {
  const mentions = [{ key: '@_user_1', id: { open_id: 'ou_bot' }, name: 'Bot' }]
  const message = {
    message_id: `om_${number}`, create_time: `${Date.now()}`, chat_id: 'oc_group', chat_type: 'group',
    message_type: 'text', content: JSON.stringify({ text: `@_user_1 ${text}` }), mentions,
  }
  const header = { event_id: `e${number}`, event_type: 'im.message.receive_v1', create_time: `${Date.now()}`, app_id: 'cli_a', token: '' }
  return { schema: '2.0', header, event: { sender: { sender_id: { open_id: `ou_${person}` }, sender_type: 'user' }, message } }
}
await channel.dispatcher.invoke(event(1, 'Ada', 'What is on today?'))
await pause(1500) // beyond the 600 ms within which it joins messages
await channel.dispatcher.invoke(event(2, 'Bob', 'And tomorrow?'))
while (seen.length < 4) await pause(100)
console.log(seen.join(', '))
process.exit(0)
END
said=$(NO_PROXY=127.0.0.1 timeout 60 node try.mjs | tail -1)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
