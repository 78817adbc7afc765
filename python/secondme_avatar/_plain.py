"""What values and events have in common: ``to_dict``, what ``repr`` shows, and pickling."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from . import _native
from ._native import Visitor

if TYPE_CHECKING:
    from ._values import Author


class Plain:
    """A value that can be written as JSON, and that prints without what people say.

    The classes below it are dataclasses with ``eq=False``: where a comparison of dataclasses fails, pytest prints their
    fields.
    """

    def to_dict(self) -> dict[str, Any]:
        """Returns a dictionary that ``json.dumps`` takes. A ``datetime`` becomes text in ISO 8601."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]

    def __repr__(self) -> str:
        named = fields(self)  # type: ignore[arg-type]
        return shown(self, [field.name for field in named], [field.name for field in named if not field.repr])

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if isinstance(other, type(self)) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]


def shown(value: object, names: Iterable[str], said: Collection[str]) -> str:
    """Returns what ``repr`` shows of a value: of what people say only how much it is."""
    parts = ((name, getattr(value, name)) for name in names)
    written = (f"{name}={_masked(part) if name in said else repr(part)}" for name, part in parts)
    return f"{type(value).__name__}({', '.join(written)})"


def _masked(value: object) -> str:
    if value is None or value == ():
        return repr(value)
    if isinstance(value, str):
        return f"<{len(value)} characters>"
    return f"<{len(cast(Sequence[Any], value))} items>" if isinstance(value, tuple) else "<hidden>"


def plain(value: Any) -> Any:
    """Returns the value as ``json.dumps`` takes it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [plain(item) for item in cast(Sequence[Any], value)]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in cast(dict[str, Any], value).items()}
    return value.to_dict() if hasattr(value, "to_dict") else value


class Piece(str):
    """A piece of a reply: its text, and who says it. Its ``repr`` shows how long it is."""

    __slots__ = ("author",)

    author: Author

    def __new__(cls, text: str, author: Author) -> Piece:
        piece = super().__new__(cls, text)
        piece.author = author
        return piece

    def __repr__(self) -> str:
        return f"<Piece of {len(self)} characters>"

    def __getnewargs__(self) -> tuple[str, Author]:  # type: ignore[override]
        return str(self), self.author


def visitor_again(id: str, name: str | None, channel: str | None, tag: str | None = None) -> Visitor:
    """Makes a visitor again from a pickle."""
    return Visitor.parse(id, name=name, channel=channel, tag=tag)


def event_again(type: str, values: dict[str, Any]) -> _native.Event:
    """Makes an event again from a pickle."""
    return _native.event_again(type, values)


_native.register(Piece=Piece, event_again=event_again, plain=plain, shown=shown, visitor_again=visitor_again)
