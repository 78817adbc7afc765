"""What calls give, besides conversations and events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ._native import Visitor

Author: TypeAlias = Literal["avatar", "owner", "visitor"]
"""Who says something: the AI, its owner in person, or the visitor."""

State: TypeAlias = Literal["opening", "live", "reconnecting", "resting", "closing", "closed"]
"""Where a conversation stands."""


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


@dataclass(frozen=True)
class Card:
    """Something that an app shows otherwise than as text."""

    template: str
    """The kind of card, such as ``StandardCard``; empty where the service's template could not be read."""
    params: Any
    """Its parameters; the template's own text where it could not be read."""


@dataclass(frozen=True)
class Sent:
    """The service has taken a message."""

    message_id: str
    """The message's id; a reply names it in ``in_reply_to``."""
    confirmed_by: Literal["answer", "echo", "query", "reply"]
    """How it is known."""


@dataclass(frozen=True)
class UnsentMessage:
    """A message that was given up, handed back so that nothing is lost."""

    text: str = field(repr=False)
    """What was to be said."""
    certain: bool
    """True: the service never took it, sending it again is safe. False: nobody can tell."""
    message_id: str
    """The id it was, or would have been, sent under."""


@dataclass(frozen=True)
class HistoryMessage:
    """A message of the past."""

    text: str
    """What was said."""
    author: Author
    """Who said it."""
    id: str | None
    """Its id."""
    seq_id: str | None
    """Hand it to the next ``history`` call, as ``before``, to get what came before."""
    parts: tuple[str | Card, ...]
    """Text and cards in order."""
    timestamp: int | None
    """When, in milliseconds since the Unix epoch, where the service says so."""


@dataclass(frozen=True)
class Stats:
    """What a client has counted, over all its conversations."""

    visitors: int
    """Visitors with a conversation that is not closed."""
    connected: int
    """Sockets that are connected."""
    live: int
    """Visitors who hold a socket or are on their way to one: these count against ``max_live``."""
    resting: int
    """Visitors who have given up their sockets for the time being."""
    waiting_for_place: int
    """Visitors who wait for one of the places of ``max_live``."""
    waiting_for_quota: int
    """Visitors who wait for the API key's quota."""
    longest_quota_wait: float
    """Seconds that the last one of them will wait, as it looks now."""
    events: int
    """Events handed on."""
    frames: int
    """Frames that came."""
    duplicates: int
    """Frames dropped because they had come before."""
    foreign: int
    """Frames dropped because they named another socket."""
    malformed: int
    """Frames that were not JSON objects."""
    unrouted: int
    """Frames of a session that is not open here."""
    pings: int
    """Pings sent."""
    sent: int
    """Messages that the service took."""
    replies: int
    """Replies that were handed on, by the avatar or by its owner."""
    lost: int
    """Times that a socket was lost."""
    calls: int
    """HTTP calls made."""
    authentications: int
    """Times that a visitor was authenticated."""


def visitor_again(id: str, name: str | None, channel: str | None) -> Visitor:
    """A visitor out of a pickle."""
    return Visitor.parse(id, name=name, channel=channel)
