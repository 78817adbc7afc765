#!/usr/bin/env bash
# Slack Bolt for Python: an event that Slack delivers again, under the same event_id and marked as a retry, is heard again.
set -euo pipefail
PACKAGES='slack-bolt==1.30.0 slack-sdk==3.47.0'
EXPECTED='one event, delivered and delivered again: the listener is called once'
SEEN='one event, delivered and delivered again: the listener is called 2 times'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check $PACKAGES
cat >try.py <<'END'
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from slack_bolt import App, BoltRequest
from slack_sdk import WebClient
from slack_sdk.signature import SignatureVerifier


class Slack(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.dumps({"ok": True, "bot_id": "B", "user_id": "B", "team_id": "T"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Slack)
threading.Thread(target=server.serve_forever, daemon=True).start()
app = App(client=WebClient("xoxb-1", base_url=f"http://127.0.0.1:{server.server_port}/api/"), signing_secret="s",
          process_before_response=True)
heard = []


@app.event("message")
def message(event):
    heard.append(event["text"])


body = json.dumps({
    "type": "event_callback", "team_id": "T", "api_app_id": "A", "event_id": "Ev1", "event_time": 1,
    "authorizations": [{"team_id": "T", "user_id": "B", "is_bot": True}],
    "event": {"type": "message", "channel_type": "im", "channel": "D1", "user": "U1", "text": "Hi", "ts": "1700000000.000100"},
})
for attempt in range(2):
    now = str(int(time.time()))
    headers = {"content-type": "application/json", "x-slack-request-timestamp": now,
               "x-slack-signature": SignatureVerifier("s").generate_signature(timestamp=now, body=body)}
    if attempt:
        headers |= {"x-slack-retry-num": "1", "x-slack-retry-reason": "http_timeout"}
    assert app.dispatch(BoltRequest(body=body, headers=headers)).status == 200
print(f"one event, delivered and delivered again: the listener is called {len(heard)} times")
END
said=$(NO_PROXY=127.0.0.1 env/bin/python try.py)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
