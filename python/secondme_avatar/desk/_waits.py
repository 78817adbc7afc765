"""The end of a visitor's wait for a person: after a time, or with the hours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ._lanes import Lane
from ._states import Event
from .hours import BusinessHours

if TYPE_CHECKING:
    from ._core import Core

_AGAIN = 5.0
"""After so long the end of a wait that the store did not take is tried again, in seconds."""
_LOOK = 60.0
"""How often the machine's clock is looked at, which may be put forward or back, in seconds."""


class Waits:
    """Ends the waits of a desk's conversations in time."""

    def __init__(self, desk: Core, timeout: float | None, hours: BusinessHours | None) -> None:
        self._desk = desk
        self._timeout = timeout
        self._hours = hours

    def set(self, lane: Lane) -> None:
        """Takes how a conversation stands now."""
        self.end(lane)
        case = lane.case
        if case.state != "waiting" or case.waiting_since is None or self._desk.is_closing:
            return
        times_out = self._times_out(lane, case.waiting_since)
        closes = self._closing(case.waiting_since)
        change = case.change

        def look() -> None:
            lane.timer = None
            rest = self._rest(times_out, closes)
            if rest is None:
                return
            seconds, event = rest
            if seconds > 0:
                later(min(seconds, _LOOK))
            else:
                self._desk.begin(self._ended(lane, event, change, later))

        def later(seconds: float) -> None:
            lane.timer = asyncio.get_running_loop().call_later(seconds, look)

        look()

    def end(self, lane: Lane) -> None:
        """Waits for nothing any more."""
        if lane.timer is not None:
            lane.timer.cancel()
            lane.timer = None

    def _times_out(self, lane: Lane, since: float) -> float | None:
        """Returns when a wait has taken too long, by the loop's clock, which is read once for each wait: the machine's
        may be put forward or back meanwhile."""
        if self._timeout is None:
            return None
        if lane.times_out is None or lane.times_out[0] != since:
            waited = max(time.time() - since, 0.0)
            lane.times_out = since, asyncio.get_running_loop().time() + self._timeout - waited
        return lane.times_out[1]

    def _closing(self, since: float) -> float | None:
        """Returns when the hours end in which the wait began."""
        if self._hours is None:
            return None
        closing = self._hours.next_closing(datetime.fromtimestamp(since, timezone.utc))
        return closing.timestamp() if closing is not None else None

    def _rest(self, times_out: float | None, closes: float | None) -> tuple[float, Event] | None:
        """Returns for how long the wait goes on, and how it ends."""
        ends: list[tuple[float, Event]] = []
        if times_out is not None:
            ends.append((times_out - asyncio.get_running_loop().time(), "queue_timed_out"))
        if closes is not None:
            ends.append((closes - time.time(), "hours_ended"))
        return min(ends, default=None)

    async def _ended(self, lane: Lane, event: Event, change: int, later: Callable[[float], None]) -> None:
        async with lane.lock:
            case = lane.case
            if case.state != "waiting" or case.change != change:
                return
            try:
                await self._desk.apply(lane, event, f"{event}/{change}", None)
            except Exception as error:
                self._desk.report(error, case)
                if not self._desk.is_closing:
                    later(_AGAIN)
