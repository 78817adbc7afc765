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

T = TypeVar("T")

_SLICE = 0.1
"""How long Windows, which interrupts no wait for Ctrl-C, waits at a time."""


class LoopPort:
    """The port of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.native = _native.Port()
        self._reader = _reader(self.native)
        self._reader.setblocking(False)
        self._waiting: dict[int, list[asyncio.Future[Any]]] = {}
        self._listener: asyncio.Task[None] | None = None
        try:
            loop.add_reader(self._reader.fileno(), self._read)
        except NotImplementedError:  # Windows' usual loop
            self._listener = loop.create_task(self._listen(loop))

    @staticmethod
    def current() -> LoopPort:
        """The port of the loop that runs."""
        loop = asyncio.get_running_loop()
        port = _ports.get(loop)
        if port is None or (port._listener is not None and port._listener.done()):
            port = _ports[loop] = LoopPort(loop)
        return port

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


def _reader(port: _native.Port) -> socket.socket:
    reader = port.take_reader()
    assert reader is not None, "it is taken once"
    return socket.socket(fileno=reader)
