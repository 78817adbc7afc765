"""The queues that Python drains: see ``python/src/host_queue.rs``.

No thread of the core enters Python. A byte on a socket says that something has come; it is drained on the thread that
waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import weakref
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from . import _native
from ._errors import MisuseError

T = TypeVar("T")

_NO_LOOP = (
    "no asyncio event loop runs here: call this in a coroutine under `asyncio.run`, or use `secondme_avatar.sync`, "
    "which needs no loop; under trio, use `secondme_avatar.sync` in a thread (`trio.to_thread.run_sync`, "
    "`anyio.to_thread.run_sync`)"
)

BATCH = 256
"""How much is drained at once."""

_SLICE = 0.1
"""How long Windows, which interrupts no wait for Ctrl-C, waits at a time."""


class _CallFuture(asyncio.Future[Any]):
    """The result of a call. Cancelling it gives the call up, on the thread that cancels."""

    def __init__(self, call: _native.Call[Any]) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._call = call

    def cancel(self, msg: Any | None = None) -> bool:
        self._call.cancel()
        return super().cancel(msg)


class LoopQueue:
    """The queue of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # The loop holds its queue, not the other way round.
        self._loop = weakref.ref(loop)
        self.native = _native.HostQueue()
        self._reader = _reader(self.native)
        self._reader.setblocking(False)
        self._waiting: dict[int, list[asyncio.Future[Any]]] = {}
        self._listening: dict[int, Callable[[LoopQueue], object]] = {}
        self._listener: asyncio.Task[None] | None = None
        try:
            loop.add_reader(self._reader.fileno(), self._read)
        except NotImplementedError:  # Windows' usual loop
            self._listener = loop.create_task(self._listen(loop))

    @staticmethod
    def current() -> LoopQueue:
        """The queue of the loop that runs."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise MisuseError(_NO_LOOP) from None
        queue = _queues.get(loop)
        if queue is None or (queue._listener is not None and queue._listener.done()):
            queue = _queues[loop] = LoopQueue(loop)
        return queue

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Its loop, for code that runs in it."""
        loop = self._loop()
        assert loop is not None, "a loop that runs is there"
        return loop

    def is_running(self) -> bool:
        """Whether what comes here is taken: not where the loop was closed, or is stopped."""
        loop = self._loop()
        return loop is not None and loop.is_running() and (self._listener is None or not self._listener.done())

    def soon(self, work: Callable[..., object], *arguments: object) -> None:
        """Lets the loop do this, from any thread. A loop that was closed does nothing."""
        with contextlib.suppress(RuntimeError):
            if loop := self._loop():
                loop.call_soon_threadsafe(work, *arguments)

    def listen(self, ticket: int, told: Callable[[LoopQueue], object]) -> None:
        """Lets this be called whenever something comes under the ticket. It must not raise."""
        self._listening[ticket] = told

    def ignore(self, ticket: int) -> None:
        """Ends what ``listen`` began."""
        self._listening.pop(ticket, None)

    async def call(self, start: Callable[[_native.HostQueue], _native.Call[T]]) -> T:
        """Begins a call and waits for what it comes to. When the task is cancelled, the core has dropped its work
        before ``cancel`` returns."""
        call = start(self.native)
        try:
            result: T = await self._result(call.ticket, _CallFuture(call))
        except BaseException:
            call.cancel()
            raise
        return result

    async def wait(self, ticket: int) -> None:
        """Waits until something comes under this ticket."""
        await self._result(ticket, asyncio.get_running_loop().create_future())

    async def _result(self, ticket: int, future: asyncio.Future[Any]) -> Any:
        self._waiting.setdefault(ticket, []).append(future)
        try:
            return await future
        finally:
            # Given up, it is still there.
            if waiting := self._waiting.get(ticket):
                with contextlib.suppress(ValueError):
                    waiting.remove(future)
                if not waiting:
                    del self._waiting[ticket]

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(64)
        self._hand_out()

    def _hand_out(self) -> None:
        for ticket, value, error in self.native.drain(BATCH):
            if told := self._listening.get(ticket):
                told(self)
            for future in self._waiting.pop(ticket, ()):
                if future.done():
                    continue
                if error is None:
                    future.set_result(value)
                else:
                    future.set_exception(error)

    async def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        is_wanted = True
        while is_wanted or self._waiting:
            try:
                await loop.sock_recv(self._reader, 64)
            except asyncio.CancelledError:
                # The loop ends; clients that are closed on the way out still wait for their results.
                is_wanted = False
            self._hand_out()

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):
            self._reader.close()


_queues: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopQueue] = weakref.WeakKeyDictionary()


class ThreadQueue:
    """A queue without an event loop, for one wait at a time. A signal ends the wait, so Ctrl-C works at once."""

    def __init__(self) -> None:
        self.native = _native.HostQueue()
        self._reader = _reader(self.native)
        self._reader.settimeout(_SLICE if os.name == "nt" else None)

    def call(self, start: Callable[[_native.HostQueue], _native.Call[T]]) -> T:
        """Begins a call and waits for what it comes to. Interrupted, it gives the call up."""
        call = start(self.native)
        try:
            result: T = self.wait(call.ticket)
        except BaseException:
            call.cancel()
            raise
        return result

    def wait(self, ticket: int) -> Any:
        """Waits until something comes under this ticket."""
        while True:
            with contextlib.suppress(TimeoutError, socket.timeout):
                self._reader.recv(64)
            for came, value, error in self.native.drain(BATCH):
                if came != ticket:
                    continue  # Its wait was given up.
                if error is not None:
                    raise error
                return value

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):
            self._reader.close()


class _Idle(threading.local):
    def __init__(self) -> None:
        self.queues: list[ThreadQueue] = []


_idle = _Idle()


@contextlib.contextmanager
def thread_queue() -> Generator[ThreadQueue, None, None]:
    """A queue of this thread that is not in use: a signal handler that interrupts a wait gets another one."""
    queue = _idle.queues.pop() if _idle.queues else ThreadQueue()
    yield queue
    # After an exception the queue is dropped, with what still comes to it.
    _idle.queues.append(queue)


def _forget_the_parent() -> None:
    """In a forked child: the sockets of the parent's queues are its own as well, and what it would read from them is
    the parent's."""
    global _idle
    _queues.clear()
    _idle = _Idle()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_the_parent)


def _reader(queue: _native.HostQueue) -> socket.socket:
    reader = queue.take_reader()
    assert reader is not None, "it is taken once"
    return socket.socket(fileno=reader)
