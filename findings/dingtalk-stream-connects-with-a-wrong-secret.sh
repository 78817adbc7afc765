#!/usr/bin/env bash
# DingTalk's stream client for Node: `await client.connect()` is fulfilled where the service refuses the secret, and says
# nothing; it then asks once a second for ever.
set -euo pipefail
PACKAGES='dingtalk-stream@2.1.5'
EXPECTED='connect() is rejected; 1 request'
SEEN='connect() is fulfilled, connected: false, said: nothing; 3 requests or more'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-save --no-audit --no-fund --ignore-scripts $PACKAGES
cat >try.mjs <<'END_OF_SCRIPT'
import { createServer } from 'node:http'
import axios from 'axios'
import { DWClient, TOPIC_ROBOT } from 'dingtalk-stream'

let requests = 0
const server = createServer((request, response) => {
  requests += 1
  request.resume()
  response.writeHead(401, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ code: 'authFailed', message: 'the secret is wrong' }))
})
await new Promise((ready) => server.listen(0, '127.0.0.1', ready))
// The SDK's address is fixed.
axios.interceptors.request.use((config) => ({ ...config, url: `http://127.0.0.1:${server.address().port}/` }))

const said = []
for (const name of ['log', 'info', 'warn', 'error', 'debug']) console[name] = (...words) => said.push(words.join(' '))
const client = new DWClient({ clientId: 'app', clientSecret: 'wrong' })
client.registerCallbackListener(TOPIC_ROBOT, () => {})
let result = 'rejected'
try {
  await client.connect()
  result = `fulfilled, connected: ${client.connected}`
} catch {}
await new Promise((over) => setTimeout(over, 3500))
const count = requests >= 3 ? '3 requests or more' : `${requests} request`
process.stdout.write(`connect() is ${result}, said: ${said.length ? said.join(' ') : 'nothing'}; ${count}\n`)
process.exit(0)
END_OF_SCRIPT
said=$(NO_PROXY=127.0.0.1 timeout 60 node try.mjs | tail -1)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
