"""What values and events have in common: ``to_dict``, and pickling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from . import _native
from ._native import Visitor

if TYPE_CHECKING:
    from ._values import Author


class Plain:
    """A value that can be written as JSON."""

    def to_dict(self) -> dict[str, Any]:
        """Returns a dictionary that ``json.dumps`` takes. A ``datetime`` becomes text in ISO 8601."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]


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
    """A piece of a reply: its text, and who says it."""

    __slots__ = ("author",)

    author: Author

    def __new__(cls, text: str, author: Author) -> Piece:
        piece = super().__new__(cls, text)
        piece.author = author
        return piece

    def __getnewargs__(self) -> tuple[str, Author]:  # type: ignore[override]
        return str(self), self.author


def visitor_again(id: str, name: str | None, channel: str | None, tag: str | None = None) -> Visitor:
    """Makes a visitor again from a pickle."""
    return Visitor.parse(id, name=name, channel=channel, tag=tag)


def event_again(type: str, values: dict[str, Any]) -> _native.Event:
    """Makes an event again from a pickle."""
    return _native.event_again(type, values)


_native.register(Piece=Piece, event_again=event_again, plain=plain, visitor_again=visitor_again)
