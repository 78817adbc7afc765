#!/usr/bin/env bash
# ASGI's text of 2.4 has `send()` raise an OSError once the client is gone. Under uvicorn, hypercorn and granian it
# returns as if all were well, and the application's task goes on: only a `receive()` tells.
set -euo pipefail
PACKAGES='uvicorn==0.54.0 hypercorn==0.18.0 granian==2.8.9'
EXPECTED='send() raises an OSError, or the task is cancelled, soon after the client is gone'
SEEN='uvicorn: 100 sends after the client was gone, receive() says http.disconnect; hypercorn: 100 sends after the client was gone, receive() says http.disconnect; granian: 100 sends after the client was gone, receive() says http.disconnect'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check $PACKAGES
cat >program.py <<'END'
import asyncio
import os


async def app(scope, receive, send):
    if scope["type"] != "http":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    await receive()  # The request's body.
    seen = "an exception"
    try:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"data: first\n\n", "more_body": True})
        while not os.path.exists("gone"):
            await asyncio.sleep(0.01)
        for _ in range(100):
            await send({"type": "http.response.body", "body": b"data: more\n\n", "more_body": True})
            await asyncio.sleep(0.01)
        seen = f"100 sends after the client was gone, receive() says {(await receive())['type']}"
    finally:
        with open("seen.new", "w") as file:
            file.write(seen)
        os.rename("seen.new", "seen")
END
cat >try.py <<'END'
import os
import signal
import socket
import subprocess
import time

COMMANDS = {
    "uvicorn": ["--host", "127.0.0.1", "--port"],
    "hypercorn": ["--bind"],
    "granian": ["--interface", "asgi", "--host", "127.0.0.1", "--port"],
}
said = []
for name, arguments in COMMANDS.items():
    for left in ("gone", "seen"):
        if os.path.exists(left):
            os.remove(left)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    place = f"127.0.0.1:{port}" if name == "hypercorn" else f"{port}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = [f"env/bin/{name}", *arguments, place, "program:app"]
    server = subprocess.Popen(command, start_new_session=True, **quiet)
    while True:
        try:
            client = socket.create_connection(("127.0.0.1", port))
            break
        except OSError:
            time.sleep(0.05)
    client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    heard = b""
    while b"first" not in heard:
        heard += client.recv(4096)
    client.close()
    time.sleep(0.5)  # The server has noticed by now.
    open("gone", "w").close()
    while not os.path.exists("seen"):
        time.sleep(0.05)
    said.append(f"{name}: {open('seen').read()}")
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()
print("; ".join(said))
END
said=$(env/bin/python try.py)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
