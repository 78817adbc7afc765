"""Callbacks: functions that are called with events and reports, in an event loop.

A client's callbacks, and those of its conversations, are served by one loop at a time, the first in which the client is
used. When that loop is stopped or closed, the next one in which the client is used goes on where it ended: what came in
between has waited in the subscription.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from . import _native
from . import events as names
from ._errors import AvatarError, MisuseError
from ._queues import BATCH, LoopQueue
from ._values import CallReport

Callback = Callable[[Any], object]
C = TypeVar("C", bound=Callback)
Registered = tuple[Callback, contextvars.Context]

logger = logging.getLogger("secondme_avatar.callbacks")

_LIMIT = 1024

_PATIENCE = 5.0
"""Seconds that a close waits for callbacks that run."""

_LOOK = 0.05
"""Seconds after which a loop that does not serve looks whether the one that does still runs."""

_tasks: set[asyncio.Task[None]] = set()
"""The event loop itself keeps no task alive."""

is_callback: contextvars.ContextVar[bool] = contextvars.ContextVar("secondme_avatar_is_callback", default=False)


class Source:
    """A source of events, reports or requests, with what is called with them."""

    limit: int | None = _LIMIT
    """Async callbacks that run at a time before nothing further is taken."""

    def __init__(self, native: _native.Subscription | _native.Reports | _native.TokenRequests) -> None:
        self.native = native
        self.waiting: deque[Any] = deque()
        """Drained, and not passed to callbacks yet."""
        self.running: set[asyncio.Task[None]] = set()
        """Async callbacks, in the loop that serves."""
        self.is_full = False
        self.has_ended = False
        self._lock = threading.Lock()
        self._awaiting: list[tuple[Future[None], bool]] = []

    def registered(self, item: Any) -> Sequence[Registered]:
        """The callbacks for this."""
        raise NotImplementedError

    def name(self, item: Any) -> str:
        """What the log calls this."""
        raise NotImplementedError

    def drain(self, queue: _native.HostQueue) -> list[Any] | None:
        """The next that have come. ``None``: none yet. Empty: no more will come."""
        return self.native.drain(queue, BATCH)

    def call(self, item: Any) -> Iterator[tuple[contextvars.Context, Any]]:
        """Calls the callbacks, and yields what each returns."""
        for callback, context in self.registered(item):
            # Each call runs in a copy of the context in which the callback was registered.
            context = context.copy()
            context.run(is_callback.set, True)
            try:
                result = context.run(callback, item)
            except Exception:
                logger.exception("a callback for %s failed", self.name(item))
                continue
            yield context, result

    def hand_on(self, item: Any, loop: asyncio.AbstractEventLoop) -> Iterator[asyncio.Task[None]]:
        """Calls the callbacks, and yields the tasks of the async ones."""
        for context, result in self.call(item):
            if inspect.isawaitable(result):
                yield context.run(loop.create_task, _guarded(self.name(item), result))

    def end(self) -> None:
        """Nothing more comes."""

    def ended(self, is_quick: bool) -> Future[None]:
        """Done when the last event has been passed on and, unless ``is_quick``, no callback runs any more."""
        future: Future[None] = Future()
        with self._lock:
            self._awaiting.append((future, is_quick))
        self.tell()
        return future

    def tell(self) -> None:
        """Completes the futures of ``ended`` whose condition is met."""
        with self._lock:
            done = [
                (future, is_quick)
                for future, is_quick in self._awaiting
                if (self.has_ended and not self.running) or (is_quick and (self.has_ended or self.is_full))
            ]
            self._awaiting = [waiter for waiter in self._awaiting if waiter not in done]
        for future, _ in done:
            if future.set_running_or_notify_cancel():
                future.set_result(None)


class EventSource(Source):
    """A subscription, with callbacks by the events' names."""

    def __init__(self, native: _native.Subscription) -> None:
        super().__init__(native)
        self.by_name: dict[str, list[Registered]] = {}

    def registered(self, item: Any) -> Sequence[Registered]:
        return tuple(self.by_name.get(item.type, ()))

    def name(self, item: Any) -> str:
        return str(item.type)


class ReportSource(Source):
    """The reports of a client's calls."""

    native: _native.Reports

    def __init__(self, native: _native.Reports, callback: Callable[[CallReport], object]) -> None:
        super().__init__(native)
        self._registered = ((callback, contextvars.copy_context()),)

    def registered(self, item: Any) -> Sequence[Registered]:
        return self._registered

    def name(self, item: Any) -> str:
        return "a report of a call"

    def drain(self, queue: _native.HostQueue) -> list[Any] | None:
        if lost := self.native.lost():
            logger.warning("%d reports of calls were dropped: they came faster than they were taken", lost)
        return super().drain(queue)


class Served:
    """All sources of one client, and the loop that serves them."""

    def __init__(self) -> None:
        # In a forked child the lock may be held for ever by a thread that does not exist there.
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._sources: list[Source] = []
        self._serving: weakref.ref[LoopQueue] | None = None
        # Queues of other loops in which the client is used: they are told as well, and one of them goes on when the
        # loop that serves ends.
        self._watching: weakref.WeakSet[LoopQueue] = weakref.WeakSet()

    def queue(self) -> LoopQueue:
        """The queue of the loop that runs, which serves from now on if no other loop does."""
        queue = LoopQueue.current()
        if self._sources and not self._serves(queue) and os.getpid() == self._process:
            self._offer(queue)
        return queue

    def add(self, source: Source) -> None:
        """Serves one more."""
        with self._lock:
            self._sources.append(source)
            self._watching.clear()
        serving = self._served_by()
        if serving is not None and serving.is_running():
            serving.soon(self._begin, serving, source)
        elif _runs_here():
            self.queue()
        # Otherwise the first call in a loop begins it.

    def remove(self, source: Source) -> None:
        """Serves one less."""
        with self._lock:
            if source in self._sources:
                self._sources.remove(source)
            queues = [self._served_by(), *self._watching]
        for queue in queues:
            if queue is not None:
                queue.ignore(source.native.ticket)

    async def finish(self, sources: Sequence[Source] | None = None, *, is_quick: bool = False) -> None:
        """Waits until the last event has been passed on and the callbacks have ended, for a few seconds at most. With
        ``is_quick`` it does not wait for running callbacks."""
        # A callback that closes the client would wait for itself.
        if is_callback.get():
            return
        self.queue()
        waiting = {asyncio.wrap_future(source.ended(is_quick)) for source in sources or tuple(self._sources)}
        if not waiting:
            return
        try:
            await asyncio.wait(waiting, timeout=_PATIENCE)
        finally:
            for future in waiting:
                future.cancel()

    def _served_by(self) -> LoopQueue | None:
        return None if self._serving is None else self._serving()

    def _serves(self, queue: LoopQueue) -> bool:
        return self._served_by() is queue

    def _offer(self, queue: LoopQueue) -> None:
        """Lets this queue's loop, which runs, serve or watch."""
        with self._lock:
            serving = self._served_by()
            is_served = serving is not None and serving is not queue and serving.is_running()
            if is_served and queue in self._watching:
                return
            if is_served:
                self._watching.add(queue)
            else:
                self._serving = weakref.ref(queue)
                self._watching.discard(queue)
            sources = tuple(self._sources)
        for source in sources:
            if is_served:
                self._listen(queue, source)
                source.native.watch(queue.native)
            else:
                # Tasks of a loop that has ended are not waited for.
                source.running, source.is_full = set(), False
                queue.loop.call_soon(self._begin, queue, source)

    def _listen(self, queue: LoopQueue, source: Source) -> None:
        # The queue stands in no circle: it is freed, and its socket closed, as soon as its loop is.
        queue.listen(source.native.ticket, lambda queue: queue.loop.call_soon(self._told, queue, source))

    def _begin(self, queue: LoopQueue, source: Source) -> None:
        if self._serves(queue) and not source.has_ended:
            self._listen(queue, source)
            self._serve(queue, source)

    def _told(self, queue: LoopQueue, source: Source) -> None:
        """Something has come, and may have been drained since."""
        if self._serves(queue):
            self._serve(queue, source)
        elif not self._is_served():
            self._offer(queue)
        else:
            queue.loop.call_later(_LOOK, self._look_again, queue, source)

    def _look_again(self, queue: LoopQueue, source: Source) -> None:
        if self._is_served():
            source.native.watch(queue.native)
        else:
            self._offer(queue)

    def _is_served(self) -> bool:
        serving = self._served_by()
        return serving is not None and serving.is_running()

    def _serve(self, queue: LoopQueue, source: Source) -> None:
        """Passes on what has come, in the loop that serves."""
        if not self._serves(queue) or source.is_full or source.has_ended:
            return
        try:
            taken = None if source.waiting else source.drain(queue.native)
        except AvatarError:
            self._end(source)  # A forked child cannot drain its parent's subscription.
            return
        if taken is not None and not taken:
            self._end(source)
            return
        source.waiting.extend(taken or ())
        if not source.waiting:
            return
        try:
            while source.waiting and not source.is_full:
                for task in source.hand_on(source.waiting.popleft(), queue.loop):
                    self._run(queue, source, task)
        finally:
            # Other tasks of the loop run in between. Where a callback ends the loop, the next loop goes on.
            if not source.is_full:
                queue.loop.call_soon(self._serve, queue, source)

    def _run(self, queue: LoopQueue, source: Source, task: asyncio.Task[None]) -> None:
        running = source.running
        running.add(task)
        _tasks.add(task)
        source.is_full = source.limit is not None and len(running) >= source.limit
        if source.is_full:
            source.tell()

        def done(task: asyncio.Task[None]) -> None:
            running.discard(task)
            _tasks.discard(task)
            if running is source.running:
                was_full, source.is_full = source.is_full, False
                source.tell()
                if was_full:
                    self._serve(queue, source)

        task.add_done_callback(done)

    def _end(self, source: Source) -> None:
        source.has_ended = True
        source.end()
        self.remove(source)
        source.tell()


class Callbacks:
    """The callbacks of a client or of a conversation."""

    def __init__(self, served: Served, subscribe: Callable[[], _native.Subscription]) -> None:
        self._served = served
        self._subscribe = subscribe
        self._source: EventSource | None = None

    def on(self, event: Any) -> Callable[[C], C]:
        """A decorator for the callbacks of this kind of event."""
        name = event if isinstance(event, str) else getattr(event, "type", "")
        if name not in names.NAMES:
            raise MisuseError(f"there is no event {event!r}; there are {', '.join(sorted(names.NAMES))}")

        def add(callback: C) -> C:
            source = self._source
            is_new = source is None or source.has_ended
            if source is None or is_new:
                source = self._source = EventSource(self._subscribe())
            source.by_name.setdefault(name, []).append((callback, contextvars.copy_context()))
            if is_new:
                self._served.add(source)
            return callback

        return add

    def off(self, callback: Callback) -> None:
        """Removes this callback."""
        if self._source is None:
            return
        by_name = self._source.by_name
        for name, registered in by_name.items():
            by_name[name] = [known for known in registered if known[0] != callback]

    async def finish(self, *, is_quick: bool = False) -> None:
        """Waits until the last event has been passed on and the callbacks have ended, for a few seconds at most."""
        if self._source is not None:
            await self._served.finish([self._source], is_quick=is_quick)


def is_cancelled(kind: type[BaseException] | None = None) -> bool:
    """Whether the task that closes is being cancelled: by Ctrl-C, a time-out, or the end of its loop."""
    if kind is not None and not issubclass(kind, Exception):
        return True
    cancelling: Callable[[], int] | None = getattr(asyncio.current_task(), "cancelling", None)  # Python 3.11
    return cancelling is not None and cancelling() > 0


def _runs_here() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _guarded(name: str, work: Awaitable[object]) -> None:
    try:
        await work
    except Exception:
        logger.exception("a callback for %s failed", name)
