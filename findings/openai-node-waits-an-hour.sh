#!/usr/bin/env bash
# OpenAI's SDK for Node waits as long as Retry-After says, an hour too and beyond its own timeout, where the one for
# Python gives up beyond 120 s.
set -euo pipefail
PACKAGES='openai@6.49.0'
EXPECTED='retry-after 60: waits 60 s; 121: no retry; 3600: no retry'
SEEN='retry-after 60: waits 60 s; 121: waits 121 s; 3600: waits 3600 s'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit $PACKAGES >/dev/null
cat >try.mjs <<'END'
import http from 'node:http'
import OpenAI from 'openai'

let after
let requests = 0
const server = http.createServer((request, response) => {
  requests++
  request.resume()
  response.writeHead(429, { 'retry-after': after, 'content-type': 'application/json' }).end('{}')
})
await new Promise(ready => server.listen(0, '127.0.0.1', ready))
const timer = globalThis.setTimeout
let waits = []
globalThis.setTimeout = (run, ms, ...rest) => {
  if (ms !== after * 1000) return timer(run, ms, ...rest)
  waits.push(ms)
  return timer(run, 0, ...rest)
}
const baseURL = `http://127.0.0.1:${server.address().port}/v1`
const client = new OpenAI({ apiKey: 'k', baseURL, maxRetries: 1, timeout: 30_000 })
const said = []
for (after of [60, 121, 3600]) {
  requests = 0
  waits = []
  await client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'Hi' }] }).catch(() => {})
  said.push(`${after}: ${requests === 1 ? 'no retry' : `waits ${waits.length ? waits[0] / 1000 : 'another time'} s`}`)
}
console.log(`retry-after ${said.join('; ')}`)
server.close()
END
said=$(NO_PROXY=127.0.0.1 timeout 60 node try.mjs)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
