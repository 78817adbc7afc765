#!/usr/bin/env bash
# An SDK for Chatwoot: a message goes out as a form, in which false is the text "false".
set -euo pipefail
PACKAGES='@figuro/chatwoot-sdk@1.1.17'
EXPECTED='application/json, private: false'
SEEN='multipart/form-data, private: "false"'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-save --no-audit --no-fund --ignore-scripts $PACKAGES
cat >try.cjs <<'END'
const http = require('node:http')
const { default: ChatwootClient } = require('@figuro/chatwoot-sdk')

const server = http.createServer(async (request, response) => {
  const type = request.headers['content-type']
  const body = Buffer.concat(await request.toArray())
  const form = !type.includes('json') && (await new Response(body, { headers: { 'content-type': type } }).formData())
  const sent = form ? Object.fromEntries(form) : JSON.parse(body)
  console.log(`${type.split(';')[0]}, private: ${JSON.stringify(sent.private)}`)
  response.setHeader('content-type', 'application/json')
  response.end('{"id":1}')
})
server.listen(0, '127.0.0.1', async () => {
  const basePath = `http://127.0.0.1:${server.address().port}`
  const client = new ChatwootClient({ config: { basePath, with_credentials: true, credentials: 'include', token: 't' } })
  await client.messages.create({ accountId: 1, conversationId: 2, data: { content: 'Hello', private: false } })
  server.close()
})
END
said=$(NO_PROXY=127.0.0.1 node try.cjs)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
