"""The fake of Chatwoot as a process, a server for the connector's webhooks, and what people do and see there."""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import uvicorn

ROOT = Path(__file__).parents[2]
Json = dict[str, Any]


class FakeChatwoot:
    """A fake that runs."""

    def __init__(self, process: "subprocess.Popen[str]", said: Json, http: httpx.AsyncClient) -> None:
        self.process, self._http = process, http
        self.url: str = said["url"]
        self.accounts: list[Json] = said["bot"]["accounts"]

    async def control(self, name: str, /, **body: Any) -> Json:
        answer = await self._http.post(f"{self.url}/control/{name}", json=body)
        said: Json = answer.json()
        assert answer.status_code == 200, said
        return said

    async def look(self, name: str) -> Json:
        return dict((await self._http.get(f"{self.url}/control/{name}")).json())

    async def say(self, user: str, text: str, **more: Any) -> Json:
        return await self.control("say", user=user, text=text, **more)

    async def act(self, conversation: int, does: str, text: str = "", agent: str = "Carol", account: int = 1) -> Json:
        return await self.control("act", agent=agent, conversation=conversation, does=does, text=text, account=account)

    async def fault(self, **fault: Any) -> None:
        await self.control("fault", **fault)

    async def chat(self, conversation: int, account: int = 1) -> Json:
        chats = (await self.look("chats"))["chats"]
        return next(chat for chat in chats if (chat["account"], chat["number"]) == (account, conversation))

    async def said(self, conversation: int, account: int = 1, *, private: bool = False) -> list[str]:
        """What stands in a conversation, each line as ``NAME: text``, without Chatwoot's own remarks."""
        return _written(await self.chat(conversation, account), private)

    async def said_everywhere(self) -> dict[int, list[str]]:
        """The same of all conversations of the first account, by their numbers."""
        chats = (await self.look("chats"))["chats"]
        return {chat["number"]: _written(chat, False) for chat in chats if chat["account"] == 1}

    async def until(self, condition: Callable[[], Awaitable[Any]], patience: float = 120.0) -> Any:
        """Waits until it is so, and returns what it is."""
        end = time.monotonic() + patience
        while not (found := await condition()):
            assert time.monotonic() < end, json.dumps(await self.said_everywhere(), ensure_ascii=False, indent=1)[
                -9000:
            ]
            await asyncio.sleep(0.02)
        return found

    async def until_said(self, conversation: int, lines: list[str], **where: Any) -> None:
        """Waits until this stands in the conversation, and nothing else."""

        async def are_there() -> bool:
            return len(await self.said(conversation, **where)) >= len(lines)

        await self.until(are_there)
        said = await self.said(conversation, **where)
        assert said == lines, said

    async def until_delivered(self) -> None:
        """Waits until no webhook is under way."""

        async def nothing() -> bool:
            return not (await self.look("webhooks"))["undelivered"]

        await self.until(nothing)


def _written(chat: Json, private: bool) -> list[str]:
    meant = (one for one in chat["messages"] if one["kind"] != "activity" and one["private"] is private)
    return [f"{message['name']}: {message['text']}" for message in meant]


@contextlib.asynccontextmanager
async def fake_chatwoot() -> AsyncIterator[FakeChatwoot]:
    program = ROOT / "examples" / "platforms" / "chatwoot.mjs"
    process = await asyncio.to_thread(_started, ["node", str(program), "--quiet", "--until-stdin-ends"])
    try:
        assert process.stdout is not None
        said = json.loads(await asyncio.to_thread(process.stdout.readline))
        # A connection that waits may be closed by the other side in the moment in which it is used again.
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(limits=limits, timeout=30, trust_env=False) as http:
            yield FakeChatwoot(process, said, http)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await asyncio.to_thread(process.wait)
        assert process.stdout is not None
        process.stdout.close()


def _started(command: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sys.stderr, text=True)


@contextlib.asynccontextmanager
async def served(app: Any, port: int = 0) -> AsyncIterator[str]:
    """Serves an ASGI app, and gives its address."""
    listening = socket.create_server(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            assert not task.done(), "the server has ended"
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listening.close()
