"""What the desk keeps in the client's store: how each conversation stands, and every line of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from .._client import AvatarClient
from .._errors import MisuseError
from .._native import Visitor
from ._connector import ConversationView, Line, Operator, ShownAuthor
from ._states import State

_OURS = {"v": 1, "by": "python"}
_LONGEST_ID = 80
_LONGEST_EVENT = 64
_PIECE = 1500
"""In characters: what is longer has notes of its own, since a note holds 16 KiB."""
_MOST_SEEN = 64
_MOST_OUT = 40
_LEAST_KEPT = 90 * 24 * 60 * 60.0
_LONGEST_NAME = 512
"""In bytes: what the service takes."""

_LONGEST_OUT = 6_000
"""In bytes, of what is still to be said: the note of a conversation holds 16 KiB, and has other things in it."""
_LEAST_UNDONE = 24 * 60 * 60.0

ItemKind: TypeAlias = Literal["post", "reply", "place", "note", "hand_over", "state", "edit"]
"""What kind of call it is. A ``reply`` is what the avatar or its owner had said when a person came in."""


_SENTENCES: tuple[ItemKind, ...] = ("post", "place", "hand_over", "state")
_WORDS: tuple[ItemKind, ...] = ("note", "reply", "edit")


@dataclass
class Item:
    """A call of the connector that is still to be made."""

    kind: ItemKind
    key: str
    text: str = field(default="", repr=False)
    author: ShownAuthor = "desk"
    handle: str = ""
    """The message that is replaced."""
    line: str = ""
    """The id of a line of the transcript whose text is said: it may be too long for the note of a conversation."""

    def to_json(self) -> dict[str, str]:
        values = {"kind": self.kind, "key": self.key, "text": self.text, "author": self.author}
        return {**values, "handle": self.handle, "line": self.line}


@dataclass
class Case:
    """A conversation, as it stands."""

    conversation: str
    visitor: Visitor
    visitor_name: str | None = None
    state: State = "bot"
    operator: Operator | None = None
    waiting_since: float | None = None
    order: float = 0.0
    """By which the queue is sorted."""
    change: int = 0
    """How many changes there were: a part of the keys of what is posted."""
    place_handle: str | None = None
    """The message that tells the place in the queue."""
    place_key: str = ""
    seen: list[str] = field(default_factory=list[str])
    """The ids of the last events."""
    pending: list[str] = field(default_factory=list[str])
    """The ids of the visitor's lines that may not be dealt with yet."""
    out: list[Item] = field(default_factory=list[Item])
    """What is still to be posted, in order."""
    is_kept: bool = False
    """Whether the store has it."""

    def view(self, place: int | None) -> ConversationView:
        return ConversationView(
            conversation=self.conversation,
            state=self.state,
            operator=self.operator,
            place=place,
            waiting_since=self.waiting_since,
            visitor_name=self.visitor_name,
        )

    def saw(self, id: str) -> None:
        self.seen.append(id)
        del self.seen[:-_MOST_SEEN]

    def put(self, item: Item) -> None:
        """Adds what is to be posted. What would be said twice in a row is said once, and where the platform has taken
        nothing for long, the oldest sentences are left out: a note holds so much."""
        said = next((other for other in reversed(self.out) if other.kind in ("post", "reply", "place")), None)
        is_sentence = item.kind in ("post", "place")
        if said is not None and is_sentence and (item.kind, item.text) == (said.kind, said.text):
            return
        self.out.append(item)
        size = len(json.dumps([other.to_json() for other in self.out], ensure_ascii=False).encode())
        # The first one may be on its way. What people and the avatar have said is left out last: it stands in the
        # transcript.
        for kinds in (_SENTENCES, _WORDS):
            for other in [other for other in self.out[1:-1] if other.kind in kinds]:
                if len(self.out) <= _MOST_OUT and size <= _LONGEST_OUT:
                    return
                self.out = [left for left in self.out if left is not other]
                size -= len(json.dumps(other.to_json(), ensure_ascii=False).encode())

    def take_back(self, before: Case) -> None:
        """Makes all as it was before a change that could not be kept. What was said meanwhile stays said."""
        self.state, self.operator, self.waiting_since = before.state, before.operator, before.waiting_since
        self.order, self.change, self.seen = before.order, before.change, before.seen
        self.place_handle = before.place_handle
        self.out = [item for item in self.out if any(item is known for known in before.out)]

    def to_json(self) -> str:
        operator = [self.operator.id, self.operator.name] if self.operator is not None else None
        values: dict[str, Any] = {**_OURS, "conversation": self.conversation, "name": self.visitor_name}
        values |= {"state": self.state, "operator": operator, "waitingSince": self.waiting_since}
        values |= {"order": self.order, "change": self.change, "seen": self.seen, "pending": self.pending}
        values |= {"placeHandle": self.place_handle, "placeKey": self.place_key}
        values["out"] = [item.to_json() for item in self.out]
        return json.dumps(values, ensure_ascii=False)

    @classmethod
    def from_json(cls, visitor: Visitor, values: dict[str, Any]) -> Case:
        operator = values["operator"]
        return cls(
            conversation=values["conversation"],
            visitor=visitor,
            visitor_name=values["name"],
            state=values["state"],
            operator=Operator(*operator) if operator is not None else None,
            waiting_since=values["waitingSince"],
            order=values["order"],
            change=values["change"],
            place_handle=values["placeHandle"],
            place_key=values["placeKey"],
            seen=values["seen"],
            pending=values["pending"],
            out=[Item(**item) for item in values["out"]],
            is_kept=True,
        )


@dataclass
class KeptLine:
    """A line, as it is kept."""

    line: Line
    growing: str | None = None
    """The connector's handle of a reply that still grows."""


class Cases:
    """The notes of one platform's desk."""

    def __init__(self, client: AvatarClient, platform: str, lifetime: float, keep_ids: float) -> None:
        """
        :param lifetime: How long lines are kept, and a conversation after its last change, in seconds.
        :param keep_ids: How long it is known at least that a message of a visitor has come, in seconds.
        """
        self._client = client
        self._lifetime = lifetime
        self._keep_ids = keep_ids
        self.prefix = f"desk/{platform}/"
        self._own = Visitor.for_user(f"{platform}-desk", "notes")
        """Notes belong to a visitor, and some are about none of them. This one never speaks."""

    async def remember(self, key: str, text: str) -> None:
        # It is not what people say, and a connector that forgot it would not know what it has heard.
        lifetime = max(self._lifetime, _LEAST_KEPT)
        await self._client.set_note(self._own, f"{self.prefix}kept/{key}", text, lifetime=lifetime)

    async def remembered(self, key: str) -> str | None:
        return await self._client.note(self._own, f"{self.prefix}kept/{key}")

    async def all(self) -> list[Case]:
        """Returns every conversation that is known.

        :raises MisuseError: where a desk of another version has kept it.
        """
        return [self._case(note.visitor, note.text) for note in await self._client.notes(self._case_key)]

    async def find(self, case: Case) -> Case | None:
        """Returns how the store has a conversation.

        :raises MisuseError: where a desk of another version has kept it.
        """
        text = await self._client.note(case.visitor, self._case_key)
        return self._case(case.visitor, text) if text is not None else None

    def _case(self, visitor: Visitor, text: str) -> Case:
        values: dict[str, Any] = json.loads(text)
        if (values.get("v"), values.get("by")) != (1, "python"):
            raise MisuseError(
                f"the client's store has notes `{self.prefix}…` of another version's desk: give this desk's client "
                "another `store`, or the desk another `platform`"
            )
        return Case.from_json(visitor, values)

    async def save(self, case: Case) -> None:
        """Keeps how a conversation stands: one that a person has, or that waits for one, until that is over."""
        lifetime: float | None = self._lifetime
        if case.state in ("waiting", "person"):
            lifetime = None
        elif case.out or case.pending:
            lifetime = max(self._lifetime, _LEAST_UNDONE)
        await self._client.set_note(case.visitor, self._case_key, case.to_json(), lifetime=lifetime)
        case.is_kept = True

    async def has_heard(self, case: Case, id: str) -> bool:
        """Whether the visitor's line of this id has come, also where the line itself is not kept any more."""
        if await self._client.note(case.visitor, self._line_key(case, id)) is not None:
            return True
        is_longer = self._keep_ids > self._lifetime
        return is_longer and await self._client.note(case.visitor, self._heard_key(case, id)) is not None

    async def hear(self, case: Case, id: str) -> None:
        """Keeps that a line of the visitor has come, where that is to be known for longer than the line."""
        if self._keep_ids > self._lifetime:
            await self._client.set_note(case.visitor, self._heard_key(case, id), "", lifetime=self._keep_ids)

    async def add_line(self, case: Case, line: Line) -> bool:
        """Keeps a line; false where there is one of this id."""
        text = await self._written(case, line, None)
        return await self._client.add_note(case.visitor, self._line_key(case, line.id), text, lifetime=self._lifetime)

    async def set_line(self, case: Case, line: Line, growing: str | None = None) -> None:
        """Keeps a line in the place of the one of this id, if there is one."""
        text = await self._written(case, line, growing)
        await self._client.set_note(case.visitor, self._line_key(case, line.id), text, lifetime=self._lifetime)

    async def line(self, case: Case, id: str) -> KeptLine | None:
        """Returns the line of this id."""
        text = await self._client.note(case.visitor, self._line_key(case, id))
        return await self._read(case, id, text) if text is not None else None

    async def lines(self, case: Case) -> list[KeptLine]:
        """Returns all lines of a conversation, in the order in which they began."""
        prefix = f"{self.prefix}line/{hash_of(case.conversation)}/"
        notes = await self._client.notes(prefix)
        return [await self._read(case, note.key.removeprefix(prefix), note.text) for note in notes]

    async def _written(self, case: Case, line: Line, growing: str | None) -> str:
        values: dict[str, Any] = {**_OURS, "id": line.id, "at": round(line.at * 1000), "author": line.author}
        if line.name is not None:
            values["name"] = line.name
        if line.is_private:
            values["private"] = True
        if line.is_ended:
            values["ended"] = True
        if growing is not None:
            values["growing"] = growing
        if len(line.text) <= _PIECE:
            values["text"] = line.text
            return json.dumps(values, ensure_ascii=False)
        pieces = [line.text[start : start + _PIECE] for start in range(0, len(line.text), _PIECE)]
        for number, piece in enumerate(pieces):
            key = self._piece_key(case, line.id, number)
            await self._client.set_note(case.visitor, key, piece, lifetime=self._lifetime)
        values["parts"] = len(pieces)
        return json.dumps(values, ensure_ascii=False)

    async def _read(self, case: Case, id: str, text: str) -> KeptLine:
        values: dict[str, Any] = json.loads(text)
        said = values.get("text", "")
        for number in range(values.get("parts", 0)):
            said += await self._client.note(case.visitor, self._piece_key(case, values["id"], number)) or ""
        line = Line(
            id=values.get("id", id),
            at=values["at"] / 1000,
            author=values["author"],
            name=values.get("name"),
            text=said,
            is_private=values.get("private", False),
            is_ended=values.get("ended", False),
        )
        return KeptLine(line, values.get("growing"))

    @property
    def _case_key(self) -> str:
        return f"{self.prefix}conversation"

    def _line_key(self, case: Case, id: str) -> str:
        return f"{self.prefix}line/{hash_of(case.conversation)}/{_short(id)}"

    def _heard_key(self, case: Case, id: str) -> str:
        return f"{self.prefix}heard/{hash_of(case.conversation)}/{_short(id)}"

    def _piece_key(self, case: Case, id: str, number: int) -> str:
        return f"{self.prefix}text/{hash_of(case.conversation)}/{_short(id)}/{number}"


class Queue:
    """Who waits for a person, in which order."""

    def __init__(self) -> None:
        self._waiting: list[Case] = []

    def update(self, cases: Iterable[Case]) -> list[Case]:
        """Takes how things stand, and returns the conversations whose places have changed."""
        before = {case.conversation: place for place, case in enumerate(self._waiting)}
        waiting = [case for case in cases if case.state == "waiting"]
        waiting.sort(key=lambda case: (case.order, case.waiting_since or 0.0, case.conversation))
        self._waiting = waiting
        return [case for place, case in enumerate(waiting) if before.get(case.conversation, place) != place]

    @property
    def last_order(self) -> float:
        """The order of the last one; 0 where the queue is empty."""
        return self._waiting[-1].order if self._waiting else 0.0

    def place(self, case: Case) -> int | None:
        """Returns the place of a conversation, from 1."""
        return next((place for place, other in enumerate(self._waiting, 1) if other is case), None)

    def __iter__(self) -> Iterator[Case]:
        return iter(self._waiting)


def cut_name(name: str | None) -> str | None:
    """Returns a name, at most as long as the service takes it."""
    return name.encode(errors="replace")[:_LONGEST_NAME].decode(errors="ignore") if name is not None else None


def clean(text: str) -> str:
    """Returns a text without halves of characters, which no store and no service takes."""
    return text.encode(errors="replace").decode()


def short(id: str) -> str:
    """Returns an id of a platform's, or what stands for it where it is long: notes hold so much."""
    return clean(id) if len(clean(id).encode()) <= _LONGEST_EVENT else hashlib.sha256(clean(id).encode()).hexdigest()


def _short(id: str) -> str:
    return id if len(id.encode()) <= _LONGEST_ID else hashlib.sha256(id.encode()).hexdigest()


def hash_of(conversation: str) -> str:
    return hashlib.sha256(conversation.encode()).hexdigest()[:24]


def key_of(prefix: str, case: Case, name: str) -> str:
    """Returns the key of what is posted for the last change of a conversation."""
    return f"{prefix}{hash_of(case.conversation)}/{case.change}/{name}"
