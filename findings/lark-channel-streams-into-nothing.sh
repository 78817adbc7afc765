#!/usr/bin/env bash
# Feishu/Lark's channel for Python reports a streamed reply as sent when the platform has refused every update of its card.
set -euo pipefail
PACKAGES='lark-oapi==1.7.5'
EXPECTED='each update is refused: stream() raises'
SEEN='each update is refused: stream() returns success, the card shows "Thinking..."'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check $PACKAGES
cat >try.py <<'END'
import asyncio
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lark_oapi.channel import FeishuChannel

card = {}


class Platform(BaseHTTPRequestHandler):
    def answer(self):
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        answer = {"code": 0, "msg": "ok", "tenant_access_token": "t", "expire": 7200}
        if self.path.endswith("/bot/v3/info"):
            answer["bot"] = {"open_id": "ou_bot"}
        elif self.path.endswith("/cardkit/v1/cards"):
            card["shows"] = json.loads(body["data"])["body"]["elements"][0]["content"]
            answer["data"] = {"card_id": "card_1"}
        elif "/im/v1/messages" in self.path:
            answer["data"] = {"message_id": "om_1"}
        elif "/elements/" in self.path or self.path.endswith("/settings"):
            answer = {"code": 300309, "msg": "streaming mode is closed"}
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = answer

    def log_message(self, *_):
        pass


async def speak(controller):
    await controller.append("Good morning, ")
    await controller.append("Ada.")


async def main():
    platform = ThreadingHTTPServer(("127.0.0.1", 0), Platform)
    threading.Thread(target=platform.serve_forever, daemon=True).start()
    channel = FeishuChannel(
        app_id="cli_a", app_secret="s", transport="webhook", domain=f"http://127.0.0.1:{platform.server_port}"
    )
    await asyncio.to_thread(channel.start)
    try:
        result = await channel.stream("oc_ada", {"markdown": speak})
        said = f"stream() returns {'success' if result.success else 'a failure'}"
    except Exception:
        said = "stream() raises"
    print(f'each update is refused: {said}, the card shows "{card.get("shows")}"', flush=True)
    os._exit(0)


asyncio.run(main())
END
said=$(NO_PROXY=127.0.0.1 timeout 60 env/bin/python try.py 2>/dev/null | tail -1)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
