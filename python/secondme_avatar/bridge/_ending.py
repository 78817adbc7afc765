"""Answers that are ended because a person speaks in their place: see ``secondme_avatar.desk``."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .._native import Visitor
from ._options import During
from ._outlet import Outlet
from ._records import Record, Unshown
from ._remembered import Remembered
from ._telling import Telling


@dataclass(frozen=True)
class Ended:
    """What was ended of a visitor."""

    unshown: list[Unshown]
    """What had been said by then and no message shows, where the outlet has no messages that grow. One that was on its
    way may still be shown by itself."""
    kept: Awaitable[None]
    """Waits until it is in the store."""


class EndingOutlet(Outlet):
    """A platform on which a message that an earlier process has begun can be ended where it stands."""

    @abstractmethod
    async def end(self, address: str, handle: str, mark: str) -> None:
        """Puts this mark below what the message shows. It returns when that is kept, and happens in its own time."""


class Endings:
    """What is under way for whom, and which questions were ended."""

    def __init__(self, report: Callable[[BaseException, Record, During], None]) -> None:
        self.questions = Remembered()
        """The ids of the questions whose answers are not shown."""
        self.owner_said: Callable[[Visitor, str, str], object] = lambda visitor, id, text: None
        """Is told what the owner says in an answer that is not shown: the visitor, an id, the text."""
        self._report = report
        self._asking: dict[str, tuple[asyncio.Task[None], Record]] = {}
        self._telling: dict[str, Telling] = {}

    def tells(self, record: Record, telling: Telling) -> None:
        """Is told by what an answer is shown."""
        if record.visitor.id in self._asking:
            self._telling[record.visitor.id] = telling

    def end(self, record: Record, mark: str) -> None:
        """Ends a record: what is shown of its answer stays, with this mark below it, and the rest never appears. What
        was not asked yet is not asked."""
        if record.mark is not None:
            return
        record.mark = mark
        if record.message_id is not None:
            self.questions.add(record.message_id)
        asking = self._asking.get(record.visitor.id)
        if asking is not None and asking[1] is record:
            if (telling := self._telling.get(record.visitor.id)) is not None:
                record.unshown = telling.unshown(mark)
            asking[0].cancel()

    async def run(self, record: Record, answer: Callable[[Record], Awaitable[None]]) -> bool:
        """Asks, and shows the answer; false where the record is ended, and what is still answered has to be let go."""
        if record.mark is not None:
            return False

        async def ask() -> None:
            await answer(record)

        asking = asyncio.create_task(ask())
        self._asking[record.visitor.id] = asking, record
        try:
            await asyncio.wait({asking})
        except asyncio.CancelledError:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            raise
        finally:
            del self._asking[record.visitor.id]
            self._telling.pop(record.visitor.id, None)
        if record.mark is None:
            asking.result()
            return True
        if asking.cancelled():
            return False
        if (error := asking.exception()) is not None:
            self._report(error, record, "answer")
        return error is None
