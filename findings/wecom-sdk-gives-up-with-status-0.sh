#!/usr/bin/env bash
# WeCom's bot SDK gives up after five refusals of its secret, or ten lost connections, by an event without a listener:
# the process ends with status 0, as after success.
set -euo pipefail
PACKAGES='@wecom/aibot-node-sdk@1.0.7 ws@8.18.0'
EXPECTED='a refused secret: status 1; a service that is away: connects again for as long as it is'
SEEN='a refused secret: status 0 after 6 connections; a service that is away: status 0 after 11 connections'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit $PACKAGES >/dev/null
cat >try.cjs <<'END'
const { WebSocketServer } = require('ws')
const { WSClient } = require('@wecom/aibot-node-sdk')

const refuses = process.argv[2] === 'refuses'
let connections = 0
const server = new WebSocketServer({ port: 0, host: '127.0.0.1' }, () => {
  server._server.unref()
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  const wsUrl = `ws://127.0.0.1:${server.address().port}`
  new WSClient({ botId: 'bot', secret: 'secret', wsUrl, logger, reconnectInterval: 10 }).connect()
})
server.on('connection', socket => {
  connections++
  if (!refuses) return socket.terminate()
  socket.on('message', data => {
    const { headers } = JSON.parse(data)
    socket.send(JSON.stringify({ headers, errcode: 40001, errmsg: 'invalid secret' }))
  })
})
process.on('exit', status => process.stdout.write(`status ${status} after ${connections} connections`))
END
refused=$(NO_PROXY=127.0.0.1 timeout 120 node try.cjs refuses) || refused+=" (status $?)"
away=$(NO_PROXY=127.0.0.1 timeout 120 node try.cjs away) || away+=" (status $?)"
said="a refused secret: $refused; a service that is away: $away"
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
