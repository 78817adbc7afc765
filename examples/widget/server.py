"""The same shop in Python: ``uvicorn server:app --port 7430``, or ``python server.py``.

``SECONDME_API_KEY`` is the avatar's key, ``AVATAR_SECRET`` signs the visitors' cookies (32 bytes or more, kept as it
is).
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Response
from fastapi.staticfiles import StaticFiles

from secondme_avatar import AvatarClient
from secondme_avatar.web import WidgetApp

POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What the widget needs a page to allow is its own server: no inline style or script, and no other host."""

client = AvatarClient(store=os.environ.get("AVATAR_STORE", "avatar.db"))
widget = WidgetApp(client, secret=os.environ["AVATAR_SECRET"], owner_name=os.environ.get("OWNER_NAME"))


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with widget:
        yield


class Shop(StaticFiles):
    def file_response(self, *args: Any, **options: Any) -> Response:
        response = super().file_response(*args, **options)
        response.headers["content-security-policy"] = POLICY
        return response


app = FastAPI(lifespan=lifespan)
widget.add_to(app, "/avatar")
app.mount("/", Shop(directory=Path(__file__).parent / "shop", html=True))

if __name__ == "__main__":
    port = int(os.environ.get("PORT", "7430"))
    print(f"the shop is open: http://localhost:{port}/", flush=True)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
