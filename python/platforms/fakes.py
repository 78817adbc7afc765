"""The fakes of the platforms in ``examples/platforms``, as processes, and what one says to them."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, TCPConnector

from secondme_avatar.testing import Emulator

ROOT = Path(__file__).parents[2]
Json = dict[str, Any]


class Platform:
    """A fake that runs."""

    def __init__(self, process: "subprocess.Popen[str]", said: Json, session: ClientSession) -> None:
        self._process, self._session = process, session
        self.name: str = said["platform"]
        self.url: str = said["url"]
        self.bot: Json = said["bot"]

    async def control(self, name: str, /, **body: Any) -> Json:
        async with self._session.post(f"{self.url}/control/{name}", json=body) as answer:
            said: Json = await answer.json()
            assert answer.status == 200, said
            return said

    async def look(self, name: str) -> Json:
        async with self._session.get(f"{self.url}/control/{name}") as answer:
            return dict(await answer.json())

    async def say(self, user: str, text: str, **more: Any) -> Json:
        return await self.control("say", user=user, text=text, **more)

    async def fault(self, **fault: Any) -> None:
        await self.control("fault", **fault)

    async def shown(self) -> dict[str, list[str]]:
        """What the bot shows in each chat, in order, by the chat's name."""
        chats = (await self.look("chats"))["chats"]
        return {chat["name"]: [m["text"] for m in chat["messages"] if m["bot"]] for chat in chats}

    async def until(
        self, condition: Callable[[dict[str, list[str]]], object], patience: float = 120.0
    ) -> dict[str, list[str]]:
        """Waits until what is shown is so."""
        end = time.monotonic() + patience
        while not condition(shown := await self.shown()):
            assert time.monotonic() < end, shown
            await asyncio.sleep(0.05)
        return shown

    async def until_delivered(self, patience: float = 300.0) -> None:
        """Waits until the bot has taken all that was said."""
        end = time.monotonic() + patience
        while (await self.look("chats"))["undelivered"]:
            assert time.monotonic() < end, "the bot does not take what is said"
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def platform(name: str) -> AsyncIterator[Platform]:
    program = ROOT / "examples" / "platforms" / f"{name}.mjs"
    command = ["node", str(program), "--quiet", "--until-stdin-ends"]
    process = await asyncio.to_thread(_started, command)
    try:
        assert process.stdout is not None
        said = json.loads(await asyncio.to_thread(process.stdout.readline))
        # A connection that waits may be closed by the other side in the moment in which it is used again.
        async with ClientSession(connector=TCPConnector(force_close=True, limit=20)) as session:
            yield Platform(process, said, session)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def _started(command: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class Bot:
    """A bot of ``examples/bots`` as a process."""

    def __init__(self, place: Platform, emulator: Emulator, folder: Path, **environment: str) -> None:
        bot = place.bot
        given = {
            "slack": lambda: {
                "SLACK_BOT_TOKEN": bot["token"],
                "SLACK_APP_TOKEN": bot["appToken"],
                "SLACK_API_URL": bot["apiUrl"],
            },
            "feishu": lambda: {
                "FEISHU_APP_ID": bot["appId"],
                "FEISHU_APP_SECRET": bot["appSecret"],
                "FEISHU_DOMAIN": bot["domain"],
            },
            "dingtalk": lambda: {
                "DINGTALK_CLIENT_ID": bot["clientId"],
                "DINGTALK_CLIENT_SECRET": bot["clientSecret"],
                "DINGTALK_OPENAPI_ENDPOINT": bot["endpoint"],
                "DINGTALK_CARD_TEMPLATE_ID": bot["cardTemplateId"],
            },
        }[place.name]()
        self._environment = {
            **os.environ,
            **given,
            "SECONDME_API_KEY": emulator.api_key,
            "SECONDME_BASE_URL": emulator.base_url,
            "AVATAR_STORE": str(folder / "bot.db"),
            "SECONDME_QUOTA": "100000",
            **environment,
        }
        self._program = ROOT / "examples" / "bots" / place.name / "bot.py"
        self._log = folder / "bot.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, str(self._program)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)

    def kill(self) -> None:
        """Kills it without a warning."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")
