#!/usr/bin/env bash
# attw --profile esm-only shows each problem of the package as ignored, and ends with 1 all the same.
set -euo pipefail
PACKAGES='@arethetypeswrong/cli@0.18.5'
EXPECTED='not ignored: 0 problems; status 0'
SEEN='not ignored: 0 problems; status 1'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-save --no-audit --no-fund --ignore-scripts "$PACKAGES"
# A package of modules, whose types name another file of it by `imports`, as Node and bundlers read them.
mkdir -p mine/lib
cat >mine/package.json <<'END'
{
  "name": "mine", "version": "1.0.0", "type": "module", "files": ["lib"],
  "main": "./lib/index.js", "types": "./lib/index.d.ts",
  "exports": { ".": { "types": "./lib/index.d.ts", "default": "./lib/index.js" } },
  "imports": { "#shared/*.js": { "types": "./lib/*.d.ts", "default": "./lib/*.js" } }
}
END
echo 'export const one = 1' >mine/lib/one.js
echo 'export declare const one: number' >mine/lib/one.d.ts
tee mine/lib/index.js >mine/lib/index.d.ts <<<"export { one } from '#shared/one.js'"
(cd mine && npm pack --silent --pack-destination .. >/dev/null)
status=0
table=$(NO_COLOR=1 node_modules/.bin/attw mine-1.0.0.tgz --profile esm-only --format ascii --no-emoji) || status=$?
echo "$table"
# Each line of the table is an environment; what it says there is good, or begins with "(ignored)".
left=$(grep -E '^(node|bundler)' <<<"$table" | grep -vcE ': (OK|\(ignored\))' || true)
said="not ignored: $left problems; status $status"
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
