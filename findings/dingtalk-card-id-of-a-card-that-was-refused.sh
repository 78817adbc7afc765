#!/usr/bin/env bash
# DingTalk Stream SDK for Python: a card that the service refuses comes back as an id, as if it were there.
set -euo pipefail
PACKAGES='dingtalk-stream==0.24.3'
EXPECTED='an exception, or nothing'
SEEN='create_and_deliver_card, refused with 403, returns an id of a card'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check $PACKAGES
cat >try.py <<'END'
import json
import logging
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer


class Service(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        token = self.path.endswith("/accessToken")
        body = {"accessToken": "t", "expireIn": 7200} if token else {"code": "Forbidden.AccessDenied", "message": "quota"}
        self.send_response(200 if token else 403)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["DINGTALK_OPENAPI_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"

import dingtalk_stream  # noqa: E402  (it reads the variable when it is imported)

logger = logging.getLogger("silent")
logger.addHandler(logging.NullHandler())
logger.propagate = False
client = dingtalk_stream.DingTalkStreamClient(dingtalk_stream.Credential("id", "secret"), logger=logger)
message = dingtalk_stream.ChatbotMessage.from_dict({
    "msgId": "m", "conversationId": "c", "conversationType": "1", "senderStaffId": "u", "senderId": "u", "robotCode": "r",
    "msgtype": "text", "text": {"content": "Hi"},
})
replier = dingtalk_stream.CardReplier(client, message)
try:
    card = replier.create_and_deliver_card("template", {"content": "Hello"})
    print(f"create_and_deliver_card, refused with 403, returns {'an id of a card' if card else repr(card)}")
except Exception as error:
    print(f"create_and_deliver_card, refused with 403, raises {type(error).__name__}")
END
said=$(NO_PROXY=127.0.0.1 env/bin/python try.py 2>/dev/null)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
