#!/usr/bin/env bash
# DingTalk's stream client for Python: after a normal close by the server it connects again without any wait.
set -euo pipefail
PACKAGES='dingtalk-stream==0.24.3 websockets==15.0.1'
EXPECTED='the server closes each connection with 1000: a few connections in 2 s'
SEEN='the server closes each connection with 1000: more than 100 connections in 2 s'

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
connections = 0


class Client(dingtalk_stream.DingTalkStreamClient):
    port = 0

    def open_connection(self):
        return {"endpoint": f"ws://127.0.0.1:{self.port}/", "ticket": "t"}


async def close(connection):
    global connections
    connections += 1
    await connection.close(1000)


async def main():
    server = await websockets.serve(close, "127.0.0.1", 0)
    client = Client(dingtalk_stream.Credential("id", "secret"))
    client.port = server.sockets[0].getsockname()[1]
    task = asyncio.create_task(client.start())
    await asyncio.wait({task}, timeout=2)
    count = "more than 100" if connections > 100 else "a few" if connections < 5 else str(connections)
    print(f"the server closes each connection with 1000: {count} connections in 2 s", flush=True)
    os._exit(0)


asyncio.run(main())
END
said=$(NO_PROXY=127.0.0.1 env/bin/python try.py)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
