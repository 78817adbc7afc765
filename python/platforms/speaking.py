"""An avatar in memory, for tests whose time is virtual: it says what it is told to, as slowly as it is told to."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

from secondme_avatar import Visitor


class Piece(str):
    author = "avatar"


class Stream:
    reply = None

    def __init__(self, pieces: list[str], pause: float) -> None:
        self._pieces, self._pause = pieces, pause

    async def __aiter__(self) -> AsyncIterator[Piece]:
        for piece in self._pieces:
            await asyncio.sleep(self._pause)
            yield Piece(piece)

    def close(self) -> None:
        pass


class Conversation:
    avatar_name = "Ada's avatar"
    taken_over = False

    def __init__(self, avatar: "Avatar") -> None:
        self._avatar = avatar

    def stream(self, text: str, **options: Any) -> Stream:
        return Stream(self._avatar.pieces, self._avatar.pause)


class Events:
    def __aiter__(self) -> "Events":
        return self

    async def __anext__(self) -> Any:
        await asyncio.Event().wait()

    def close(self) -> None:
        pass


class Avatar:
    """A client."""

    def __init__(self, pieces: list[str], pause: float) -> None:
        self.pieces, self.pause = pieces, pause
        self._notes: dict[tuple[str, str], str] = {}
        self._numbers = itertools.count()

    async def open(self, visitor: Visitor, deadline: float | None = None) -> Conversation:
        return Conversation(self)

    def events(self) -> Events:
        return Events()

    async def recover(self, all: bool = False) -> list[str]:
        return []

    async def set_note(self, visitor: Visitor, key: str, text: str, lifetime: float | None = None) -> None:
        self._notes[visitor.id, key] = text

    async def add_note(self, visitor: Visitor, key: str, text: str, lifetime: float | None = None) -> bool:
        return self._notes.setdefault((visitor.id, key), text) is text

    async def note(self, visitor: Visitor, key: str) -> str | None:
        return self._notes.get((visitor.id, key))

    async def delete_note(self, visitor: Visitor, key: str) -> bool:
        return self._notes.pop((visitor.id, key), None) is not None

    async def notes(self, prefix: str) -> list[Any]:
        return []
