"""What the server part knows of a visitor while there is something to know."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from .._native import Visitor
from ._growing import Growing, Growth
from ._http import encoded
from ._messages import By, Message
from ._readers import Reader, Source, Stream
from ._transcript import Transcript
from ._turns import Turn

_MOST_EVENTS = 200
_MOST_BYTES = 256 * 1024
RETRY = b"retry: 2000\n\n"


class Session(Source):
    """One visitor: the last events, for all tabs, and the answers that are under way."""

    __slots__ = (
        "_bytes",
        "_epoch",
        "_first",
        "_growing",
        "_is_typing",
        "_readers",
        "_ring",
        "event_streams",
        "is_closed",
        "streams",
        "transcript",
        "turns",
        "used",
        "visitor",
        "waking",
    )

    def __init__(self, visitor: Visitor, transcript: Transcript) -> None:
        self.visitor = visitor
        self.transcript = transcript
        self.turns: dict[str, Turn] = {}
        """The answers that are under way, by the client's ids of the messages; the newest is the last."""
        self.waking: asyncio.Task[None] | None = None
        """Opens the conversation, once."""
        self._is_typing = False
        self._growing: Growing | None = None
        self.streams = 0
        """How many streams are being read, those of answers included."""
        self.event_streams: list[Stream] = []
        """The event streams that are being read, the oldest first."""
        self.used = 0.0
        """When it was used last, by the application's clock."""
        self.is_closed = False
        self._epoch = secrets.token_urlsafe(6).replace("-", "_")
        self._ring: list[bytes] = []
        self._first = 1
        """The number of the oldest event that is kept."""
        self._bytes = 0
        self._readers: list[Reader] = []

    @property
    def is_idle(self) -> bool:
        """Whether it can be forgotten."""
        return not self.streams and not self.turns

    def accepted(self, turn: Turn) -> None:
        """Tells, once, of the message of a turn, which is in the store now."""
        if turn.asked is not None:
            self.message(turn.asked)
            turn.asked = None

    def grow(self, turn: Turn, piece: str, author: By, name: str) -> None:
        """Takes a piece of a reply. It is not among the events that are kept, which it would push out."""
        growing = self._growing
        # White space alone is no message: what another says after it has the same id.
        if growing is None or growing.id != turn.message_id or growing.author != author:
            growing = self._growing = Growing(turn.message_id, author, name, turn.question)
        growing.add(piece)
        self._wake()

    def grown(self) -> None:
        """Notes that the reply is whole, or broke off: its message, or a notice, says so."""
        self._growing = None

    def message(self, message: Message) -> None:
        """Tells of a message that is whole."""
        if message.author != "visitor":
            self.write(is_typing=False)
        self._publish(message.to_json())

    def write(self, *, is_typing: bool) -> None:
        """Tells whether the avatar writes."""
        if self._is_typing != is_typing:
            self._is_typing = is_typing
            self._publish({"type": "typing", "author": "avatar", "isTyping": is_typing})

    def owner(self, *, is_present: bool, name: str) -> None:
        """Tells that the owner has come, or has left."""
        self._publish({"type": "owner", "isPresent": is_present, "name": name})

    def notice(self, kind: str, text: str) -> None:
        """Tells of a sentence that is no message."""
        self._publish({"type": "notice", "kind": kind, "text": text})

    def begin(self, last_event_id: str | None, *, is_owner_present: bool, owner_name: str) -> tuple[int, bytes]:
        """Returns the place of a reader who has read so far, and what to tell it first."""
        end = self._first + len(self._ring)
        data = self._since(last_event_id, end)
        data += self._event(end - 1, {"type": "owner", "isPresent": is_owner_present, "name": owner_name})
        if self._is_typing:
            data += self._event(end - 1, {"type": "typing", "author": "avatar", "isTyping": True})
        return end, RETRY + data

    def close(self) -> None:
        """Ends all streams. An answer that is not whole is not said to be."""
        self.is_closed = True
        for turn in self.turns.values():
            turn.stop()
        self._wake()

    @property
    def is_over(self) -> bool:
        return self.is_closed

    def add(self, reader: Reader) -> None:
        self._readers.append(reader)

    def remove(self, reader: Reader) -> None:
        self._readers.remove(reader)

    def take(self, place: int, reader: Reader) -> tuple[bytes, int]:
        data, place = self._events(place)
        if self._growing is None:
            return data, place
        if reader.growth is None:
            reader.growth = Growth()
        return data + self._growing.take(reader.growth), place

    def _events(self, place: int) -> tuple[bytes, int]:
        end = self._first + len(self._ring)
        if place < self._first:
            # It has read too slowly.
            return self._reset(end), end
        return b"".join(self._ring[number - self._first] for number in range(place, end)), end

    def _since(self, last_event_id: str | None, end: int) -> bytes:
        """Returns what a reader has missed."""
        if last_event_id is None:
            return b""
        epoch, _, number = last_event_id.rpartition("-")
        if epoch == self._epoch and number.isascii() and number.isdigit() and len(number) < 16:
            place = int(number) + 1
            if self._first <= place <= end:
                return self._events(place)[0]
        return self._reset(end)

    def _publish(self, event: dict[str, Any]) -> None:
        data = self._event(self._first + len(self._ring), event)
        self._ring.append(data)
        self._bytes += len(data)
        while len(self._ring) > _MOST_EVENTS or (self._bytes > _MOST_BYTES and len(self._ring) > 1):
            self._bytes -= len(self._ring.pop(0))
            self._first += 1
        self._wake()

    def _reset(self, end: int) -> bytes:
        return self._event(end - 1, {"type": "reset"})

    def _event(self, number: int, event: dict[str, Any]) -> bytes:
        return b"id: %s-%d\ndata: %s\n\n" % (self._epoch.encode(), number, encoded(event))

    def _wake(self) -> None:
        for reader in self._readers:
            reader.wake()
