#!/usr/bin/env bash
# Dify's plugin SDK has a class of error for a wrong key, a used-up quota and a server that is away, and its class for
# OpenAI-compatible models raises none of them: 401, 429 and 503 are all the plain InvokeError.
set -euo pipefail
PACKAGES='dify-plugin==0.7.4'
EXPECTED='401: InvokeAuthorizationError; 429: InvokeRateLimitError; 503: InvokeServerUnavailableError'
SEEN='401: InvokeError; 429: InvokeError; 503: InvokeError'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check $PACKAGES
cat >try.py <<'END'
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from dify_plugin.entities.model.message import UserPromptMessage
from dify_plugin.interfaces.model.openai_compatible.llm import OAICompatLargeLanguageModel

STATUSES = (401, 429, 503)


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"error": {"message": "no", "type": "t", "code": "c", "param": null}}'
        self.send_response(int(self.path.split("/")[1]))
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("retry-after", "20")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
said = []
for status in STATUSES:
    credentials = {"endpoint_url": f"http://127.0.0.1:{server.server_port}/{status}/v1", "api_key": "k", "mode": "chat"}
    try:
        list(OAICompatLargeLanguageModel(model_schemas=[]).invoke("m", credentials, [UserPromptMessage(content="Hi")], {}))
    except Exception as error:
        said.append(f"{status}: {type(error).__name__}")
print("; ".join(said))
END
said=$(NO_PROXY=127.0.0.1 venv/bin/python try.py 2>/dev/null)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
