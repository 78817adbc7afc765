"""A shop as the tests want it, with the server part of Python: python serve.py OPTIONS, as JSON. Prints its port."""

import asyncio
import json
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response

from secondme_avatar import AvatarClient, Visitor
from secondme_avatar.web import WidgetApp


def snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


options: dict[str, Any] = json.loads(sys.argv[1])
port, store, base_url, api_key = (options.pop(name) for name in ("port", "store", "baseUrl", "apiKey"))
pages, policy = options.pop("pages"), options.pop("policy", None)
if options.pop("logins", None):
    # Who is signed in is read from a cookie as it is; a real shop's is signed.
    del options["secret"], options["newVisitorsPerMinute"]

    def visitor_of(scope: Any) -> Visitor | None:
        login = re.search(r"(?:^|; )login=(\w+)", dict(scope["headers"]).get(b"cookie", b"").decode())
        return Visitor.for_user("shop", login[1]) if login else None

    options["visitorOf"] = visitor_of
reports: list[Any] = []

# Silence ends no reply: only a test says when the avatar goes on.
client = AvatarClient(api_key, store=store, base_url=base_url, reply_idle=3600)
widget = WidgetApp(client, **{snake(name): value for name, value in options.items()})


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with widget:
        yield


app = FastAPI(lifespan=lifespan)
widget.add_to(app, "/avatar")


@app.post("/reports")
async def report(request: Request) -> Response:
    reports.append(json.loads(await request.body()))
    return Response(status_code=204)


@app.get("/reports")
async def told() -> list[Any]:
    return reports


@app.get("/{path:path}")
async def page(path: str) -> Response:
    shown = pages.get(f"/{path}")
    if shown is None:
        return Response(status_code=404)
    headers = {"content-security-policy": f"{policy}; report-uri /reports"} if policy else {}
    return Response(shown["body"], media_type=shown["type"], headers=headers)


async def main() -> None:
    listening = socket.create_server(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
    await server.serve(sockets=[listening])


asyncio.run(main())
