"""Carries out what the desk has to say itself, one thing after the other in each conversation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..bridge import RetryLater, Undeliverable
from ..bridge._cutting import longest
from ._cases import Case, Item
from ._connector import Line, Post

if TYPE_CHECKING:
    from ._core import Core

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0


@dataclass
class Lane:
    """A conversation, and what is under way for it."""

    case: Case
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    quiet: asyncio.Event = field(default_factory=asyncio.Event)
    """Is set while nothing is to be said."""
    is_place_stale: bool = False
    """Whether the place in the queue that is shown is not the present one."""
    task: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None


class Worker:
    """Makes the connector's calls of a desk."""

    def __init__(self, desk: Core, patience: float) -> None:
        self._desk = desk
        self._patience = patience

    def wake(self, lane: Lane) -> None:
        """Begins with what a lane has to say."""
        if not (lane.case.out or lane.is_place_stale):
            lane.quiet.set()
            return
        lane.quiet.clear()
        if lane.task is None:
            lane.task = asyncio.create_task(self._work(lane))

    async def _work(self, lane: Lane) -> None:
        case = lane.case
        try:
            while case.out or lane.is_place_stale:
                if case.out:
                    item = case.out[0]
                    await self._say(case, item)
                    with suppress(ValueError):  # Where a change could not be kept, all is as it was.
                        case.out.remove(item)
                    await self._save(case)
                else:
                    lane.is_place_stale = False
                    await self._show_place(case)
        finally:
            lane.task = None
            lane.quiet.set()

    async def _save(self, case: Case) -> None:
        try:
            await self._desk.cases.save(case)
        except Exception as error:
            # It is said again after a restart, under the same key.
            self._desk.report(error, case)

    async def _say(self, case: Case, item: Item) -> None:
        """Makes a call, again where it fails; what cannot be said for so long is given up."""
        loop = asyncio.get_running_loop()
        end, wait = loop.time() + self._patience, _FIRST_WAIT
        while True:
            caught: Exception
            try:
                await self._call(case, item)
                return
            except RetryLater as error:
                pause, caught = error.retry_after, error
            except Undeliverable as error:
                self._desk.report(error, case)
                return
            except Exception as error:
                self._desk.report(error, case)
                pause, caught = wait, error
                wait = min(wait * 2, _LONGEST_WAIT)
            if loop.time() + pause > end:
                self._desk.report(caught, case)
                return
            await asyncio.sleep(pause)

    async def _call(self, case: Case, item: Item) -> None:
        connector, conversation = self._desk.connector, case.conversation
        text = item.text
        if item.line and (kept := await self._desk.cases.line(case, item.line)) is not None:
            text += kept.line.text
        if item.kind == "state":
            await connector.show_state(self._desk.view_of(case))
        elif item.kind == "edit":
            await connector.edit(conversation, item.handle, text, item.key)
        elif item.kind == "note":
            await connector.note(conversation, text, item.key)
        elif item.kind == "hand_over":
            await self._hand_over(case, item)
        else:
            text = self._desk.place_text(case) if item.kind == "place" else text
            handle = await connector.post(conversation, Post(text, item.author, None, item.key))
            if item.kind == "place":
                case.place_handle, case.place_key = handle, item.key
            await self._desk.cases.set_line(case, Line(item.key, time.time(), item.author, None, text))

    async def _hand_over(self, case: Case, item: Item) -> None:
        kept = await self._desk.cases.lines(case)
        lines = [found.line for found in kept if found.line.author != "desk"][-self._desk.hand_over_lines :]
        if not lines:
            return
        limits = self._desk.connector.limits
        text = self._desk.written_out(case, lines)
        while len(lines) > 1 and longest(text, limits) < len(text):
            lines = lines[1:]
            text = self._desk.written_out(case, lines)
        await self._desk.connector.hand_over(self._desk.view_of(case), lines, text[: longest(text, limits)], item.key)

    async def _show_place(self, case: Case) -> None:
        """Brings the place that is shown up to date. It is an ornament, and not tried again."""
        if case.state != "waiting":
            return
        calls: list[Callable[[], Awaitable[None]]] = []
        connector, text = self._desk.connector, self._desk.place_text(case)
        if connector.can_edit and (handle := case.place_handle) is not None:
            place = self._desk.view_of(case).place
            calls.append(lambda: connector.edit(case.conversation, handle, text, f"{case.place_key}/{place}"))
        calls.append(lambda: connector.show_state(self._desk.view_of(case)))
        for call in calls:
            try:
                await call()
            except Exception as error:
                self._desk.report(error, case)
