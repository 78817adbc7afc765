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
    RateLimitError,
    ServiceRefusedError,
    StoreError,
    UnavailableError,
    UnsupportedError,
)
from ._native import Visitor, __version__
from ._streams import Events, ReplyStream
from ._values import Author, Card, HistoryMessage, Piece, Sent, State, Stats, UnsentMessage
from .events import (
    Closed,
    Delivered,
    Disconnected,
    Event,
    Notice,
    Opened,
    OwnerReply,
    Reconnected,
    Reply,
    ReplyDelta,
    ServiceError,
    StateChanged,
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
    "CertificateError",
    "Card",
    "Closed",
    "ClosedError",
    "ConnectionFailedError",
    "Conversation",
    "DeadlineError",
    "Delivered",
    "Disconnected",
    "Event",
    "Events",
    "HistoryMessage",
    "InvalidAnswerError",
    "InvalidVisitorIdError",
    "MisuseError",
    "NotMemberError",
    "Notice",
    "Opened",
    "OwnerReply",
    "Piece",
    "RateLimitError",
    "Reconnected",
    "Reply",
    "ReplyDelta",
    "ReplyStream",
    "Sent",
    "ServiceError",
    "ServiceRefusedError",
    "State",
    "StateChanged",
    "Stats",
    "StoreError",
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
