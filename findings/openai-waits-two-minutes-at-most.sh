#!/usr/bin/env bash
# OpenAI's SDK for Python waits as Retry-After says up to 120 s; beyond that it raises at once, without a retry.
set -euo pipefail
PACKAGES='openai==2.54.0'
EXPECTED='retry-after 60: waits 60 s; 120: waits 120 s; 121: waits for a back-off of its own'
SEEN='retry-after 60: waits 60 s; 120: waits 120 s; 121: no retry'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check $PACKAGES
cat >try.py <<'END'
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import openai
from openai import _base_client

after = 0


class Service(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(429)
        self.send_header("retry-after", str(after))
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


class Time:
    sleep = staticmethod(lambda seconds: waits.append(seconds))


server = HTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
waits = []
_base_client.time = Time
client = openai.OpenAI(api_key="k", base_url=f"http://127.0.0.1:{server.server_port}/v1", max_retries=1)
said = []
for after in (60, 120, 121):
    waits.clear()
    try:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    except openai.RateLimitError:
        wait = f"waits {waits[0]:.0f} s" if waits else "no retry"
        said.append(f"{after}: {'waits for a back-off of its own' if waits and waits[0] < 10 else wait}")
print(f"retry-after {'; '.join(said)}")
END
said=$(NO_PROXY=127.0.0.1 env/bin/python try.py)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
