#!/usr/bin/env bash
# DingTalk's stream client for Node takes each failed handshake twice for a reason to connect again: its attempts double
# every second for as long as the service is away.
set -euo pipefail
PACKAGES='dingtalk-stream@2.1.5'
EXPECTED='asks for a connection in seconds 0 to 4: 1, 1, 1, 1, 1'
SEEN='asks for a connection in seconds 0 to 4: 1, 2, 4, 8, 16'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit $PACKAGES >/dev/null
cat >try.cjs <<'END'
const http = require('node:http')
const constants = require('dingtalk-stream/dist/constants.cjs')
const { DWClient } = require('dingtalk-stream')

const say = console.log
for (const name of ['info', 'warn', 'error']) console[name] = () => {}
const seconds = [0, 0, 0, 0, 0]
let began
const server = http.createServer((request, response) => {
  began ??= Date.now()
  const second = Math.round((Date.now() - began) / 1000)
  if (second < 5) seconds[second]++
  if (second >= 5) {
    say(`asks for a connection in seconds 0 to 4: ${seconds.join(', ')}`)
    process.exit(0)
  }
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ endpoint: `ws://127.0.0.1:${server.address().port}/connect`, ticket: 't' }))
})
server.on('upgrade', (request, socket) => {
  socket.end('HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n')
})
server.listen(0, '127.0.0.1', () => {
  constants.GATEWAY_URL = `http://127.0.0.1:${server.address().port}/v1.0/gateway/connections/open`
  new DWClient({ clientId: 'id', clientSecret: 'secret' }).connect()
})
END
said=$(NO_PROXY=127.0.0.1 timeout 60 node try.cjs)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
