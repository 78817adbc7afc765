#!/usr/bin/env bash
# Feishu/Lark's SDK for Node: pieces that are appended to a streamed card lose text that repeats across their boundary.
set -euo pipefail
PACKAGES='@larksuiteoapi/node-sdk@1.74.0'
EXPECTED='the card ends with: hello 好好 book, 100 yuan'
SEEN='the card ends with: helo 好 bok, 10 yuan'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-save --no-audit --no-fund --ignore-scripts $PACKAGES
cat >try.cjs <<'END'
const http = require('node:http')
const { createLarkChannel } = require('@larksuiteoapi/node-sdk')

// A service on loopback that takes everything, and remembers what the card shows.
let shown
const server = http.createServer((request, response) => {
  let body = ''
  request.on('data', (part) => { body += part })
  request.on('end', () => {
    if (/\/elements\/[^/]+\/content$/.test(request.url)) shown = JSON.parse(body).content
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({
      code: 0, msg: 'ok', tenant_access_token: 't', expire: 7200, data: { card_id: 'c1', message_id: 'om_1', chat_id: 'oc_1' },
    }))
  })
})
server.listen(0, '127.0.0.1', async () => {
  const quiet = { error() {}, warn() {}, info() {}, debug() {}, trace() {} }
  const channel = createLarkChannel({
    appId: 'cli_0123456789abcdef', appSecret: 's', domain: `http://127.0.0.1:${server.address().port}`, logger: quiet,
  })
  const pieces = ['hel', 'lo ', '好', '好 ', 'bo', 'ok', ', 10', '0 yuan']
  await channel.stream('oc_1', { markdown: async (card) => { for (const piece of pieces) await card.append(piece) } })
  console.log(`the card ends with: ${shown}`)
  process.exit(0)
})
END
said=$(NO_PROXY=127.0.0.1 node try.cjs)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
