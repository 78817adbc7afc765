"""Talk with a SecondMe AI avatar::

    import asyncio
    from secondme_avatar import AvatarClient, Visitor

    async def main():
        async with AvatarClient() as client:  # SECONDME_API_KEY
            chat = await client.open(Visitor.for_user("feishu", "ou_abc", name="张三"))
            async for piece in chat.stream("Hello, tell me about yourself"):
                print(piece, end="", flush=True)

    asyncio.run(main())

``secondme_avatar.sync`` is the same without ``async``; ``secondme_avatar.testing`` is the service on this machine, for
your own tests. Everything that can go wrong is an ``AvatarError``.
"""

from __future__ import annotations

from . import _interpreter  # noqa: F401 # pyright: ignore[reportUnusedImport]
from ._client import AvatarClient
from ._conversation import Conversation
from ._errors import (
    AuthenticationError,
    AvatarError,
    AvatarNotFoundError,
    CertificateError,
    ClosedError,
    ConnectionFailedError,
    DeadlineError,
    InvalidAnswerError,
    InvalidVisitorIdError,
    MisuseError,
    NotMemberError,
    RateLimitedError,
    RefusedError,
    StoreError,
    TakenOverError,
    UnavailableError,
    UnsupportedError,
)
from ._native import Visitor, __version__
from ._options import ClientOptions
from ._streams import Events, ReplyStream
from ._values import Author, CallReport, Card, HistoryMessage, Piece, Sent, State, Stats, UnsentMessage
from .events import (
    Closed,
    Delivered,
    Disconnected,
    Event,
    EventName,
    HandedBack,
    Notice,
    Opened,
    OwnerReply,
    Reconnected,
    Reply,
    ReplyDelta,
    ServiceError,
    StateChanged,
    TakenOver,
    Unattributed,
    Unknown,
    Unsent,
    WaitingForQuota,
)

__all__ = [
    "AuthenticationError",
    "Author",
    "AvatarClient",
    "AvatarError",
    "AvatarNotFoundError",
    "CallReport",
    "Card",
    "CertificateError",
    "ClientOptions",
    "Closed",
    "ClosedError",
    "ConnectionFailedError",
    "Conversation",
    "DeadlineError",
    "Delivered",
    "Disconnected",
    "Event",
    "EventName",
    "Events",
    "HandedBack",
    "HistoryMessage",
    "InvalidAnswerError",
    "InvalidVisitorIdError",
    "MisuseError",
    "NotMemberError",
    "Notice",
    "Opened",
    "OwnerReply",
    "Piece",
    "RateLimitedError",
    "Reconnected",
    "Reply",
    "ReplyDelta",
    "ReplyStream",
    "Sent",
    "ServiceError",
    "RefusedError",
    "State",
    "StateChanged",
    "Stats",
    "StoreError",
    "TakenOver",
    "TakenOverError",
    "Unattributed",
    "UnavailableError",
    "Unknown",
    "Unsent",
    "UnsentMessage",
    "UnsupportedError",
    "Visitor",
    "WaitingForQuota",
    "__version__",
]
