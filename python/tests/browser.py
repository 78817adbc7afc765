"""Browsers and servers for the tests of the widget's server part: real sockets, a real ASGI server."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from secondme_avatar.web import WidgetApp

SECRET = "0123456789abcdef0123456789abcdef"
PATIENCE = 60.0
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that speak plain HTTP: each without it would read the system's certificates, which takes longer than most
tests."""

Json = dict[str, Any]


@dataclass
class Answer:
    """The answer to a question, as AI SDK reads it."""

    status: int
    headers: httpx.Headers
    parts: list[Json] = field(default_factory=list)
    is_done: bool = False

    @property
    def text(self) -> str:
        return "".join(part["delta"] for part in self.parts if part["type"] == "text-delta")

    @property
    def types(self) -> list[str]:
        """The kinds of its parts, pieces of a text taken as one."""
        kinds = [part["type"] for part in self.parts]
        return [kind for number, kind in enumerate(kinds) if kind != "text-delta" or kinds[number - 1] != kind]


class Events:
    """The event stream of a tab."""

    def __init__(self) -> None:
        self.all: list[Json] = []
        """Without what grows."""
        self.everything: list[tuple[str, Json]] = []
        """With the last id that the stream had told by then."""
        self.ids: list[str] = []
        self.task: asyncio.Task[None] | None = None
        self.changed = asyncio.Event()

    async def until(self, **wanted: Any) -> Json:
        """The first event with these fields, once it is there."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for event in self.all:
                    if all(event.get(name) == value for name, value in wanted.items()):
                        return event
                self.changed.clear()
                await self.changed.wait()

    def of(self, kind: str) -> list[Json]:
        return [event for event in self.all if event["type"] == kind]


class Browser:
    """One visitor's browser."""

    def __init__(self, base: str, **options: Any) -> None:
        self.http = httpx.AsyncClient(base_url=base, timeout=PATIENCE, verify=PLAIN, **options)
        self.cookie = ""

    async def open(self) -> Json:
        """Calls what gives it a cookie."""
        answer = await self.http.get("", headers=self.headers)
        assert answer.status_code == 200, answer.text
        if "set-cookie" in answer.headers:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
        status: Json = answer.json()
        return status

    @property
    def headers(self) -> dict[str, str]:
        return {"cookie": self.cookie} if self.cookie else {}

    async def get(self, path: str, **params: Any) -> Any:
        answer = await self.http.get(path, params=params, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def ask(self, id: str, text: str, on_part: Callable[[Json], object] | None = None) -> Answer:
        """Asks, and reads the whole answer."""
        async with self.http.stream("POST", "", json=question(id, text), headers=self.headers) as response:
            return await read(response, on_part)

    async def resume(self, on_part: Callable[[Json], object] | None = None) -> Answer:
        """Reads the answer that is under way."""
        async with self.http.stream("GET", "/chat/stream", headers=self.headers) as response:
            return await read(response, on_part)

    @asynccontextmanager
    async def events(self, last: str | None = None) -> AsyncIterator[Events]:
        """Reads the event stream meanwhile."""
        events = Events()
        more = {"last-event-id": last} if last is not None else {}
        async with self.http.stream("GET", "/events", headers=self.headers | more) as response:
            assert response.status_code == 200
            events.task = asyncio.create_task(_listen(response, events))
            try:
                await events.until(type="owner")
                yield events
            finally:
                events.task.cancel()
                await asyncio.gather(events.task, return_exceptions=True)

    async def __aenter__(self) -> "Browser":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()


def question(id: str, text: str) -> Json:
    message = {"id": id, "role": "user", "parts": [{"type": "text", "text": text}]}
    return {"id": "chat", "trigger": "submit-message", "messages": [message]}


async def read(response: httpx.Response, on_part: Callable[[Json], object] | None = None) -> Answer:
    answer = Answer(response.status_code, response.headers)
    if response.status_code != 200:
        await response.aread()
        if response.content:
            answer.parts.append(response.json())
        return answer
    async for line in response.aiter_lines():
        if line == "data: [DONE]":
            answer.is_done = True
        elif line.startswith("data: "):
            answer.parts.append(json.loads(line[6:]))
            if on_part is not None:
                on_part(answer.parts[-1])
    return answer


async def _listen(response: httpx.Response, events: Events) -> None:
    id = ""
    async for line in response.aiter_lines():
        if line.startswith("id: "):
            id = line[4:]
        elif line.startswith("data: "):
            event: Json = json.loads(line[6:])
            if event["type"] not in ("growing", "piece"):
                events.all.append(event)
                events.ids.append(id)
            events.everything.append((id, event))
            events.changed.set()


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """Runs an ASGI application under uvicorn, and gives its address."""
    # A connection that the server closed after uvicorn's 5 s could be used again in that moment.
    patient: Json = {"timeout_keep_alive": int(PATIENCE), "timeout_graceful_shutdown": 1, "backlog": 4096}
    config = uvicorn.Config(app, log_level="warning", lifespan="on", **patient)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        async with asyncio.timeout(PATIENCE):
            while not server.started:
                assert not running.done(), "the server ended"
                await asyncio.sleep(0.001)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def mounted(widget: WidgetApp) -> AsyncIterator[str]:
    """Runs the widget's server part within FastAPI, and gives its own address."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with widget:
            yield

    app = FastAPI(lifespan=lifespan)
    widget.add_to(app, "/avatar")
    async with served(app) as base:
        yield f"{base}/avatar"
