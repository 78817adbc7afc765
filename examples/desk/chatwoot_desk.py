"""A desk at Chatwoot: set what docs/desk.md names, and run it behind a proxy that speaks TLS."""

import asyncio
import os
from pathlib import Path

import uvicorn

from secondme_avatar import AvatarClient
from secondme_avatar.desk import BusinessHours, Desk
from secondme_avatar.desk.chatwoot import ChatwootConnector


def hours_of_environment() -> BusinessHours | None:
    """``DESK_HOURS`` names a file: ``{"zone": "Europe/Berlin", "week": {"mon-fri": "09:00-18:00"}}``."""
    path = os.environ.get("DESK_HOURS")
    return BusinessHours.from_json(Path(path).read_text(encoding="utf-8")) if path else None


async def main() -> None:
    connector = ChatwootConnector.from_environment()
    hours = hours_of_environment()
    port = int(os.environ.get("PORT", "3000"))
    server = uvicorn.Server(uvicorn.Config(connector, host="127.0.0.1", port=port, lifespan="off"))
    async with (
        AvatarClient(store=os.environ.get("AVATAR_STORE", "desk.db")) as client,
        Desk(client, platform="chatwoot", connector=connector, hours=hours, language="en"),
    ):
        await server.serve()


if __name__ == "__main__":
    asyncio.run(main())
