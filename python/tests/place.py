"""A platform for the tests of the bridge: it lives in memory, outlives a bridge, and fails when told to."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from secondme_avatar.bridge import Draft, DraftExpired, Limits, Outlet, PostAuthor, PostDetails, PostedMessage


@dataclass
class Shown:
    """A message of the bot, as people see it."""

    handle: str
    address: str
    text: str
    author: PostAuthor = "avatar"
    owner_name: str | None = None
    key: str = ""
    at: float = 0.0
    texts: list[str] = field(default_factory=list)
    is_finished: bool = False


class Growing(Draft):
    """A message that grows."""

    def __init__(self, place: "Place", shown: Shown) -> None:
        self._place, self._shown = place, shown
        self.handle = shown.handle

    async def update(self, text: str) -> None:
        await self._place.called("update")
        assert text.startswith(self._shown.text), "an update begins with what was shown"
        assert not self._shown.is_finished
        self._show(text)

    async def finish(self, text: str) -> None:
        await self._place.called("finish")
        self._show(text)
        self._shown.is_finished = True

    def _show(self, text: str) -> None:
        self._shown.text = text
        self._shown.texts.append(text)
        self._place.changed.set()


class Place(Outlet):
    """The platform."""

    appends = True

    def __init__(self, limits: Limits | None = None, *, can_open: bool = True, can_tell_recent: bool = False) -> None:
        self.limits = limits or Limits(max_chars=4000, update_interval=0.01)
        self.can_open, self.can_tell_recent = can_open, can_tell_recent
        self.can_reopen = True
        self.messages: list[Shown] = []
        self.calls: list[tuple[str, float]] = []
        self.details: list[PostDetails] = []
        """What each attempt at a post was, those too that failed."""
        self.failures: dict[str, deque[BaseException]] = {}
        """What the next calls raise."""
        self.after: dict[str, deque[BaseException]] = {}
        """What the next calls raise when they have done their work."""
        self.answers: Callable[[str], asyncio.Event | None] = lambda _: None
        """What the answer to a call of this name waits for, which has done its work."""
        self.changed = asyncio.Event()

    async def post(self, address: str, text: str, details: PostDetails) -> str | None:
        self.details.append(details)
        await self.called("post")
        shown = self._add(address, text, details.key)
        shown.author, shown.owner_name, shown.is_finished = details.author, details.owner_name, True
        await self._after("post")
        return shown.handle

    async def open(self, address: str, text: str, details: PostDetails) -> Draft:
        self.details.append(details)
        await self.called("open")
        shown = self._add(address, text, details.key)
        await self._after("open")
        return Growing(self, shown)

    async def reopen(self, address: str, handle: str) -> Draft | None:
        await self.called("reopen")
        found = next((shown for shown in self.messages if shown.handle == handle), None)
        return Growing(self, found) if found is not None and self.can_reopen else None

    async def recent(self, address: str, since: float) -> list[PostedMessage]:
        await self.called("recent")
        mine = [shown for shown in self.messages if shown.address == address and shown.at >= since]
        return [PostedMessage(shown.handle, shown.text) for shown in mine]

    def texts(self, address: str | None = None) -> list[str]:
        """What is to be read in one place, or in all."""
        return [shown.text for shown in self.messages if address in (None, shown.address)]

    async def until(self, condition: Callable[["Place"], object]) -> None:
        """Waits until this is so."""
        async with asyncio.timeout(60):
            while not condition(self):
                self.changed.clear()
                await self.changed.wait()

    async def called(self, name: str) -> None:
        self.calls.append((name, asyncio.get_running_loop().time()))
        if self.failures.get(name):
            raise self.failures[name].popleft()

    def _add(self, address: str, text: str, key: str) -> Shown:
        shown = Shown(f"m{len(self.messages)}", address, text, key=key, at=time.time(), texts=[text])
        self.messages.append(shown)
        self.changed.set()
        return shown

    async def _after(self, name: str) -> None:
        if (event := self.answers(name)) is not None:
            await event.wait()
        if self.after.get(name):
            raise self.after[name].popleft()


__all__ = ["DraftExpired", "Place", "Shown"]
