#!/usr/bin/env bash
# matrix-nio waits five seconds where a server's 429 says `Retry-After: 1`, as Matrix has it since version 1.10: it reads
# only the deprecated `retry_after_ms`.
set -euo pipefail
PACKAGES='matrix-nio==0.26.0'
EXPECTED='Retry-After: 1: waits 1 s; Retry-After: 60: waits 60 s; retry_after_ms 1500: waits 1.5 s'
SEEN='Retry-After: 1: waits 5 s; Retry-After: 60: waits 5 s; retry_after_ms 1500: waits 1.5 s'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check $PACKAGES
cat >try.py <<'END'
import asyncio
import logging

import nio
from aiohttp import web
from nio.client import async_client

logging.disable()
answers = []
waits = []
sleep = asyncio.sleep


class Time:
    def __getattr__(self, name):
        return getattr(asyncio, name)

    async def sleep(self, seconds):
        waits.append(seconds)
        await sleep(0)


async def send(request):
    return answers.pop(0)


async def main():
    app = web.Application()
    app.router.add_put("/{path:.*}", send)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    client = nio.AsyncClient(f"http://127.0.0.1:{port}", "@bot:example.org")
    client.restore_login("@bot:example.org", "D", "token")
    async_client.asyncio = Time()
    said = []
    for name, headers, extra in [
        ("Retry-After: 1", {"Retry-After": "1"}, {}),
        ("Retry-After: 60", {"Retry-After": "60"}, {}),
        ("retry_after_ms 1500", {}, {"retry_after_ms": 1500}),
    ]:
        limited = {"errcode": "M_LIMIT_EXCEEDED", "error": "Too many requests", **extra}
        answers[:] = [web.json_response(limited, status=429, headers=headers), web.json_response({"event_id": "$1"})]
        waits.clear()
        await client.room_send("!room:example.org", "m.room.message", {"msgtype": "m.text", "body": "Hi"})
        said.append(f"{name}: waits {max(waits):g} s")
    print("; ".join(said))
    await client.close()
    await runner.cleanup()


asyncio.run(main())
END
said=$(NO_PROXY=127.0.0.1 timeout 60 env/bin/python try.py 2>/dev/null)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
