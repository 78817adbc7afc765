"""What a visitor costs who reads an answer of the widget's server part, beside what the library alone takes for it:
resident memory of a process that does nothing else, with all of them in mid-stream. And whether each reads the own
answer: everyone says a word that is no other's.

widget.py SIDE LISTENER is the process that is measured."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import uvicorn
from model import running

from memory import resident
from report import Report
from secondme_avatar import AvatarClient, Visitor
from secondme_avatar.testing import Emulator
from secondme_avatar.web import WidgetApp

VISITORS = int(os.environ.get("WIDGET_VISITORS", "2000"))
WARM_UP = 50
"""Answered before anything is measured: runtime, HTTP and allocator warm up."""
AT_ONCE = 64
"""So many begin at the same time."""
LONG = 3600.0
"""Seconds. Opening takes a while, and an answer waits for all others."""
MANY = 1e9


def measure(report: Report) -> None:
    kib, right, foreign = asyncio.run(_measured("widget"))
    alone, all_right, _ = asyncio.run(_measured("library"))
    assert all_right == VISITORS
    what = f"widget, {VISITORS:,} visitors streaming at once"
    aside = f"({kib:.1f} KiB, library {alone:.1f} KiB)"
    report.at_most(f"{what}: memory of each, of the library alone", kib / alone, 2.0, aside)
    report.at_least(f"{what}: answers that are right", right, VISITORS)
    report.at_most(f"{what}: words of another visitor", foreign, 0)


async def _measured(side: str) -> tuple[float, int, int]:
    """Returns KiB for each visitor, how many answers are right, and how many have a word of another visitor."""
    async with (
        running() as model,
        Emulator(settings={"quota_per_minute": 1_000_000, "journal": 0, **model.settings}) as emulator,
        _process(side, emulator) as (process, read),
    ):
        gate = asyncio.Semaphore(AT_ONCE)
        visitors = [Reader(number, read, gate) for number in range(WARM_UP + VISITORS)]
        warm, measured = visitors[:WARM_UP], visitors[WARM_UP:]
        warming = [asyncio.create_task(visitor.ask()) for visitor in warm]
        await asyncio.gather(*(visitor.begun.wait() for visitor in warm))
        before = resident(process.pid)
        asking = [asyncio.create_task(visitor.ask()) for visitor in measured]
        beginning = asyncio.gather(*(visitor.begun.wait() for visitor in measured))
        await asyncio.wait([beginning, *asking], return_when=asyncio.FIRST_COMPLETED)
        assert not any(task.done() for task in asking), "an answer ended before all had begun"
        took = resident(process.pid) - before
        model.ending.set()
        await asyncio.gather(*warming, *asking)
    # The own word stands at the beginning and the end of an answer, and no other one between.
    right = sum(
        visitor.heard.startswith(f"{visitor.word} ") and visitor.heard.endswith(f" {visitor.word}")
        for visitor in measured
    )
    words = {visitor.word for visitor in visitors}
    foreign = sum(bool(words & set(visitor.heard.split()) - {visitor.word}) for visitor in measured)
    return took / VISITORS, right, foreign


Read = Callable[["Reader"], AsyncIterator[str]]


class Reader:
    """Asks with a word that is no other's, and reads the answer."""

    def __init__(self, number: int, read: Read, gate: asyncio.Semaphore) -> None:
        self.number = number
        self.word = f"word-{number:05}"
        self.begun = asyncio.Event()
        self.heard = ""
        self._read = read
        self._gate = gate

    async def ask(self) -> None:
        pieces = self._read(self)
        async with self._gate:
            self.heard = await anext(pieces)
        self.begun.set()
        async for piece in pieces:
            self.heard += piece


@asynccontextmanager
async def _process(side: str, emulator: Emulator) -> AsyncIterator[tuple["subprocess.Popen[bytes]", Read]]:
    """Runs the process that is measured, and gives the way to ask it."""
    with tempfile.TemporaryDirectory() as folder:
        listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        command = [sys.executable, __file__, side, f"{listener.fileno()}"]
        environment = {**os.environ, "SECONDME_BASE_URL": emulator.base_url, "SECONDME_API_KEY": emulator.api_key}
        process = _begun(command, folder, environment, listener)
        port = listener.getsockname()[1]
        listener.close()
        try:
            async with _over_http(port) if side == "widget" else _over_a_pipe(port) as read:
                yield process, read
        finally:
            process.kill()
            process.wait()


def _begun(
    command: list[str], folder: str, environment: dict[str, str], listener: socket.socket
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, cwd=folder, env=environment, pass_fds=[listener.fileno()])


@asynccontextmanager
async def _over_http(port: int) -> AsyncIterator[Read]:
    """Asks as browsers do."""
    never = aiohttp.ClientTimeout(total=None)
    jar = aiohttp.DummyCookieJar()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{port}/", connector=connector, timeout=never, cookie_jar=jar
    ) as http:

        async def read(reader: Reader) -> AsyncIterator[str]:
            async with http.get("") as answer:
                assert answer.status == 200, await answer.text()
                cookie = answer.headers["set-cookie"].partition(";")[0]
            message = {"id": reader.word, "role": "user", "parts": [{"type": "text", "text": reader.word}]}
            async with http.post("", json={"messages": [message]}, headers={"cookie": cookie}) as answer:
                assert answer.status == 200, await answer.text()
                async for line in answer.content:
                    if line.startswith(b'data: {"type":"text-delta"'):
                        yield json.loads(line[6:])["delta"]

        yield read


@asynccontextmanager
async def _over_a_pipe(port: int) -> AsyncIterator[Read]:
    """Asks over one connection, which costs the other process next to nothing."""
    reading, writing = await asyncio.open_connection("127.0.0.1", port)
    queues: dict[int, asyncio.Queue[str | None]] = {}

    async def sort() -> None:
        while line := await reading.readline():
            number, piece = json.loads(line)
            queues[number].put_nowait(piece)

    async def read(reader: Reader) -> AsyncIterator[str]:
        queue = queues[reader.number] = asyncio.Queue()
        writing.write(json.dumps([reader.number, reader.word]).encode() + b"\n")
        while (piece := await queue.get()) is not None:
            yield piece

    sorting = asyncio.create_task(sort())
    yield read
    sorting.cancel()
    writing.close()


def serve_widget(listener: socket.socket) -> None:
    """The process with the server part, under uvicorn."""
    many = {"messages_per_minute": MANY, "address_messages_per_minute": MANY, "new_visitors_per_minute": MANY}
    widget = WidgetApp(_client(), secret="a secret of this benchmark, 32 bytes", calls_per_minute=MANY, **many)
    config = uvicorn.Config(widget, log_level="warning")
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


async def serve_library(listener: socket.socket) -> None:
    """The process with the library alone."""
    asking: set[asyncio.Task[None]] = set()

    async def served(reading: asyncio.StreamReader, writing: asyncio.StreamWriter) -> None:
        async def ask(number: int, text: str) -> None:
            chat = await client.open(Visitor.for_user("web", f"{number}"))
            async for piece in chat.stream(text):
                writing.write(json.dumps([number, piece]).encode() + b"\n")
            writing.write(json.dumps([number, None]).encode() + b"\n")

        while line := await reading.readline():
            asking.add(asyncio.create_task(ask(*json.loads(line))))

    async with _client() as client, await asyncio.start_server(served, sock=listener) as server:
        await server.serve_forever()


def _client() -> AvatarClient:
    deadlines = {"open_deadline": LONG, "ask_deadline": LONG, "first_piece_deadline": LONG, "reply_idle": LONG}
    return AvatarClient(store="visitors.db", quota=1_000_000, **deadlines)


if __name__ == "__main__":
    given = socket.socket(fileno=int(sys.argv[2]))
    if sys.argv[1] == "widget":
        serve_widget(given)
    else:
        asyncio.run(serve_library(given))
