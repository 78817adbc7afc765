#!/usr/bin/env bash
# matrix-nio: an error in an event callback ends sync_forever, and the messages behind it in the same sync never come.
set -euo pipefail
PACKAGES='matrix-nio==0.26.0 aiohttp==3.14.5'
EXPECTED='a callback fails at the first of three messages, sync_forever is called again: it hears one, two, three'
SEEN='a callback fails at the first of three messages, sync_forever is called again: it hears one'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check $PACKAGES
cat >try.py <<'END'
import asyncio

import nio
from aiohttp import web


async def sync(request):
    since = request.query.get("since")
    texts = [] if since else ["one", "two", "three"]
    if since:
        await asyncio.sleep(0.1)
    events = [
        {"type": "m.room.message", "event_id": f"${text}", "sender": "@ada:x", "origin_server_ts": 1,
         "content": {"msgtype": "m.text", "body": text}}
        for text in texts
    ]
    room = {
        "timeline": {"events": events, "limited": False, "prev_batch": "p"}, "state": {"events": []},
        "ephemeral": {"events": []}, "account_data": {"events": []}, "unread_notifications": {}, "summary": {},
    }
    return web.json_response({
        "next_batch": "1", "rooms": {"join": {"!room:x": room} if texts else {}, "invite": {}, "leave": {}},
        "presence": {"events": []}, "to_device": {"events": []}, "device_lists": {}, "device_one_time_keys_count": {},
    })


async def main():
    app = web.Application()
    app.router.add_get("/_matrix/client/{version}/sync", sync)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    client = nio.AsyncClient(f"http://127.0.0.1:{port}", "@bot:x")
    client.access_token, client.user_id = "token", "@bot:x"
    heard = []

    async def hear(_room, event):
        heard.append(event.body)
        if event.body == "one":
            raise ValueError("a mistake of the program")

    client.add_event_callback(hear, nio.RoomMessageText)
    for _ in range(2):
        task = asyncio.create_task(client.sync_forever(timeout=1000))
        await asyncio.wait({task}, timeout=2)
        task.cancel()
    await client.close()
    said = "a callback fails at the first of three messages, sync_forever is called again"
    print(f"{said}: it hears {', '.join(heard)}")


asyncio.run(main())
END
said=$(NO_PROXY=127.0.0.1 env/bin/python try.py 2>try.log)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
