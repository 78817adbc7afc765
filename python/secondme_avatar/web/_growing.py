"""A reply that is being said, for all who read the events of its visitor."""

from __future__ import annotations

from typing import Any

from ..bridge._cutting import units
from ._http import encoded
from ._messages import By


class Growing:
    """What is known of a reply until it is whole. Its pieces are kept once, however many read them."""

    __slots__ = ("_has_words", "_pieces", "_reply", "author", "id")

    def __init__(self, id: str, author: By, name: str, in_reply_to: str) -> None:
        self.id = id
        self.author = author
        self._reply: dict[str, Any] = {"id": id, "author": author, "name": name, "inReplyTo": in_reply_to}
        self._pieces: list[str] = []
        self._has_words = False

    def add(self, piece: str) -> None:
        self._pieces.append(str(piece))
        self._has_words = self._has_words or not piece.isspace()

    def take(self, growth: Growth) -> bytes:
        """Returns what a browser has not read yet: the reply as far as it has come, or more of it. It has no id, as no
        browser asks for it again."""
        # What is nothing but white space is not shown, so it is not told either.
        if not self._has_words:
            return b""
        is_new = growth.of is not self
        if is_new:
            growth.of, growth.pieces, growth.units = self, 0, 0
        if growth.pieces == len(self._pieces):
            return b""
        text = "".join(self._pieces[growth.pieces :])
        if is_new:
            event = {"type": "growing", **self._reply, "text": text}
        else:
            event = {"type": "piece", "id": self.id, "from": growth.units, "text": text}
        growth.pieces = len(self._pieces)
        growth.units += units(text)
        return b"data: %s\n\n" % encoded(event)


class Growth:
    """How far a browser has read of a reply that grows. One that reads slowly is told more at once."""

    __slots__ = ("of", "pieces", "units")

    def __init__(self) -> None:
        self.of: Growing | None = None
        self.pieces = 0
        self.units = 0
