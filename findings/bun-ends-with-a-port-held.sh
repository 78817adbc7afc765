#!/usr/bin/env bash
# Bun: a MessagePort with ref() does not keep the process, where Node waits for it.
set -euo pipefail
PACKAGES='@oven/bun-linux-x64@1.4.5'
EXPECTED='node: still there after a second; bun: still there after a second'
SEEN='node: still there after a second; bun: '

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-save --no-audit --no-fund --ignore-scripts $PACKAGES
cat >try.cjs <<'END'
const { MessageChannel } = require('node:worker_threads')
const { port1 } = new MessageChannel()
port1.on('message', () => {})
port1.ref()
setTimeout(() => { console.log('still there after a second'); process.exit(0) }, 1000).unref()
END
said=$(echo "node: $(node try.cjs); bun: $(node_modules/@oven/bun-linux-x64/bin/bun try.cjs)")
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
