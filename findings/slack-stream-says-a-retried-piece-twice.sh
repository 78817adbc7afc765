#!/usr/bin/env bash
# Slack's SDK for Python: a piece whose append() failed stays in the stream's buffer, so that the same append() again,
# as after a 429, says the piece twice; a stop() again does so too.
set -euo pipefail
PACKAGES='slack-sdk==3.48.0 aiohttp==3.14.5'
EXPECTED='append() again after a 429: "Hello there. "; stop() again after a 429: "Hello there. Bye."'
SEEN='append() again after a 429: "Hello there. Hello there. "; stop() again after a 429: "Hello there. Bye.Bye."'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check $PACKAGES
cat >try.py <<'END'
import asyncio
import json

from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

refused = set()
shown = ""


async def slack(request):
    """A fake of Slack: refuses the first call of the methods in `refused`, and knows what its message shows."""
    global shown
    method = request.path.rsplit("/", 1)[1]
    given = await (request.json() if request.content_type == "application/json" else request.post())
    if method in refused:
        refused.remove(method)
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": "0"})
    chunks = given.get("chunks") or []
    chunks = json.loads(chunks) if isinstance(chunks, str) else chunks
    shown += "".join(chunk.get("text", "") for chunk in chunks)
    return web.json_response({"ok": True, "ts": "1.1", "channel": "C1"})


async def again(call, **arguments):
    """Waits as Retry-After says and makes the call again, as one does after a 429."""
    try:
        await call(**arguments)
    except SlackApiError as error:
        await asyncio.sleep(float(error.response.headers["Retry-After"]))
        await call(**arguments)


async def play(client, *methods):
    global shown
    shown = ""
    refused.update(methods)
    stream = await client.chat_stream(channel="C1", thread_ts="1.0", recipient_team_id="T", recipient_user_id="U", buffer_size=1)
    await again(stream.append, markdown_text="Hello there. ")
    if "chat.stopStream" in methods:
        await again(stream.stop, markdown_text="Bye.")
    return json.dumps(shown)


async def main():
    app = web.Application()
    app.router.add_post("/api/{method}", slack)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    client = AsyncWebClient("xoxb-1", base_url=f"http://127.0.0.1:{port}/api/")
    appended = await play(client, "chat.startStream")
    stopped = await play(client, "chat.stopStream")
    print(f"append() again after a 429: {appended}; stop() again after a 429: {stopped}")
    await runner.cleanup()


asyncio.run(main())
END
said=$(NO_PROXY=127.0.0.1 venv/bin/python try.py)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
