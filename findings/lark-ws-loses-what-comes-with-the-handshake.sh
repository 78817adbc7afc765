#!/usr/bin/env bash
# Feishu/Lark's SDK for Node listens on its connection only some turns after it has opened: an event that the service
# sends at once, as after an outage, is lost, and neither acknowledged nor logged.
set -euo pipefail
PACKAGES='@larksuiteoapi/node-sdk@1.74.0 ws@8.23.0'
EXPECTED='sent at once: heard, sent 0.2 s later: heard'
SEEN='sent at once: not heard, sent 0.2 s later: heard'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-save --no-audit --no-fund --ignore-scripts $PACKAGES
cat >try.mjs <<'END_OF_SCRIPT'
import { createServer } from 'node:http'
import { EventDispatcher, WSClient } from '@larksuiteoapi/node-sdk'
import { WebSocketServer } from 'ws'

// An event's frame in protobuf: numbers, then headers, then the payload.
const field = (number, bytes) => Buffer.concat([Buffer.from([(number << 3) | 2]), varint(bytes.length), bytes])
const varint = (value) => (value < 128 ? Buffer.from([value]) : Buffer.from([(value & 127) | 128, value >> 7]))
const header = ([key, value]) => field(5, Buffer.concat([field(1, Buffer.from(key)), field(2, Buffer.from(value))]))
function frame(id) {
  const headers = { type: 'event', message_id: id, sum: '1', seq: '0', trace_id: id }
  const event = { schema: '2.0', header: { event_id: id, event_type: 'im.message.receive_v1' }, event: { id } }
  const numbers = Buffer.from([0x08, 0, 0x10, 0, 0x18, 33, 0x20, 1])
  return Buffer.concat([numbers, ...Object.entries(headers).map(header), field(8, Buffer.from(JSON.stringify(event)))])
}

const server = createServer((request, response) => {
  request.resume()
  const URL = `ws://127.0.0.1:${server.address().port}/ws?device_id=d&service_id=33`
  const ClientConfig = { ReconnectCount: -1, ReconnectInterval: 60, ReconnectNonce: 0, PingInterval: 60 }
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ code: 0, data: { URL, ClientConfig } }))
})
await new Promise((ready) => server.listen(0, '127.0.0.1', ready))
new WebSocketServer({ server }).on('connection', (socket) => {
  socket.send(frame('at once'))
  setTimeout(() => socket.send(frame('later')), 200)
})
const quiet = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }
const heard = new Set()
const eventDispatcher = new EventDispatcher({ logger: quiet }).register({
  'im.message.receive_v1': ({ id }) => void heard.add(id),
})
const domain = `http://127.0.0.1:${server.address().port}`
new WSClient({ appId: 'cli_0123456789abcdef', appSecret: 's', domain, logger: quiet }).start({ eventDispatcher })
await new Promise((over) => setTimeout(over, 1500))
const said = (id) => (heard.has(id) ? 'heard' : 'not heard')
console.log(`sent at once: ${said('at once')}, sent 0.2 s later: ${said('later')}`)
process.exit(0)
END_OF_SCRIPT
said=$(NO_PROXY=127.0.0.1 timeout 60 node try.mjs | tail -1)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
