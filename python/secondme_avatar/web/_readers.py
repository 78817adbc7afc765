"""Streams to browsers: each reader has a place in what is to be read, so that a slow one costs no memory."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ._growing import Growth
from ._http import Headers, Receive, Send

KEEP_ALIVE = 15.0
"""After so many seconds of silence a comment shows that the connection is there."""
_COMMENT = b": keep-alive\n\n"


class Reader:
    """Waits for what is new."""

    __slots__ = ("_timer", "_waits", "growth", "is_dismissed", "is_gone")

    def __init__(self) -> None:
        self.growth: Growth | None = None
        """How far it has read of a reply that grows."""
        self.is_gone = False
        """Whether the client is gone."""
        self.is_dismissed = False
        """Whether the server ends the stream."""
        self._waits: asyncio.Future[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """Says that there is something new."""
        self._settle(True)

    def leave(self) -> None:
        """Says that the client is gone."""
        self.is_gone = True
        self._settle(True)

    def dismiss(self) -> None:
        """Ends the stream, which makes room for a newer one."""
        self.is_dismissed = True
        self.leave()

    async def wait(self) -> bool:
        """Returns when there is something new, or false after a silence."""
        loop = asyncio.get_running_loop()
        self._waits = loop.create_future()
        self._timer = loop.call_later(KEEP_ALIVE, self._settle, False)
        try:
            return await self._waits
        finally:
            self._timer.cancel()
            self._waits = self._timer = None

    def _settle(self, came: bool) -> None:
        if self._waits is not None and not self._waits.done():
            self._waits.set_result(came)


class Source(ABC):
    """What readers read."""

    __slots__ = ()

    @abstractmethod
    def add(self, reader: Reader) -> None:
        """Wakes this reader from now on."""

    @abstractmethod
    def remove(self, reader: Reader) -> None:
        """Wakes it no more."""

    @abstractmethod
    def take(self, place: int, reader: Reader) -> tuple[bytes, int]:
        """Returns what is new behind a reader's place, and the place behind that."""

    @property
    @abstractmethod
    def is_over(self) -> bool:
        """Whether nothing more comes."""


EVENT_STREAM: Final[Headers] = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
]
"""What is between leaves a stream as it is: compressed or gathered, pieces would come late and many at once."""


@dataclass(slots=True, eq=False)
class Stream:
    """An answer that is a stream: what a source has from a place on."""

    source: Source
    headers: Headers
    place: int = 0
    first: bytes = b""
    """What comes before."""
    end: Callable[[], None] | None = None
    """Is called at its end."""
    reader: Reader = field(default_factory=Reader)


async def send_stream(stream: Stream, headers: Headers, receive: Receive, send: Send) -> None:
    """Answers with a stream, until its source is over or the client is gone. It holds little: of thousands of requests
    this is what stays."""
    reader, source, place = stream.reader, stream.source, stream.place
    source.add(reader)
    watching = asyncio.create_task(_watch(receive, reader))
    try:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if stream.first:
            await send({"type": "http.response.body", "body": stream.first, "more_body": True})
            stream.first = b""
        while not reader.is_gone:
            is_over = source.is_over
            data, place = source.take(place, reader)
            if is_over:
                await send({"type": "http.response.body", "body": data})
                return
            if not data:
                if await reader.wait():
                    continue
                data = _COMMENT
            await send({"type": "http.response.body", "body": data, "more_body": True})
        if reader.is_dismissed:
            await send({"type": "http.response.body", "body": b""})
    except OSError:
        return  # The client is gone: some servers say it so.
    finally:
        source.remove(reader)
        watching.cancel()
        if stream.end is not None:
            stream.end()


async def _watch(receive: Receive, reader: Reader) -> None:
    try:
        while (await receive())["type"] != "http.disconnect":
            pass
    except OSError:
        pass  # Some servers say it so.
    finally:
        reader.leave()
