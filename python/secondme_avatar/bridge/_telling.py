"""Shows a text on the platform while it grows: as often as the platform allows, and its end always."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from ._bucket import Bucket
from ._cutting import boundary, cut, longest
from ._options import During
from ._outlet import Draft, DraftExpired, Limits, Outlet, PostAuthor, PostDetails, RetryLater, Undeliverable
from ._records import Part, Unshown
from ._remembered import Remembered

T = TypeVar("T")

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0
_FINISHES = 6
"""How often the end of a message is tried before the rest is posted: for half a minute."""
_SHOWN_SHARE = 0.9
"""How much of a message's limit updates fill. What is left is room for a good place to cut."""
_CLOCKS = 60.0
"""How far the platform's clock may be behind this one, in seconds."""


@dataclass
class Desk:
    """What all texts of a bridge share."""

    outlet: Outlet
    bucket: Bucket
    patience: float
    """How long a failing call is tried again, in seconds."""
    report: Callable[[BaseException, During], None]
    """Is told of what was caught, and during what."""
    known: Remembered
    """The handles that messages of this bridge have."""


class Telling:
    """One text by one author, in one place."""

    def __init__(
        self,
        desk: Desk,
        address: str,
        key: str,
        parts: list[Part],
        keep: Callable[[], Awaitable[None]],
        *,
        base: int = 0,
        author: PostAuthor = "avatar",
        owner_name: str | None = None,
        is_repeated: bool = False,
    ) -> None:
        self._desk = desk
        self._outlet: Outlet = desk.outlet
        self._limits: Limits = desk.outlet.limits
        self._address, self._key = address, key
        self._author: PostAuthor = author
        self._owner_name = owner_name
        self._is_repeated = is_repeated
        self._all_parts, self._keep, self._base = parts, keep, base
        self._text = ""
        self._is_whole = False
        self._mark: str | None = None
        self._ending = asyncio.Event()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._draft: Draft | None = None
        self._start = 0
        self._shown = 0
        self._updates = 0
        self._has_expired = False
        self._opened = 0.0
        self._due = self._not_before = 0.0
        self._wait = _FIRST_WAIT

    def grow(self, text: str) -> None:
        """Takes the text so far."""
        self._text = text
        self._changed.set()
        if self._task is None and text:
            self._task = asyncio.create_task(self._run())

    async def finish(self, text: str) -> None:
        """Takes the whole text, and returns when the platform shows it. Who gives that up says how it goes on: by
        ``end`` or ``stop``.

        :raises Undeliverable: where the platform never will.
        :raises Exception: what the outlet raised last, when the bridge's patience is over.
        """
        self._text, self._is_whole = text, True
        self._changed.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        await asyncio.shield(self._task)

    async def end(self, mark: str) -> None:
        """Ends the text where it stands: what is shown of a message that grows stays, with this mark below it, and the
        rest never appears.

        :raises Exception: as ``finish`` does.
        """
        if self._task is None:
            return
        if not self._is_whole or not self._task.done():
            self._mark = mark
            self._ending.set()
            self._changed.set()
        await asyncio.shield(self._task)

    def unshown(self, mark: str) -> list[Unshown]:
        """Returns what is known of the text and no message shows, as the messages that it would make with this mark at
        its end. What is being posted counts as not shown. A message that grows shows what there is."""
        rest, start = self._text[self._start :], self._start
        if self._outlet.can_open or not rest.strip():
            return []
        if not self._is_whole:
            rest = f"{rest}\n\n{mark}"
        found: list[Unshown] = []
        while rest:
            length = cut(rest, self._limits)
            is_cut = not self._is_whole and length == len(rest)
            found.append(Unshown(self._key_at(start), rest[:length], self._author, self._owner_name, is_cut))
            rest, start = rest[length:], start + length
        return found

    async def stop(self) -> None:
        """Leaves the text as it stands."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        await self._take_up()
        while not (self._is_whole and self._draft is None and self._start >= len(self._text)):
            self._changed.clear()
            self._end_here()
            await self._step()

    def _end_here(self) -> None:
        """Takes what is shown for the whole text, where it is to be ended."""
        if self._mark is None or (self._draft is not None and not self._shown):
            # What an earlier process has shown is not known: such a message is whole, and is finished.
            return
        shown = self._text[: self._start + self._shown]
        self._text = f"{shown}\n\n{self._mark}" if self._draft is not None else shown
        self._is_whole, self._mark = True, None

    async def _take_up(self) -> None:
        """Goes on with what an earlier process has begun."""
        mine = [part for part in self._all_parts if self._base <= part.start <= self._base + len(self._text)]
        if not mine:
            return
        last = mine[-1]
        self._start = last.start - self._base
        if last.handle is not None:
            self._draft = await self._retrying(lambda: self._reopened(last))
            if self._draft is not None:
                return
        if (found := await self._retrying(lambda: self._found(last, last.handle))) is not None:
            last.handle = found.handle
            self._draft = found

    async def _step(self) -> None:
        now, rest = _now(), self._text[self._start :]
        if self._draft is None:
            if self._is_whole and not rest:
                return
            if self._is_whole:
                await self._post(rest[: cut(rest, self._limits)])
            elif self._outlet.can_open and rest:
                await self._open(rest[: longest(rest, self._limits, _SHOWN_SHARE)])
            else:
                await self._changed.wait()
        elif longest(rest, self._limits) < len(rest):
            await self._finish(rest[: cut(rest, self._limits, self._shown if self._outlet.appends else 0)])
        elif self._is_whole:
            await self._finish(rest)
        elif (age := self._age(now)) <= 0 and rest:
            await self._finish(rest[: boundary(rest, max(self._shown, 1)) or len(rest)])
        else:
            await self._update(rest, now, age)

    async def _update(self, rest: str, now: float, age: float) -> None:
        text = rest[: longest(rest, self._limits, _SHOWN_SHARE)]
        new = len(text) - self._shown
        # A message that has expired is only finished: most platforms take no pieces for it any more.
        is_enough = not self._has_expired and (
            self._limits.max_updates is None or self._updates < self._limits.max_updates
        )
        at_once = self._limits.min_update_chars
        due = self._not_before if at_once is not None and new >= at_once else max(self._due, self._not_before)
        if new <= 0 or not is_enough or now < due:
            await self._pause(min(age, due - now if new > 0 and is_enough else float("inf")))
            return
        await self._desk.bucket.take()
        if self._is_whole or self._mark is not None:
            return
        text = self._text[self._start :]
        text = text[: longest(text, self._limits, _SHOWN_SHARE)]
        draft = self._draft
        assert draft is not None
        try:
            await draft.update(text)
        except RetryLater as error:
            self._later(error)
        except DraftExpired:
            await self._expired()
        except Undeliverable:
            raise
        except Exception as error:
            self._desk.report(error, "post")
            self._not_before, self._wait = _now() + self._wait, min(self._wait * 2, _LONGEST_WAIT)
        else:
            self._shown, self._wait = max(self._shown, len(text)), _FIRST_WAIT
            self._updates += 1
            self._due = _now() + self._limits.update_interval

    async def _open(self, text: str) -> None:
        part = await self._begin()
        draft = await self._once(part, lambda again: self._outlet.open(self._address, text, self._details(again)))
        if draft is None:
            return
        self._draft, part.handle = draft, draft.handle
        self._desk.known.add(part.handle)
        self._shown, self._updates, self._opened, self._has_expired = len(text), 0, _now(), False
        self._due = self._opened + self._limits.update_interval
        await self._keep()
        await self._retrying(draft.show)

    async def _post(self, text: str) -> None:
        part = await self._begin()

        async def post(again: bool) -> str:
            return await self._outlet.post(self._address, text, self._details(again)) or ""

        handle = await self._once(part, post)
        if handle is not None:
            if handle:
                part.handle = handle
                self._desk.known.add(handle)
            await self._end(part, len(text))

    async def _finish(self, text: str) -> None:
        """Ends the message that is open, with this text."""
        part = self._all_parts[-1]
        end, failures, wait = _now() + self._desk.patience, 0, _FIRST_WAIT
        while self._draft is not None:
            await self._desk.bucket.take(urgent=True)
            if self._mark is not None:
                self._end_here()
                text = self._text[self._start :]
            try:
                await self._draft.finish(text)
            except RetryLater as error:
                self._later(error)
                await self._sleep(self._not_before - _now(), end, error)
            except DraftExpired:
                await self._expired()
            except Undeliverable:
                raise
            except Exception as error:
                self._desk.report(error, "post")
                failures += 1
                if failures >= _FINISHES:
                    await self._give_up_draft()
                else:
                    await self._sleep(wait, end, error)
                    wait = min(wait * 2, _LONGEST_WAIT)
            else:
                await self._end(part, len(text))

    async def _expired(self) -> None:
        """Goes on where a message takes nothing more. It is found again once: one that stays expired would be asked
        for again and again."""
        if self._has_expired:
            await self._give_up_draft()
            return
        self._has_expired = True
        reopened = await self._retrying(lambda: self._reopened(self._all_parts[-1]))
        if reopened is None:
            await self._give_up_draft()
        else:
            self._draft = reopened

    async def _give_up_draft(self) -> None:
        """What is not shown for certain yet comes in another message."""
        is_open = self._draft is not None and self._draft.is_deferred
        await self._end(self._all_parts[-1], 0 if is_open else self._shown)

    async def _begin(self) -> Part:
        """Notes that a message is about to be posted, where that can be looked up afterwards."""
        start = self._base + self._start
        last = self._all_parts[-1] if self._all_parts else None
        if last is None or last.start != start or last.done:
            last = Part(start, time.time())
            self._all_parts.append(last)
            if self._outlet.can_tell_recent:
                await self._keep()
        return last

    async def _end(self, part: Part, length: int) -> None:
        """Notes that a message is complete, and goes on behind it."""
        part.done = True
        self._draft, self._has_expired = None, False
        self._start += length
        self._shown = 0
        if not (self._is_whole and self._start >= len(self._text)):
            self._all_parts.append(Part(self._base + self._start, time.time()))
            await self._keep()

    async def _once(self, part: Part, call: Callable[[bool], Awaitable[T]]) -> T | None:
        """Makes a call that posts something, again where it fails, which it is told; ``None`` where it turns out that
        the message is there, which is then taken up, and where the text is ended before it is shown."""
        end, wait, again = _now() + self._desk.patience, _FIRST_WAIT, False
        while True:
            await self._desk.bucket.take(urgent=self._is_whole)
            if self._mark is not None:
                return None
            try:
                return await call(again)
            except RetryLater as error:
                self._later(error)
                await self._sleep(self._not_before - _now(), end, error)
            except Undeliverable:
                raise
            except Exception as error:
                self._desk.report(error, "post")
                again = True
                await self._sleep(wait, end, error)
                wait = min(wait * 2, _LONGEST_WAIT)
                found = await self._retrying(lambda: self._found(part, None))
                if found is not None:
                    self._draft, part.handle = found, found.handle
                    self._opened, self._updates = _now(), 0
                    return None

    async def _found(self, part: Part, handle: str | None) -> Draft | None:
        """Looks for a message whose fate is not known."""
        if not self._outlet.can_tell_recent:
            return None
        rest = _plain(self._text[self._start :])
        for posted in await self._outlet.recent(self._address, part.at - _CLOCKS):
            is_other = posted.handle in self._desk.known and posted.handle != handle
            if not is_other and (said := _plain(posted.text)) and rest.startswith(said):
                self._desk.known.add(posted.handle)
                return await self._outlet.reopen(self._address, posted.handle)
        return None

    async def _reopened(self, part: Part) -> Draft | None:
        return await self._outlet.reopen(self._address, part.handle) if part.handle is not None else None

    async def _retrying(self, call: Callable[[], Awaitable[T]]) -> T:
        """Makes a call that may be made again."""
        end, wait = _now() + self._desk.patience, _FIRST_WAIT
        while True:
            await self._desk.bucket.take(urgent=True)
            try:
                return await call()
            except RetryLater as error:
                self._later(error)
                await self._sleep(self._not_before - _now(), end, error)
            except Undeliverable:
                raise
            except Exception as error:
                self._desk.report(error, "post")
                await self._sleep(wait, end, error)
                wait = min(wait * 2, _LONGEST_WAIT)

    async def _sleep(self, seconds: float, end: float, error: Exception) -> None:
        if _now() + seconds > end:
            raise error
        if self._ending.is_set():
            await asyncio.sleep(seconds)
            return
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)

    def _later(self, error: RetryLater) -> None:
        self._not_before = max(self._not_before, _now() + error.retry_after)
        if self._limits.calls_per_second is not None:
            self._desk.bucket.pause(error.retry_after)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), None if seconds == float("inf") else max(seconds, 0))
        except asyncio.TimeoutError:
            return

    def _age(self, now: float) -> float:
        """Returns how long the message may still grow."""
        return self._opened + self._limits.max_age - now if self._limits.max_age is not None else float("inf")

    def _details(self, again: bool) -> PostDetails:
        return PostDetails(self._author, self._owner_name, self._key_at(self._start), self._is_repeated or again)

    def _key_at(self, place: int) -> str:
        start = self._base + place
        # A message that was given up has its own key: a platform that recognises keys would answer with it.
        given_up = sum(part.done and part.start == start for part in self._all_parts)
        return f"{self._key}/{start}" + (f".{given_up}" if given_up else "")


def _plain(text: str) -> str:
    """Returns the text without what platforms change about it: white space and marks."""
    return "".join(character for character in text if character.isalnum())


def _now() -> float:
    return asyncio.get_running_loop().time()
