"""What was said, kept as notes in the client's store: the service's own history knows neither the browsers' ids of
messages nor what a reply drew on."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from .._client import AvatarClient
from .._native import Visitor
from ._messages import Message
from ._turns import Turn

_FULL = 12_000
"""A page of messages that is longer than so many bytes takes no more. A note holds 16 KiB."""
_LONG = 6_000
"""A message that is longer than so many bytes has notes of its own."""
_PIECE = 3_500
"""So many characters are in each of these: at most 14,000 bytes."""
_LONGEST_ID = 120


@dataclass
class Answered:
    """What is kept of the answer to a message."""

    attempt: int
    """How often the message was asked."""
    error: str | None
    taken_over: str | None
    messages: list[Message]


@dataclass(slots=True)
class _Page:
    number: int
    entries: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    size: int = 0


class Transcript:
    """The messages of one visitor, in pages: a page is a note. They are numbered from 0, and the newest grows."""

    __slots__ = ("_client", "_is_new", "_lifetime", "_lock", "_prefix", "_visitor")

    def __init__(self, client: AvatarClient, visitor: Visitor, platform: str, lifetime: float) -> None:
        self._client = client
        self._visitor = visitor
        self._prefix = f"web/{platform}/"
        self._lifetime = lifetime
        self._is_new = False
        self._lock = asyncio.Lock()

    def begin(self) -> None:
        """Begins for a visitor who is new, of whom the store need not be asked."""
        self._is_new = True

    async def is_empty(self) -> bool:
        """Whether nothing was said yet."""
        async with self._lock:
            return not (await self._newest()).entries

    async def add(self, message: Message) -> bool:
        """Keeps a message; false where the newest page has one of this id, whose place it takes."""
        async with self._lock:
            page = await self._newest()
            known = next((at for at, entry in enumerate(page.entries) if entry["id"] == message.id), None)
            if known is not None:
                # It keeps its time.
                message = replace(message, at=page.entries[known]["at"])
            entry: dict[str, Any] = message.to_json()
            size = len(_dumped(entry).encode())
            if size > _LONG:
                entry = await self._shortened(page.number, message)
                size = len(_dumped(entry).encode())
            if known is not None:
                if entry != page.entries[known] or "long" in entry:
                    page.entries[known] = entry
                    await self._set(f"log/{page.number}", _dumped(page.entries))
                return False
            if page.entries and page.size + size > _FULL:
                page = await self._next(page)
            self._is_new = False
            await self._set(f"log/{page.number}", _dumped([*page.entries, entry]))
            return True

    async def take_back(self, id: str) -> None:
        """Drops a message of the newest page, which was not accepted."""
        async with self._lock:
            page = await self._newest()
            left = [entry for entry in page.entries if entry["id"] != id]
            await self._set(f"log/{page.number}", _dumped(left))

    async def read(self, before: str | None, limit: int) -> tuple[list[Message], str | None]:
        """Returns the last messages before a cursor, oldest first, and the cursor of what came before them.

        :raises ValueError: where the cursor is none of this transcript's.
        """
        async with self._lock:
            newest = await self._newest()
            number, end = _place(before) if before is not None else (newest.number, len(newest.entries))
            if number > newest.number:
                raise ValueError("the cursor is from another conversation")
            found: list[Message] = []
            while number >= 0 and len(found) < limit:
                entries = newest.entries if number == newest.number else await self._read_page(number)
                if not entries and number < newest.number:
                    return found, None  # It is older than what is kept.
                end = min(end, len(entries))
                start = max(0, end - (limit - len(found)))
                found = await self._messages(entries[start:end]) + found
                if start > 0:
                    return found, f"{number}.{start}"
                number, end = number - 1, 1 << 30
            return found, f"{number}.{1 << 30}" if number >= 0 and await self._read_page(number) else None

    async def answered(self, question: str) -> Answered | None:
        """Returns what was answered to a message; ``None`` where nothing is known of an answer."""
        text = await self._client.note(self._visitor, self._key(f"turn/{_short(question)}"))
        if text is None:
            return None
        kept: dict[str, Any] = json.loads(text)
        async with self._lock:
            newest = await self._newest()
            messages: list[Message] = []
            for number in range(kept["page"], newest.number + 1):
                entries = newest.entries if number == newest.number else await self._read_page(number)
                messages += await self._messages(entry for entry in entries if entry["inReplyTo"] == question)
                if len(messages) >= kept["messages"]:
                    break
        return Answered(kept["attempt"], kept["error"], kept["takenOver"], messages[: kept["messages"]])

    async def set_answered(self, turn: Turn) -> None:
        """Keeps that a message is answered. The answer itself stands in the transcript."""
        async with self._lock:
            newest = await self._newest()
            count, page = 0, max(0, newest.number - 1) if turn.page is None else turn.page
            for number in range(page, newest.number + 1):
                entries = newest.entries if number == newest.number else await self._read_page(number)
                count += sum(entry["inReplyTo"] == turn.question for entry in entries)
        taken_over = turn.taken_over if not count else None
        kept = {"attempt": turn.attempt, "page": page, "messages": count, "error": turn.error, "takenOver": taken_over}
        await self._set(f"turn/{_short(turn.question)}", _dumped(kept))

    async def page(self) -> int:
        """Returns the number of the newest page."""
        async with self._lock:
            return (await self._newest()).number

    async def _newest(self) -> _Page:
        """Reads the newest page, each time: what is kept in memory would outlive a visitor who is forgotten."""
        if self._is_new:
            return _Page(0)
        head = await self._client.note(self._visitor, self._key("head"))
        page = _Page(int(head or 0))
        page.entries = await self._read_page(page.number)
        page.size = len(_dumped(page.entries).encode())
        return page

    async def _next(self, page: _Page) -> _Page:
        # It outlives the pages, so that a number is not given twice.
        await self._client.set_note(self._visitor, self._key("head"), str(page.number + 1))
        return _Page(page.number + 1)

    async def _shortened(self, page: int, message: Message) -> dict[str, Any]:
        """Keeps a long message in notes of its own, and returns what stands for it on the page."""
        text = _dumped(message.to_json())
        pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
        key = f"long/{page}/{_short(message.id)}"
        for number, piece in enumerate(pieces):
            await self._set(f"{key}/{number}", piece)
        kept = {"id": message.id, "inReplyTo": message.in_reply_to, "at": message.at}
        return {**kept, "long": key, "pieces": len(pieces)}

    async def _messages(self, entries: Iterable[dict[str, Any]]) -> list[Message]:
        found: list[Message] = []
        for entry in entries:
            if "long" not in entry:
                found.append(Message.from_json(entry))
                continue
            key = self._key(entry["long"])
            pieces = [await self._client.note(self._visitor, f"{key}/{number}") for number in range(entry["pieces"])]
            if None not in pieces:  # Else they have expired before their page has.
                found.append(Message.from_json(json.loads("".join(piece or "" for piece in pieces))))
        return found

    async def _read_page(self, number: int) -> list[dict[str, Any]]:
        text = await self._client.note(self._visitor, self._key(f"log/{number}"))
        entries: list[dict[str, Any]] = json.loads(text) if text is not None else []
        # A page lives from its last message on, and each message only as long as it says.
        oldest = (time.time() - self._lifetime) * 1000
        return [entry for entry in entries if entry.get("at", oldest) >= oldest]

    async def _set(self, key: str, text: str) -> None:
        await self._client.set_note(self._visitor, self._key(key), text, lifetime=self._lifetime)

    def _key(self, key: str) -> str:
        return f"{self._prefix}{key}"


def _place(cursor: str) -> tuple[int, int]:
    number, _, end = cursor.partition(".")
    if not (cursor.isascii() and number.isdigit() and end.isdigit() and len(cursor) <= 40):
        raise ValueError("the cursor has another form")
    return int(number), int(end)


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _short(id: str) -> str:
    return id if len(id.encode()) <= _LONGEST_ID else hashlib.sha256(id.encode()).hexdigest()
