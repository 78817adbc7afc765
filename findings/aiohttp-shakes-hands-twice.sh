#!/usr/bin/env bash
# aiohttp: a WebSocket handshake on a new connection that ends without an answer is made once more by ws_connect.
set -euo pipefail
PACKAGES='aiohttp==3.14.5'
EXPECTED='one ws_connect, the server closes without an answer: 1 handshake'
SEEN='one ws_connect, the server closes without an answer: 2 handshakes'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check $PACKAGES
cat >try.py <<'END'
import asyncio

import aiohttp

handshakes = []


async def serve(reader, writer):
    handshakes.append(await reader.readuntil(b"\r\n\r\n"))
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with aiohttp.ClientSession() as session:
        try:
            await session.ws_connect(f"ws://127.0.0.1:{port}/")
        except aiohttp.ServerDisconnectedError:
            pass
    count = len(handshakes)
    print(f"one ws_connect, the server closes without an answer: {count} handshake{'s' * (count > 1)}")


asyncio.run(main())
END
said=$(env/bin/python try.py)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
