#!/usr/bin/env bash
# attw --format json writes the whole of its result into a file; of a pipe that is read late only the first 64 KiB come out.
set -euo pipefail
PACKAGES='@arethetypeswrong/cli@0.18.5 chat@4.41.0'
EXPECTED='into a file: JSON; into a pipe that is read late: JSON'
SEEN='into a file: JSON; into a pipe that is read late: 65536 bytes, which are no JSON'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-save --no-audit --no-fund --ignore-scripts "${PACKAGES%% *}"
npm pack --silent "${PACKAGES##* }" >/dev/null
cat >try.py <<'END'
import json, subprocess

COMMAND = ["node_modules/.bin/attw", "chat-4.41.0.tgz", "--format", "json"]

def what(text):
    try:
        json.loads(text)
        return "JSON"
    except ValueError:
        return f"{len(text)} bytes, which are no JSON"

with open("result", "wb") as file:
    subprocess.run(COMMAND, stdout=file)
with subprocess.Popen(COMMAND, stdout=subprocess.PIPE) as attw:
    try:
        # A program that writes all it has to say waits here until the pipe is read.
        attw.wait(timeout=60)
    except subprocess.TimeoutExpired:
        pass
    late = attw.stdout.read()
print(f"into a file: {what(open('result', 'rb').read())}; into a pipe that is read late: {what(late)}")
END
said=$(python3 try.py)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
