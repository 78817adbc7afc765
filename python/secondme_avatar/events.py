"""Events: what happens in a conversation. Each kind is a class of its own, for ``match`` or ``isinstance``.

async for event in chat.events():
    match event:
        case Reply(text):
            print("avatar:", text)
        case OwnerReply(text):
            print("in person:", text)
"""

from __future__ import annotations

from ._native import (
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
    "Closed",
    "Delivered",
    "Disconnected",
    "Event",
    "Notice",
    "Opened",
    "OwnerReply",
    "Reconnected",
    "Reply",
    "ReplyDelta",
    "ServiceError",
    "StateChanged",
    "Unattributed",
    "Unknown",
    "Unsent",
    "WaitingForQuota",
]

NAMES: frozenset[str] = frozenset(event.type for event in Event.__subclasses__())
"""The events' names, the same in every language: ``reply``, ``owner_reply``, …"""
