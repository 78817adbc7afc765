#!/usr/bin/env bash
# Feishu/Lark's SDK for Python: its WebSocket client runs on the event loop that was there when it was imported.
set -euo pipefail
PACKAGES='lark-oapi==1.7.5 setuptools<81'
EXPECTED='start() in a thread: imported before the loop ran: tries to connect; imported while it runs: tries to connect'
SEEN='start() in a thread: imported before the loop ran: tries to connect; imported while it runs: RuntimeError: This event loop is already running'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check $PACKAGES
cat >try.py <<'END'
import asyncio
import logging
import subprocess
import sys
import threading

logging.disable(logging.CRITICAL)


def start(said):
    import lark_oapi
    import requests

    client = lark_oapi.ws.Client("app", "secret", auto_reconnect=False, domain="http://127.0.0.1:1")
    try:
        client.start()
    except requests.ConnectionError:
        said.append("tries to connect")
    except RuntimeError as error:
        said.append(f"RuntimeError: {error}")


async def main():
    import lark_oapi.ws.client  # the loop is looked up here, if the module is not there yet

    said = []
    thread = threading.Thread(target=start, args=(said,))
    thread.start()
    while thread.is_alive():
        await asyncio.sleep(0.05)
    print(said[0])


if len(sys.argv) > 1:
    if sys.argv[1] == "before":
        import lark_oapi.ws.client
    asyncio.run(main())
else:
    outcome = {}
    for when in ("before", "while"):
        run = subprocess.run([sys.executable, __file__, when], capture_output=True, text=True, check=True)
        outcome[when] = run.stdout.strip()
    print(f"start() in a thread: imported before the loop ran: {outcome['before']}; imported while it runs: {outcome['while']}")
END
said=$(NO_PROXY=127.0.0.1 env/bin/python try.py)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
