#!/usr/bin/env bash
# Slack's SDK for Python: where the answer to chat.postMessage is lost, its default retry posts the message once more. It
# retries connection errors of every method, also of those that are not to be repeated.
set -euo pipefail
PACKAGES='slack-sdk==3.48.0 aiohttp==3.14.5'
EXPECTED='WebClient: one message and an error; AsyncWebClient: one message and an error'
SEEN='WebClient: 2 messages and success; AsyncWebClient: 2 messages and success'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check $PACKAGES
cat >try.py <<'END'
import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from slack_sdk import WebClient
from slack_sdk.web.async_client import AsyncWebClient

shown = []


class Slack(BaseHTTPRequestHandler):
    """A fake of Slack: shows each message, and loses the first answer."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        shown.append(self.path)
        if len(shown) == 1:
            self.close_connection = True
            self.connection.close()
            return
        body = json.dumps({"ok": True, "ts": "1.1", "channel": "C1"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Slack)
server.handle_error = lambda *_: None
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/api/"


def told(name, outcome):
    many = "one message" if len(shown) == 1 else f"{len(shown)} messages"
    shown.clear()
    return f"{name}: {many} and {outcome}"


try:
    WebClient("xoxb-1", base_url=address).chat_postMessage(channel="C1", text="Hello")
    first = told("WebClient", "success")
except Exception:
    first = told("WebClient", "an error")


async def main():
    try:
        await AsyncWebClient("xoxb-1", base_url=address).chat_postMessage(channel="C1", text="Hello")
        return told("AsyncWebClient", "success")
    except Exception:
        return told("AsyncWebClient", "an error")


print(f"{first}; {asyncio.run(main())}")
END
said=$(NO_PROXY=127.0.0.1 venv/bin/python try.py)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
