#!/usr/bin/env bash
# Feishu/Lark's SDK for Python: a signed event whose header names are in lower case, as ASGI servers hand them on, is answered with 500.
set -euo pipefail
PACKAGES='lark-oapi==1.7.5'
EXPECTED='as written: 200; in lower case, as ASGI has them: 200'
SEEN='as written: 200; in lower case, as ASGI has them: 500'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check $PACKAGES
cat >try.py <<'END'
import hashlib
import json
import time

import lark_oapi as lark
from lark_oapi.core.model import RawRequest

KEY = "encrypt-key"
handler = (
    lark.EventDispatcherHandler.builder(KEY, "token", lark.LogLevel.CRITICAL)
    .register_p2_customized_event("app.asked", lambda event: None)
    .build()
)
header = {"event_id": "e", "event_type": "app.asked", "token": "token", "app_id": "a", "tenant_key": "t"}
body = json.dumps({"schema": "2.0", "header": header, "event": {}}).encode()
now = str(int(time.time()))
headers = {
    "X-Lark-Request-Timestamp": now,
    "X-Lark-Request-Nonce": "n",
    "X-Lark-Signature": hashlib.sha256((now + "n" + KEY).encode() + body).hexdigest(),
}


def deliver(sent):
    request = RawRequest()
    request.uri, request.headers, request.body = "/hook", sent, body
    return handler.do(request).status_code


lower = {name.lower(): value for name, value in headers.items()}
print(f"as written: {deliver(headers)}; in lower case, as ASGI has them: {deliver(lower)}")
END
said=$(env/bin/python try.py 2>/dev/null)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
