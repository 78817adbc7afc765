#!/usr/bin/env bash
# DingTalk's stream client for Python: start() takes the cancellation of its task for a lost network, and goes on.
set -euo pipefail
PACKAGES='dingtalk-stream==0.24.3 websockets==15.0.1'
EXPECTED='the task of start() is cancelled: it ends'
SEEN='the task of start() is cancelled: it still runs 5 s later'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check $PACKAGES
cat >try.py <<'END'
import asyncio
import logging
import os

import dingtalk_stream
import websockets

logging.disable(logging.CRITICAL)


class Client(dingtalk_stream.DingTalkStreamClient):
    port = 0

    def open_connection(self):
        return {"endpoint": f"ws://127.0.0.1:{self.port}/", "ticket": "t"}


async def main():
    server = await websockets.serve(lambda connection: connection.wait_closed(), "127.0.0.1", 0)
    client = Client(dingtalk_stream.Credential("id", "secret"))
    client.port = server.sockets[0].getsockname()[1]
    task = asyncio.create_task(client.start())
    while client.websocket is None:
        await asyncio.sleep(0.05)
    task.cancel()
    ended, _ = await asyncio.wait({task}, timeout=5)
    print("the task of start() is cancelled:", "it ends" if ended else "it still runs 5 s later", flush=True)
    os._exit(0)


asyncio.run(main())
END
said=$(NO_PROXY=127.0.0.1 env/bin/python try.py)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
