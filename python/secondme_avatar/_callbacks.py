"""Callbacks: events handed to functions."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, TypeVar

from . import events as names
from ._errors import MisuseError
from ._native import Event
from ._streams import Events

E = TypeVar("E", bound=Event)
Callback = Callable[[Any], object]
C = TypeVar("C", bound=Callback)

logger = logging.getLogger("secondme_avatar.callbacks")

_LIMIT = 1024
"""Async callbacks that run at a time before no further event is taken."""

_PATIENCE = 5.0
"""Seconds that a close waits for callbacks that run."""

_tasks: set[asyncio.Task[None]] = set()
"""The event loop itself keeps no task alive."""

_is_callback: ContextVar[bool] = ContextVar("secondme_avatar_is_callback", default=False)


class Callbacks:
    """The callbacks of a conversation, or of a client."""

    def __init__(self, subscribe: Callable[[], Events]) -> None:
        self._subscribe = subscribe
        self._by_name: dict[str, list[Callback]] = {}
        self._task: asyncio.Task[None] | None = None

    def on(self, event: str | type[Event]) -> Callable[[C], C]:
        """A decorator for the callbacks of this kind of event."""
        name = event if isinstance(event, str) else getattr(event, "type", "")
        if name not in names.NAMES:
            raise MisuseError(f"there is no event {event!r}; there are {', '.join(sorted(names.NAMES))}")

        def add(callback: C) -> C:
            self._by_name.setdefault(name, []).append(callback)
            self.begin()
            return callback

        return add

    def off(self, callback: Callback) -> None:
        """This function is called no more."""
        for callbacks in self._by_name.values():
            if callback in callbacks:
                callbacks.remove(callback)

    def begin(self) -> None:
        """Hands events on from now on, if there are callbacks and an event loop runs."""
        if not self._by_name or (self._task is not None and not self._task.done()):
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # The first call in a loop begins it.
        self._task = loop.create_task(_hand_on(self._subscribe(), self._by_name))
        _tasks.add(self._task)
        self._task.add_done_callback(_tasks.discard)

    async def finish(self) -> None:
        """Waits until the last event has been handed on and the callbacks have ended, if that is soon."""
        # A callback that closes the client would wait for itself.
        if self._task is not None and not _is_callback.get():
            await asyncio.wait([self._task], timeout=_PATIENCE)


async def _hand_on(events: Events, callbacks: dict[str, list[Callback]]) -> None:
    _is_callback.set(True)
    running: set[asyncio.Task[None]] = set()
    async for event in events:
        for callback in tuple(callbacks.get(event.type, ())):
            try:
                result = callback(event)
            except Exception:
                logger.exception("a callback for %s failed", event.type)
                continue
            if inspect.isawaitable(result):
                task = asyncio.get_running_loop().create_task(_guarded(event.type, result))
                running.add(task)
                task.add_done_callback(running.discard)
        if len(running) >= _LIMIT:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    if running:
        await asyncio.wait(running)


async def _guarded(name: str, work: Awaitable[object]) -> None:
    try:
        await work
    except Exception:
        logger.exception("a callback for %s failed", name)
