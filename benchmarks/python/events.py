"""From a frame on the wire to an event in the program's hands, beside bare loops over the same frames.

The bare loops read what a bot needs to tell who speaks in which conversation, put replies together, and acknowledge;
the library also drops what comes twice, keeps what it does not know, and fills a queue. Its queue is so long here that
no two pieces become one: every frame is an event of its own.
"""

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import aiohttp
import websockets

from report import Report
from secondme_avatar import AvatarClient, ReplyDeltaEvent, ReplyEvent, Visitor

REPLIES = int(os.environ.get("REPLIES", "2000"))
RUNS = int(os.environ.get("REPEAT", "5"))

Side = Callable[[str, Callable[[], None]], Awaitable[float]]


async def measure(report: Report) -> None:
    speeds: dict[str, list[float]] = {"ours": [], "aiohttp": [], "websockets": []}
    sides: dict[str, Side] = {"ours": ours, "aiohttp": with_aiohttp, "websockets": with_websockets}
    with server() as (base_url, frames):
        for run in range(RUNS + 1):
            for name, side in sides.items():
                speed = REPLIES * frames / await side(base_url, lambda: begin(base_url)) / 1e6
                if run:
                    speeds[name].append(speed)
    for name, bar in (("aiohttp", 12), ("websockets", 5)):
        ratios = [mine / theirs for mine, theirs in zip(speeds["ours"], speeds[name], strict=True)]
        aside = f"({median(speeds['ours']):.3f} M/s, by hand {median(speeds[name]):.3f} M/s)"
        report.at_least(f"events through `async for`, of {name} + json", median(ratios), bar, aside)


async def ours(base_url: str, begin: Callable[[], None]) -> float:
    async with AvatarClient("sk-bench", base_url=base_url, event_queue=1_000_000) as client:
        chat = await client.open(Visitor.for_user("web", "bench"))
        events = chat.events()
        begin()
        replies = pieces = 0
        started = 0.0
        async for event in events:
            started = started or time.perf_counter()
            match event:
                case ReplyDeltaEvent(text):
                    pieces += len(text)
                case ReplyEvent(text):
                    pieces -= len(text)
                    replies += 1
                    if replies == REPLIES:
                        break
        took = time.perf_counter() - started
        assert pieces == 0
        return took


async def with_aiohttp(base_url: str, begin: Callable[[], None]) -> float:
    async with aiohttp.ClientSession() as http, http.ws_connect(await address(http, base_url)) as socket:
        begin()
        bot = Bare()
        async for message in socket:
            if ack := bot.take(message.data):
                await socket.send_str(ack)
            if bot.replies == REPLIES:
                break
        return bot.took()


async def with_websockets(base_url: str, begin: Callable[[], None]) -> float:
    async with aiohttp.ClientSession() as http:
        found = await address(http, base_url)
    async with websockets.connect(found, compression=None, max_queue=1024) as socket:
        begin()
        bot = Bare()
        async for message in socket:
            if ack := bot.take(message):
                await socket.send(ack)
            if bot.replies == REPLIES:
                break
        return bot.took()


class Bare:
    """What a bare loop does with a frame."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.replies = 0
        self.started = 0.0

    def take(self, text: Any) -> str | None:
        """Gives what is to be sent."""
        self.started = self.started or time.perf_counter()
        frame = json.loads(text)
        if frame["type"] != "msg" or frame["sender"] != "umm" or frame["sessionId"] != "session-1":
            return None
        pieces = self.texts.setdefault(frame["messageId"], [])
        pieces.extend(part["modal"]["answer"] for part in frame["multipleData"])
        if frame["index"] == -1:
            "".join(self.texts.pop(frame["messageId"]))
            self.replies += 1
        return json.dumps({"type": "ack", "seqId": frame["seqId"], "wsId": "ws:1"})

    def took(self) -> float:
        return time.perf_counter() - self.started


async def address(http: aiohttp.ClientSession, base_url: str) -> str:
    async with http.post(f"{base_url}/rest/general/ws/create", json={}) as answer:
        return str((await answer.json())["data"]["address"])


def begin(base_url: str) -> None:
    body = json.dumps({"replies": REPLIES}).encode()
    request = urllib.request.Request(f"{base_url}/_bench/begin", body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request).close()


@contextmanager
def server() -> Iterator[tuple[str, int]]:
    """A service that does nothing but write frames: where it is, and the frames of a reply."""
    command = [os.environ["BENCHMARK_SERVER"], "serve"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    about = json.loads(process.stdout.readline())
    try:
        yield about["base_url"], about["frames_per_reply"]
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()
