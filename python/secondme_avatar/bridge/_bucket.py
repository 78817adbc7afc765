"""The calls that a platform allows in a second."""

from __future__ import annotations

import asyncio


class Bucket:
    """Spaces calls out, so that there are no more than ``rate`` in a second. The first to wait is the first to go; an
    urgent call goes before those that are not."""

    def __init__(self, rate: float | None) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._next = 0.0
        self._urgent = 0
        self._lock = asyncio.Lock()
        self._calm = asyncio.Event()
        self._calm.set()

    async def take(self, *, urgent: bool = False) -> None:
        """Waits for this call's turn."""
        if not self._interval and self._next == 0.0:
            return
        if urgent:
            self._urgent += 1
            self._calm.clear()
        try:
            while True:
                if not urgent:
                    await self._calm.wait()
                async with self._lock:
                    if not urgent and self._urgent:
                        continue
                    await self._wait()
                    return
        finally:
            if urgent:
                self._urgent -= 1
                if not self._urgent:
                    self._calm.set()

    def pause(self, seconds: float) -> None:
        """Lets no call go for so long: the platform has said so."""
        self._next = max(self._next, asyncio.get_running_loop().time() + seconds)

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        while (wait := self._next - loop.time()) > 0:
            await asyncio.sleep(wait)  # A pause may have come meanwhile.
        self._next = max(self._next, loop.time()) + self._interval
