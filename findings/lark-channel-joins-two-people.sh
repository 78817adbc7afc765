#!/usr/bin/env bash
# Feishu/Lark's channel for Python joins what two people say to a bot in one group within 0.6 s, and hands it on as the
# words of the second.
set -euo pipefail
PACKAGES='lark-oapi==1.7.5'
EXPECTED='Ada: "I am Ada, call me at nine" | Bob: "What is on today?"'
SEEN='Bob: "I am Ada, call me at nine / What is on today?"'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check $PACKAGES
cat >try.py <<'END'
import asyncio
import json
import os
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lark_oapi.channel import FeishuChannel


class Platform(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        body = {"code": 0, "tenant_access_token": "t", "expire": 7200, "bot": {"open_id": "ou_bot"}}
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST

    def log_message(self, *_):
        pass


def event(number, person, text):
    now = str(int(time.time() * 1000))
    mention = {"key": "@_user_1", "id": {"open_id": "ou_bot"}, "name": "Bot"}
    message = {
        "message_id": f"om_{number}",
        "create_time": now,
        "chat_id": "oc_group",
        "chat_type": "group",
        "message_type": "text",
        "content": json.dumps({"text": f"@_user_1 {text}"}),
        "mentions": [mention],
    }
    sender = {"sender_id": {"open_id": f"ou_{person}"}, "sender_type": "user"}
    header = {"event_id": f"e{number}", "event_type": "im.message.receive_v1", "create_time": now, "app_id": "cli_a"}
    return json.dumps({"schema": "2.0", "header": header, "event": {"sender": sender, "message": message}}).encode()


async def main():
    platform = ThreadingHTTPServer(("127.0.0.1", 0), Platform)
    threading.Thread(target=platform.serve_forever, daemon=True).start()
    channel = FeishuChannel(
        app_id="cli_a", app_secret="s", transport="webhook", domain=f"http://127.0.0.1:{platform.server_port}"
    )
    heard = []
    channel.on("message", lambda message: heard.append((message.sender.open_id, message.content.text)))
    await asyncio.to_thread(channel.start)
    for number, (person, text) in enumerate([("Ada", "I am Ada, call me at nine"), ("Bob", "What is on today?")]):
        await channel.handle_webhook_request({}, event(number, person, text))
        await asyncio.sleep(0.2)
    await asyncio.sleep(4)
    said = []
    for person, text in heard:
        lines = [re.sub(r"^\s*@\S+\s*", "", line) for line in text.split("\n") if line]
        said.append(f'{person.removeprefix("ou_")}: "{" / ".join(lines)}"')
    print(" | ".join(said), flush=True)
    os._exit(0)


asyncio.run(main())
END
said=$(NO_PROXY=127.0.0.1 timeout 60 env/bin/python try.py 2>/dev/null | tail -1)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
