#!/usr/bin/env bash
# Dify's plugin SDK: where an answer that is not streamed has no `usage`, each letter of the answer is counted as a tool,
# and the model's name as the text. The longer the answer, the more is charged: five words for each letter.
set -euo pipefail
PACKAGES='dify-plugin==0.7.4'
EXPECTED='answer "Hello there", each text counted as 1: prompt 1, completion 1; with a usage of zeros: prompt 0, completion 0'
SEEN='answer "Hello there", each text counted as 1: prompt 11, completion 56; with a usage of zeros: prompt 0, completion 0'

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


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        choice = {"index": 0, "message": {"role": "assistant", "content": "Hello there"}, "finish_reason": "stop"}
        answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        if self.path.startswith("/usage/"):
            answer["usage"] = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()


def counted(folder):
    credentials = {"endpoint_url": f"http://127.0.0.1:{server.server_port}/{folder}/v1", "api_key": "k", "mode": "chat"}
    model = OAICompatLargeLanguageModel(model_schemas=[])
    *_, last = model.invoke("m", credentials, [UserPromptMessage(content="Hi")], {}, stream=False)
    usage = last.delta.usage
    return f"prompt {usage.prompt_tokens}, completion {usage.completion_tokens}"


said = f'answer "Hello there", each text counted as 1: {counted("plain")}; with a usage of zeros: {counted("usage")}'
print(said)
END
said=$(NO_PROXY=127.0.0.1 venv/bin/python try.py 2>/dev/null)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
