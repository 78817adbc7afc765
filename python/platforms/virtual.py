"""An event loop whose time jumps ahead where nothing happens, so that minutes pass in a moment."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

QUIET = 0.002
"""Seconds of real time without anything to read or write after which the loop's time jumps to what is due next."""


class _Jumping(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    ahead = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= QUIET:
            return super().select(timeout)
        ready = super().select(QUIET)
        if not ready:
            self.ahead += timeout - QUIET
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return super().time() + self._jumping.ahead


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs the work in such a loop."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
