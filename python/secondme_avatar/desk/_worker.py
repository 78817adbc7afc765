"""Carries out what the desk has to say itself, one thing after the other in each conversation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..bridge import RetryLater, Undeliverable
from ..bridge._cutting import longest
from ._cases import Case, Item
from ._connector import Line, Post
from ._lanes import Lane

if TYPE_CHECKING:
    from ._core import Core

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0


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
                    await self._say(lane, item)
                    # It may be gone already: where a change could not be kept, all is as it was.
                    case.out = [other for other in case.out if other is not item]
                    await self._save(case)
                else:
                    lane.is_place_stale = False
                    await self._show_place(case)
        finally:
            lane.task = None
            lane.quiet.set()
            self._desk.lanes.tidy(lane)

    async def _save(self, case: Case) -> None:
        try:
            await self._desk.cases.save(case)
        except Exception as error:
            # It is said again after a restart, under the same key.
            self._desk.report(error, case)

    async def _say(self, lane: Lane, item: Item) -> None:
        """Makes a call, again where it fails; what cannot be said for so long is given up."""
        case = lane.case
        loop = asyncio.get_running_loop()
        end, wait = loop.time() + self._patience, _FIRST_WAIT
        while True:
            caught: Exception
            try:
                async with lane.speaking:
                    line = await self._call(case, item)
                    if line is not None:
                        # Not with the call: where the store fails alone, nothing is said twice.
                        await self._desk.keep_line(case, line)
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

    async def _call(self, case: Case, item: Item) -> Line | None:
        """Makes a call, and returns the line that the visitor sees by it."""
        connector, conversation = self._desk.connector, case.conversation
        kept = await self._desk.cases.line(case, item.line) if item.line else None
        text = item.text + (kept.line.text if kept is not None else "")
        if item.kind == "state":
            await connector.show_state(self._desk.view_of(case))
        elif item.kind == "edit":
            await connector.edit(conversation, item.handle, text, item.key)
        elif item.kind == "note":
            await connector.note(conversation, text, item.key)
        elif item.kind == "hand_over":
            await self._hand_over(case, item)
        elif item.kind == "reply":
            # One that is not private was on its way when it was stopped, and is there.
            if kept is None or not kept.line.is_private:
                return None
            await connector.post(
                conversation, Post(text, item.author, kept.line.name if item.author == "owner" else None, item.key)
            )
            return replace(kept.line, is_private=False)
        else:
            text = self._desk.speech.place(case, self._desk.queue.place(case)) if item.kind == "place" else text
            handle = await connector.post(conversation, Post(text, item.author, None, item.key))
            if item.kind == "place":
                case.place_handle, case.place_key = handle, item.key
            return Line(item.key, time.time(), item.author, None, text)
        return None

    async def _hand_over(self, case: Case, item: Item) -> None:
        kept = await self._desk.cases.lines(case)
        said = [found.line for found in kept if found.line.author != "desk"]
        lines = said[max(len(said) - self._desk.hand_over_lines, 0) :]
        if not lines:
            return
        limits = self._desk.connector.limits
        text = self._desk.speech.written_out(case, lines)
        while len(lines) > 1 and longest(text, limits) < len(text):
            lines = lines[1:]
            text = self._desk.speech.written_out(case, lines)
        await self._desk.connector.hand_over(self._desk.view_of(case), lines, text[: longest(text, limits)], item.key)

    async def _show_place(self, case: Case) -> None:
        """Brings the place that is shown up to date. It is an ornament, and not tried again."""
        if case.state != "waiting":
            return
        calls: list[Callable[[], Awaitable[None]]] = []
        connector, text = self._desk.connector, self._desk.speech.place(case, self._desk.queue.place(case))
        if connector.can_edit and (handle := case.place_handle) is not None:
            place = self._desk.view_of(case).place
            calls.append(lambda: connector.edit(case.conversation, handle, text, f"{case.place_key}/{place}"))
        calls.append(lambda: connector.show_state(self._desk.view_of(case)))
        for call in calls:
            try:
                await call()
            except Exception as error:
                self._desk.report(error, case)
