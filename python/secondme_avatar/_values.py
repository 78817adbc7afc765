"""What calls give, besides conversations and events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from . import _native
from ._native import Visitor

if TYPE_CHECKING:
    from ._errors import AvatarError

Author: TypeAlias = Literal["avatar", "owner", "visitor"]
"""Who says something: the AI, its owner in person, or the visitor."""

State: TypeAlias = Literal["opening", "live", "reconnecting", "paused", "closing", "closed"]
"""Where a conversation stands."""


class Plain:
    """What can be written as JSON."""

    def to_dict(self) -> dict[str, Any]:
        """All of it as a dictionary that ``json.dumps`` takes."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]


def plain(value: Any) -> Any:
    """The value as ``json.dumps`` takes it."""
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


@dataclass(frozen=True)
class Card(Plain):
    """Something that an app shows otherwise than as text."""

    template: str
    """The kind of card, such as ``StandardCard``; empty where the service's template could not be read."""
    params: Any
    """Its parameters; the template's own text where it could not be read."""


@dataclass(frozen=True)
class Sent(Plain):
    """The service has taken a message."""

    message_id: str
    """The message's id; a reply names it in ``in_reply_to``."""
    confirmed_by: Literal["answer", "echo", "query", "reply"]
    """How it is known."""


@dataclass(frozen=True)
class UnsentMessage(Plain):
    """A message that was given up, handed back so that nothing is lost."""

    text: str = field(repr=False)
    """What was to be said."""
    certain: bool
    """True: the service never took it, sending it again is safe. False: nobody can tell."""
    message_id: str
    """The id it was, or would have been, sent under."""


@dataclass(frozen=True)
class HistoryMessage(Plain):
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
class Stats(Plain):
    """What a client has counted, over all its conversations."""

    visitors: int
    """Visitors with a conversation that is not closed."""
    connected: int
    """Sockets that are connected."""
    live: int
    """Visitors who hold a socket or are on their way to one: these count against ``max_live``."""
    paused: int
    """Visitors who have given up their sockets for the time being."""
    waiting_for_slot: int
    """Visitors who wait for one of the places of ``max_live``."""
    waiting_for_quota: int
    """Visitors who wait for the API key's quota."""
    longest_quota_wait: float
    """Seconds that the last one of them will wait, as it looks now."""
    stored_visitors: int
    """Visitors of whom the store keeps something, up to a second ago; 0 without a store."""
    stored_messages: int
    """Messages that the store keeps since they are still to be sent, those of other processes among them."""
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


@dataclass(frozen=True)
class CallReport(Plain):
    """One call to the service, or one handshake of a socket, when it is over: what ``on_call`` is told. It holds no
    secret, and nothing that anybody says."""

    visitor_id: str
    """Whose call it was."""
    step: str
    """Which step of the protocol, such as ``authenticate``."""
    took: float
    """Seconds that it took."""
    error: AvatarError | None
    """What went wrong, if anything did. A call that is given up is a ``DeadlineError``."""
    server_time: float | None
    """What the time is for the service, in seconds since the Unix epoch, where its answer said so."""


def visitor_again(id: str, name: str | None, channel: str | None, tag: str | None = None) -> Visitor:
    """A visitor out of a pickle."""
    return Visitor.parse(id, name=name, channel=channel, tag=tag)


def event_again(type: str, values: dict[str, Any]) -> _native.Event:
    """An event out of a pickle."""
    return _native.event_again(type, values)


_native.register(
    call_report=CallReport,
    card=Card,
    event_again=event_again,
    history_message=HistoryMessage,
    piece=Piece,
    plain=plain,
    sent=Sent,
    stats=Stats,
    visitor_again=visitor_again,
)
