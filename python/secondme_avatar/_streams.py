"""What comes one after the other: events, and the pieces of a reply."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import TypeVar

from . import _native
from ._queues import BATCH, LoopQueue
from ._values import Piece, Reply
from .events import Event

Self = TypeVar("Self", bound="Events")
SelfStream = TypeVar("SelfStream", bound="ReplyStream")


class Events(AsyncIterator[Event]):
    """A subscription to events, for ``async for``.

    It begins when it is made and ends with the conversation or the client. A wait that is cancelled loses nothing:
    the event comes the next time. Events that are not taken are not dropped; the socket is then read no further. So
    close a subscription that is no longer needed, or leave it to the garbage collector.
    """

    def __init__(self, native: _native.Subscription, queue: Callable[[], LoopQueue] = LoopQueue.current) -> None:
        self._native = native
        self._queue = queue
        self._waiting: deque[Event] = deque()
        self._is_flood = False

    def __aiter__(self: Self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            if self._is_flood:
                await asyncio.sleep(0)  # Lets other tasks of this loop run.
            queue = self._queue()
            events = self._native.drain(queue.native, BATCH)
            if events is None:
                await queue.wait(self._native.ticket)
            elif not events:
                raise StopAsyncIteration
            else:
                self._is_flood = len(events) == BATCH
                self._waiting.extend(events)
        return self._waiting.popleft()

    def finish(self) -> None:
        """Ends the subscription and keeps what has come: the iteration goes on with it, and then ends."""
        self._native.finish()

    def close(self) -> None:
        """Ends the subscription and drops what has come. A wait for an event ends."""
        self._waiting.clear()
        self._native.close()

    async def aclose(self) -> None:
        """The same as ``close``, for ``contextlib.aclosing``."""
        self.close()

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ReplyStream(AsyncIterator[Piece]):
    """A reply, piece by piece, for ``async for``. Pieces that have not been taken yet become one.

    Closing it, or leaving it to the garbage collector, gives up a question that has not gone out yet. If it has gone
    out, the rest of the reply comes as events, and the next question goes out at once.
    """

    def __init__(self, native: _native.ReplyStream, queue: Callable[[], LoopQueue] = LoopQueue.current) -> None:
        self._native = native
        self._queue = queue
        self._waiting: deque[Piece] = deque()

    def __aiter__(self: SelfStream) -> SelfStream:
        return self

    async def __anext__(self) -> Piece:
        while not self._waiting:
            queue = self._queue()
            pieces = self._native.drain(queue.native, BATCH)
            if pieces is None:
                await queue.wait(self._native.ticket)
            elif not pieces:
                raise StopAsyncIteration
            else:
                self._waiting.extend(pieces)
        return self._waiting.popleft()

    @property
    def reply(self) -> Reply | None:
        """The whole reply, with cards and sources, once all its pieces have come."""
        return self._native.reply()

    def stop(self) -> None:
        """Stops the reply: the iteration goes on with the pieces that have come, and then ends. The next question goes
        out at once."""
        self._native.stop()

    def close(self) -> None:
        """Stops the reply, and drops the pieces that have come."""
        self._waiting.clear()
        self._native.close()

    async def aclose(self) -> None:
        """The same as ``close``, for ``contextlib.aclosing``."""
        self.close()

    async def __aenter__(self: SelfStream) -> SelfStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
