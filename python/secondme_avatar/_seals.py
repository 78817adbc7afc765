"""A seal around what a store keeps: functions of the program, which a thread of their own runs."""

from __future__ import annotations

import contextvars
import inspect
import threading
from collections.abc import Callable
from typing import Protocol, cast

from . import _native
from ._errors import MisuseError
from ._queues import BATCH, ThreadQueue


class Seal(Protocol):
    """Encrypts what a store keeps, so that the file is of no use without a key that lies elsewhere: in a keychain, or
    in a key management service. It is the option ``seal`` of a client.

    Both functions run in a thread that the client starts for them, one call for each row, with some hundred bytes to
    some kilobytes. They may block; what waits for the store waits meanwhile, and after 20 s it fails with a
    ``StoreError``. So fetch a data key once, and ask no server for each row. They cannot be async, and must not wait
    for a call of the client, which may itself wait for the store.

    What they raise becomes a ``StoreError`` that repeats its words, shortened: put no secret into them.
    """

    def seal(self, data: bytes, /) -> bytes:
        """Returns the bytes as they are to be written. Where it raises, nothing is written."""
        ...

    def unseal(self, data: bytes, /) -> bytes:
        """Returns what ``seal`` was given. Where it raises, the row stays where it is, for a later run. A seal adds
        what it needs to its bytes (a nonce, the key's number), and refuses bytes that were changed."""
        ...


def checked(seal: object) -> Seal:
    """The seal, if it is one."""
    for name in ("seal", "unseal"):
        function = getattr(seal, name, None)
        if not callable(function):
            raise MisuseError("`seal` takes an object with two functions, `seal` and `unseal`, from bytes to bytes")
        if inspect.iscoroutinefunction(function):
            raise MisuseError(
                f"`{name}` of the seal is async, and runs in a thread of its own: make it a plain function"
            )
    return cast(Seal, seal)


class Sealer(threading.Thread):
    """Runs the functions of a client's seal. It ends with the client's store, and holds neither of them."""

    def __init__(self, native: _native.SealRequests, seal: Seal) -> None:
        super().__init__(name="secondme-avatar-seal", daemon=True)
        self._native = native
        self._seal = seal
        self._context = contextvars.copy_context()
        self._queue = ThreadQueue()
        self.start()

    def run(self) -> None:
        while True:
            asked = self._native.drain(self._queue.native, BATCH)
            if asked is None:
                self._queue.wait(self._native.ticket)
                continue
            if not asked:
                return
            for ticket, is_open, data in asked:
                self._answer(ticket, self._seal.seal if is_open else self._seal.unseal, data)

    def _answer(self, ticket: int, function: Callable[[bytes], object], data: bytes) -> None:
        try:
            given = self._context.run(function, data)
            if not isinstance(given, bytes | bytearray | memoryview):
                raise TypeError(f"it returned an object of type {type(given).__name__} and not `bytes`")
            self._native.answer(ticket, bytes(cast(bytes, given)))
        except BaseException as error:
            self._native.fail(ticket, _words(error))


def _words(error: BaseException) -> str:
    """What an error says, and that it says nothing where it cannot be printed."""
    name = type(error).__name__
    try:
        words = f"{name}: {error}"
    except Exception:
        words = f"{name}, which cannot be printed"
    return words.encode(errors="replace").decode()
