"""Where Python is told that what it waits for is there: see ``python/src/port.rs``.

No thread of the core enters Python. A byte on a socket says that something has come; it is taken on the thread that
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

_SLICE = 0.1
"""How long Windows, which interrupts no wait for Ctrl-C, waits at a time."""


class LoopPort:
    """The port of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # The loop holds its port, not the other way round.
        self._loop = weakref.ref(loop)
        self.native = _native.Port()
        self._reader = _reader(self.native)
        self._reader.setblocking(False)
        self._waiting: dict[int, list[asyncio.Future[Any]]] = {}
        self._listening: dict[int, Callable[[], object]] = {}
        self._listener: asyncio.Task[None] | None = None
        try:
            loop.add_reader(self._reader.fileno(), self._read)
        except NotImplementedError:  # Windows' usual loop
            self._listener = loop.create_task(self._listen(loop))

    @staticmethod
    def current() -> LoopPort:
        """The port of the loop that runs."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise MisuseError(_NO_LOOP) from None
        port = _ports.get(loop)
        if port is None or (port._listener is not None and port._listener.done()):
            port = _ports[loop] = LoopPort(loop)
        return port

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

    def listen(self, ticket: int, told: Callable[[], object]) -> None:
        """Lets this be called whenever something comes under the ticket. It must not raise."""
        self._listening[ticket] = told

    def ignore(self, ticket: int) -> None:
        """Ends what ``listen`` began."""
        self._listening.pop(ticket, None)

    async def call(self, start: Callable[[_native.Port], _native.Call[T]]) -> T:
        """Sets work going and waits for what it comes to. Cancelled, it drops the work at once."""
        call = start(self.native)
        try:
            result: T = await self.wait(call.ticket)
        except BaseException:
            call.abort()
            raise
        return result

    async def wait(self, ticket: int) -> Any:
        """Waits until something comes under this ticket."""
        future = asyncio.get_running_loop().create_future()
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
        for ticket, value, error in self.native.drain():
            if told := self._listening.get(ticket):
                told()
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
                # The loop ends; those who close their clients on the way out still wait for that.
                is_wanted = False
            self._hand_out()

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):
            self._reader.close()


_ports: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopPort] = weakref.WeakKeyDictionary()


class ThreadPort:
    """A port for one who waits at a time, without an event loop. A signal ends the wait, so Ctrl-C works at once."""

    def __init__(self) -> None:
        self.native = _native.Port()
        self._reader = _reader(self.native)
        self._reader.settimeout(_SLICE if os.name == "nt" else None)

    def call(self, start: Callable[[_native.Port], _native.Call[T]]) -> T:
        """Sets work going and waits for what it comes to. Interrupted, it drops the work at once."""
        call = start(self.native)
        try:
            result: T = self.wait(call.ticket)
        except BaseException:
            call.abort()
            raise
        return result

    def wait(self, ticket: int) -> Any:
        """Waits until something comes under this ticket."""
        while True:
            with contextlib.suppress(TimeoutError, socket.timeout):
                self._reader.recv(64)
            for came, value, error in self.native.drain():
                if came != ticket:
                    continue  # Nobody waits for it any more.
                if error is not None:
                    raise error
                return value

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):
            self._reader.close()


class _Idle(threading.local):
    def __init__(self) -> None:
        self.ports: list[ThreadPort] = []


_idle = _Idle()


@contextlib.contextmanager
def thread_port() -> Generator[ThreadPort, None, None]:
    """A port of this thread's that nobody uses: another one in a signal handler that interrupts a wait."""
    port = _idle.ports.pop() if _idle.ports else ThreadPort()
    yield port
    # After an exception it is left behind, and whatever still comes to it.
    _idle.ports.append(port)


def _forget_the_parent() -> None:
    """In a forked child: the sockets of the parent's ports are its own as well, and what it would read from them is the
    parent's."""
    global _idle
    _ports.clear()
    _idle = _Idle()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_the_parent)


def _reader(port: _native.Port) -> socket.socket:
    reader = port.take_reader()
    assert reader is not None, "it is taken once"
    return socket.socket(fileno=reader)
