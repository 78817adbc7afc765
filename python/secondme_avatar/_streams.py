"""What comes one after the other: events, and the pieces of a reply."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import TypeVar

from . import _native
from ._native import Event, Reply
from ._ports import LoopPort
from ._values import Piece

BATCH = 256
"""Events that are taken at once."""

Self = TypeVar("Self", bound="Events")
SelfStream = TypeVar("SelfStream", bound="ReplyStream")


class Events(AsyncIterator[Event]):
    """A subscription to events, for ``async for``.

    It begins when it is made and ends with the conversation or the client. A wait that is cancelled loses nothing:
    the event is there the next time. Nothing is dropped when nobody takes the events; the socket is read no further
    then, so a subscription that is not wanted any more is closed, or left to the garbage collector.
    """

    def __init__(self, native: _native.Subscription) -> None:
        self._native = native
        self._waiting: deque[Event] = deque()
        self._is_flood = False

    def __aiter__(self: Self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            if self._is_flood:
                await asyncio.sleep(0)  # Others in this loop have their turn.
            port = LoopPort.current()
            events = self._native.take(port.native, BATCH)
            if events is None:
                await port.wait(self._native.ticket)
            elif not events:
                raise StopAsyncIteration
            else:
                self._is_flood = len(events) == BATCH
                self._waiting.extend(events)
        return self._waiting.popleft()

    def close(self) -> None:
        """Ends the subscription; who waits for an event hears that there are no more."""
        self._waiting.clear()
        self._native.close()

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ReplyStream(AsyncIterator[Piece]):
    """A reply, piece by piece, for ``async for``. Pieces that nobody has taken yet become one.

    Closed, or left to the garbage collector, it gives the question up, if that has not gone out yet.
    """

    def __init__(self, native: _native.ReplyStream) -> None:
        self._native = native

    def __aiter__(self: SelfStream) -> SelfStream:
        return self

    async def __anext__(self) -> Piece:
        port = LoopPort.current()
        while (pieces := self._native.take(port.native)) is None:
            await port.wait(self._native.ticket)
        if not pieces:
            raise StopAsyncIteration
        return pieces[0]

    @property
    def reply(self) -> Reply | None:
        """The whole reply, with cards and sources, once all its pieces have come."""
        return self._native.reply()

    def close(self) -> None:
        """Gives the question up, if it has not gone out yet."""
        self._native.close()

    async def __aenter__(self: SelfStream) -> SelfStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
