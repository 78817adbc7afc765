"""The conversations that a desk has in memory: those in which something is under way, and the last ones of the rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ..bridge._records import Unshown
from ._cases import Case, Cases

_MOST_IDLE = 10_000
"""So many idle conversations of the avatar stay in memory. The store has all of them."""


@dataclass(eq=False)
class Lane:
    """A conversation, and what is under way for it."""

    case: Case
    is_loaded: bool = False
    """Whether the case is what the store has."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Events of one conversation happen one after the other."""
    speaking: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Messages to the visitor are posted one after the other, by the desk and by the avatar."""
    quiet: asyncio.Event = field(default_factory=asyncio.Event)
    """Is set while the desk itself has nothing to say."""
    is_place_stale: bool = False
    """Whether the place in the queue that is shown is not the present one."""
    task: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None
    times_out: tuple[float, float] | None = None
    """Since when it waits, by the machine's clock, and when that is to end, by the loop's."""
    users: int = 0
    unshown: dict[str, Unshown] = field(default_factory=dict[str, Unshown])
    """By key, what the avatar had said when it was ended, until the store has it. The bridge tells it once."""

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None, None]:
        """Lets the avatar or its owner speak, after the desk's own words."""
        while True:
            await self.quiet.wait()
            async with self.speaking:
                if self.quiet.is_set():
                    yield
                    return

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is under way here."""
        is_used = self.users or self.task is not None or self.timer is not None
        is_told = self.case.out or self.case.pending or self.is_place_stale or self.unshown
        return not (is_used or is_told or self.lock.locked() or self.speaking.locked())


class Lanes:
    """The lanes of a desk. One that is idle and closed is let go of at once, and read from the store when it is needed
    again."""

    def __init__(
        self,
        cases: Cases,
        fresh: Callable[[str, str | None], Case],
        is_busy: Callable[[str], bool],
        let_go: Callable[[str], None],
    ) -> None:
        """
        :param fresh: Makes the case of a new conversation.
        :param is_busy: Whether the bridge has something under way for a visitor.
        :param let_go: Is told of each conversation that leaves the memory.
        """
        self._cases = cases
        self._fresh = fresh
        self._is_busy = is_busy
        self._let_go = let_go
        self._lanes: dict[str, Lane] = {}
        self._leaving: dict[str, None] = {}
        """Conversations that are let go of when nothing is under way any more."""

    async def take_up(self) -> None:
        """Reads what an earlier process has left, without what is over."""
        for case in await self._cases.all():
            lane = Lane(case, is_loaded=True)
            self._lanes[case.conversation] = lane
            lane.quiet.set()
            self.tidy(lane)

    def use(self, conversation: str, name: str | None = None) -> Lane:
        """Returns a lane that stays until ``leave``. What it has may have to be read first: ``load``."""
        lane = self._lanes.pop(conversation, None)
        if lane is None:
            lane = Lane(self._fresh(conversation, name))
            lane.quiet.set()
        # The one that was used last is the last.
        self._lanes[conversation] = lane
        lane.users += 1
        return lane

    async def load(self, lane: Lane) -> None:
        """Reads what the store has of a conversation. The caller has its lock."""
        if lane.is_loaded:
            return
        if (found := await self._cases.find(lane.case)) is not None:
            # It was let go of when nothing waited: what is noted as pending was dealt with.
            found.pending.clear()
            found.visitor = self._fresh(found.conversation, found.visitor_name).visitor
            lane.case = found
        lane.is_loaded = True

    def leave(self, lane: Lane) -> None:
        lane.users -= 1
        self.tidy(lane)

    @asynccontextmanager
    async def of(self, conversation: str) -> AsyncGenerator[Lane, None]:
        """A lane with what the store has of its conversation."""
        lane = self.use(conversation)
        try:
            async with lane.lock:
                await self.load(lane)
            yield lane
        finally:
            self.leave(lane)

    def get(self, conversation: str) -> Lane | None:
        lane = self._lanes.get(conversation)
        return lane if lane is not None and lane.is_loaded else None

    def __getitem__(self, conversation: str) -> Lane:
        return self._lanes[conversation]

    def __iter__(self) -> Iterator[Lane]:
        return iter([lane for lane in self._lanes.values() if lane.is_loaded])

    def __len__(self) -> int:
        return len(self._lanes)

    def tidy(self, lane: Lane) -> None:
        """Lets go of a lane that is over, and of those that were over before and had something under way."""
        self._leaving.pop(lane.case.conversation, None)
        if not lane.is_loaded or not lane.case.is_kept or lane.case.state == "closed":
            self._leaving[lane.case.conversation] = None
        for conversation in list(self._leaving):
            self._drop(conversation)
        if len(self._lanes) > _MOST_IDLE:
            self._drop_oldest()

    def _drop(self, conversation: str) -> None:
        lane = self._lanes.get(conversation)
        is_over = lane is None or not lane.is_loaded or not lane.case.is_kept or lane.case.state == "closed"
        if lane is None or not is_over:
            del self._leaving[conversation]
        elif lane.is_at_rest and not self._is_busy(lane.case.visitor.id):
            del self._leaving[conversation]
            self._remove(lane)

    def _drop_oldest(self) -> None:
        for lane in self._lanes.values():
            if lane.case.state == "bot" and lane.is_at_rest and not self._is_busy(lane.case.visitor.id):
                self._remove(lane)
                return

    def _remove(self, lane: Lane) -> None:
        del self._lanes[lane.case.conversation]
        self._let_go(lane.case.conversation)
