#!/usr/bin/env bash
# Dify's plugin SDK: server-sent events whose lines end with CR LF, or that have an `event:` line, end the answer
# there, with the finish reason "Non-JSON encountered." and without an error.
set -euo pipefail
PACKAGES='dify-plugin==0.7.4'
EXPECTED='LF: Hello there, stop; CR LF: Hello there, stop; with event lines: Hello there, stop'
SEEN='LF: Hello there, stop; CR LF: , Non-JSON encountered.; with event lines: , Non-JSON encountered.'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check $PACKAGES
cat >try.py <<'END'
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from dify_plugin.entities.model.message import UserPromptMessage
from dify_plugin.interfaces.model.openai_compatible.llm import OAICompatLargeLanguageModel

# It would fetch a vocabulary from the internet to count with.
OAICompatLargeLanguageModel._get_num_tokens_by_gpt2 = lambda self, text: 1
FORMS = {
    "LF": "data: %s\n\n",
    "CR LF": "data: %s\r\n\r\n",
    "with event lines": "event: message\ndata: %s\n\n",
}


def piece(delta, finish_reason=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        form = FORMS[self.path.split("/")[1].replace("_", " ")]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for data in [piece({"role": "assistant", "content": "Hello "}), piece({"content": "there"}), piece({}, "stop"), "[DONE]"]:
            self.wfile.write((form % data).encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
said = []
for name in FORMS:
    url = f"http://127.0.0.1:{server.server_port}/{name.replace(' ', '_')}/v1"
    model = OAICompatLargeLanguageModel(model_schemas=[])
    text, finish = "", None
    credentials = {"endpoint_url": url, "api_key": "k", "mode": "chat"}
    for chunk in model.invoke("m", credentials, [UserPromptMessage(content="Hi")], {}, stream=True):
        text += chunk.delta.message.content
        finish = chunk.delta.finish_reason or finish
    said.append(f"{name}: {text}, {finish}")
print("; ".join(said))
END
said=$(NO_PROXY=127.0.0.1 venv/bin/python try.py 2>/dev/null)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
