#!/usr/bin/env bash
# LiteLLM: `user` is sent for an OpenAI model that it knows, and left out for any other name at the same address.
set -euo pipefail
PACKAGES='litellm==1.110.2'
EXPECTED='gpt-4o: user u-42; avatar: user u-42'
SEEN='gpt-4o: user u-42; avatar: user is not sent'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check $PACKAGES
cat >try.py <<'END'
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import litellm

bodies = []


class Service(BaseHTTPRequestHandler):
    def do_POST(self):
        bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        message = {"role": "assistant", "content": "Hello"}
        answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "m",
                  "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                  "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
for model in ("openai/gpt-4o", "openai/avatar"):
    litellm.completion(model=model, api_base=f"http://127.0.0.1:{server.server_port}/v1", api_key="k", user="u-42",
                       messages=[{"role": "user", "content": "Hi"}])
print("; ".join(f"{body['model']}: user {body.get('user', 'is not sent')}" for body in bodies))
END
said=$(NO_PROXY=127.0.0.1 LITELLM_LOCAL_MODEL_COST_MAP=True env/bin/python try.py)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
