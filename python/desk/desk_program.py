"""A desk on Matrix as a process of its own, which can be killed: what it needs is one JSON object as argument."""

import asyncio
import json
import logging
import sys
from typing import Any

from secondme_avatar import AvatarClient
from secondme_avatar.desk import Desk
from secondme_avatar.desk.matrix import MatrixConnector


async def main(settings: dict[str, Any]) -> None:
    logging.basicConfig(level=logging.WARNING)
    async with AvatarClient(**settings["client"]) as client:
        connector = MatrixConnector(**settings["connector"])
        async with Desk(client, platform="matrix", connector=connector, **settings["desk"]):
            print("ready", flush=True)
            await asyncio.Event().wait()


asyncio.run(main(json.loads(sys.argv[1])))
