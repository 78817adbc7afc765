"""What the bridge keeps in the client's store: see ``Bridge``."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from .._client import AvatarClient
from .._errors import MisuseError
from .._native import Visitor
from .._notes import Note
from ._cutting import at_unit, units
from ._outlet import PostAuthor

Kind: TypeAlias = Literal["message", "said"]

_OURS = {"v": 1, "by": "python"}
_LONGEST_ID = 120
_LONGEST_KEPT_ID = 1024
_LONGEST_TEXT = 3000
"""In UTF-16 units: what is longer has notes of its own, since a note holds 16 KiB."""
MINUTE, DAY = 60.0, 24 * 60 * 60.0


@dataclass(slots=True)
class Part:
    """A message of the platform that shows a part of a text. It is kept before it is posted, so that one without a
    handle may be there or not."""

    start: int
    """Where it begins in the text, in characters."""
    at: float
    """When it was begun, in seconds since 1970."""
    handle: str | None = None
    done: bool = False


@dataclass(frozen=True, slots=True)
class Unshown:
    """A message that was not posted, because its answer was ended first."""

    key: str
    """The key under which it would have been posted."""
    text: str = field(repr=False)
    author: PostAuthor
    owner_name: str | None
    is_cut: bool
    """Whether the answer breaks off here, so that the mark stands below."""


@dataclass(slots=True)
class Record:
    """A message of a visitor, or words that were not asked for, until they are dealt with."""

    visitor: Visitor
    kind: Kind
    id: str
    at: float
    """When it came, in seconds since 1970."""
    seq: int
    address: str
    text: str = field(repr=False)
    message_id: str | None = None
    """The id under which the question goes out."""
    name: str | None = None
    refuse: bool = False
    """Whether something other than text came."""
    author: PostAuthor = "avatar"
    parts: list[Part] = field(default_factory=list[Part])
    replies: list[str] = field(default_factory=list[str])
    """The ids of the replies that answered it."""
    handles: list[str] = field(default_factory=list[str])
    """The platform's handles of the bridge's own sentences about it."""
    recovered: bool = False
    """Whether an earlier process may have asked."""
    asked: bool = False
    """Whether this process may have asked."""
    is_done: bool = False
    mark: str | None = None
    """What stands below the answer, where that was ended."""
    unshown: list[Unshown] = field(default_factory=list[Unshown])
    """What had been said when it was ended, and is not shown by the bridge."""

    def to_json(self, pieces: int | None) -> str:
        values: dict[str, Any] = {**_OURS, "state": "accepted", "at": round(self.at * 1000), "seq": self.seq}
        if _LONGEST_ID < len(self.id.encode()) <= _LONGEST_KEPT_ID:
            values["id"] = self.id
        values |= {"address": self.address}
        values |= {"text": self.text} if pieces is None else {"parts": pieces}
        if self.kind == "message":
            values["messageId"] = self.message_id
        else:
            values["author"] = self.author
        if self.name is not None:
            values["name"] = self.name
        if self.refuse:
            values["refuse"] = True
        if self.mark is not None:
            values["mark"] = self.mark
        if self.parts:
            values["drafts"] = [self._part(part) for part in self.parts]
        return json.dumps(values, ensure_ascii=False)

    def _part(self, part: Part) -> dict[str, Any]:
        values: dict[str, Any] = {"from": units(self.shown_text[: part.start]), "at": round(part.at * 1000)}
        if part.handle is not None:
            values["handle"] = part.handle
        if part.done:
            values["done"] = True
        return values

    shown_text: str = field(default="", repr=False)
    """The text of the answer, as far as it is known: offsets are counted in it."""


@dataclass
class Left:
    """What an earlier process has left, in the order in which it came."""

    records: list[Record]
    """What is to be dealt with."""
    replies: list[str]
    """The ids of the replies that it has posted."""
    handles: list[str]
    """The platform's handles of its messages."""


class Records:
    """The records of one platform in a client's notes."""

    def __init__(self, notes: AvatarClient, platform: str, lifetime: float) -> None:
        self._notes = notes
        self._lifetime = lifetime
        self.prefix = f"bridge/{platform}/"

    async def add(self, record: Record) -> bool:
        """Keeps a new record; false where there is one of this id."""
        pieces = _pieces(record.text)
        for number, piece in enumerate(pieces or ()):
            await self._notes.set_note(record.visitor, self._text_key(record, number), piece, lifetime=self._lifetime)
        text = record.to_json(len(pieces) if pieces is not None else None)
        return await self._notes.add_note(record.visitor, self._key(record), text, lifetime=self._lifetime)

    async def keep(self, record: Record) -> None:
        """Keeps what has changed of a record that is not done."""
        if record.is_done:
            return
        pieces = _pieces(record.text)
        text = record.to_json(len(pieces) if pieces is not None else None)
        await self._notes.set_note(record.visitor, self._key(record), text, lifetime=self._lifetime)

    async def done(self, record: Record) -> None:
        """Leaves of a record that it was there."""
        record.is_done = True
        values: dict[str, Any] = {**_OURS, "state": "done", "at": round(record.at * 1000)}
        if record.replies:
            values["replies"] = record.replies
        if handles := [*(part.handle for part in record.parts if part.handle is not None), *record.handles]:
            values["handles"] = handles
        await self._notes.set_note(record.visitor, self._key(record), json.dumps(values), lifetime=self._lifetime)
        for number in range(len(_pieces(record.text) or ())):
            await self._notes.delete_note(record.visitor, self._text_key(record, number))

    async def left(self) -> Left:
        """Returns what an earlier process has left.

        :raises MisuseError: where a bridge of another language, or another version, has left it.
        """
        records: list[Record] = []
        replies: list[tuple[int, str]] = []
        handles: list[tuple[int, str]] = []
        for kind in ("message", "said"):
            prefix = f"{self.prefix}{kind}/"
            for note in await self._notes.notes(prefix):
                values: dict[str, Any] = json.loads(note.text)
                if (values.get("v"), values.get("by")) != (1, "python"):
                    raise MisuseError(_others(self.prefix, values.get("by", "another version")))
                if values["state"] == "done":
                    replies += ((values["at"], reply) for reply in values.get("replies", ()))
                    handles += ((values["at"], handle) for handle in values.get("handles", ()))
                else:
                    records.append(await self._read(note, kind, note.key.removeprefix(prefix), values))
        records.sort(key=lambda record: (record.at, record.seq))
        known = [handle for _, handle in sorted(handles)]
        known += (part.handle for record in records for part in record.parts if part.handle is not None)
        return Left(records, [reply for _, reply in sorted(replies)], known)

    async def _read(self, note: Note, kind: Kind, id: str, values: dict[str, Any]) -> Record:
        record = Record(
            visitor=note.visitor,
            kind=kind,
            id=values.get("id", id),
            at=values["at"] / 1000,
            seq=values.get("seq", 0),
            address=values["address"],
            text=values.get("text", ""),
            message_id=values.get("messageId"),
            name=values.get("name"),
            refuse=values.get("refuse", False),
            author=values.get("author", "avatar"),
            mark=values.get("mark"),
            recovered=True,
        )
        for number in range(values.get("parts", 0)):
            record.text += await self._notes.note(note.visitor, self._text_key(record, number)) or ""
        record.parts = [
            Part(draft["from"], draft.get("at", values["at"]) / 1000, draft.get("handle"), draft.get("done", False))
            for draft in values.get("drafts", ())
        ]
        return record

    def post_key(self, record: Record) -> str:
        """Returns what the keys of a record's posts begin with. Ids of messages may be unique in one chat only."""
        return f"{self.prefix}{record.visitor.id}/{record.kind}/{_short(record.id)}"

    def _key(self, record: Record) -> str:
        return f"{self.prefix}{record.kind}/{_short(record.id)}"

    def _text_key(self, record: Record, number: int) -> str:
        return f"{self.prefix}text/{_short(record.id)}/{number}"


def place_parts(record: Record, text: str) -> None:
    """Counts the parts of a record that was read in characters of this text, in place of UTF-16 units."""
    for part in record.parts:
        part.start = at_unit(text, part.start)
    record.shown_text = text


def _others(prefix: str, by: str) -> str:
    found = f"the client's store has notes `{prefix}…` of a bridge of {by}, which this one cannot go on with"
    return f"{found}: give this bridge's client another `store`, or the bridge another `platform`"


def _short(id: str) -> str:
    return id if len(id.encode()) <= _LONGEST_ID else hashlib.sha256(id.encode()).hexdigest()


def _pieces(text: str) -> list[str] | None:
    """Returns the text in pieces that notes hold, or ``None`` where one note holds it with the record."""
    if units(text) <= _LONGEST_TEXT:
        return None
    # 1500 characters are 3000 UTF-16 units at most.
    return [text[start : start + _LONGEST_TEXT // 2] for start in range(0, len(text), _LONGEST_TEXT // 2)]
