"""Events: what happens in a conversation. Each kind is a class of its own, for ``match`` or ``isinstance``.

async for event in chat.events():
    match event:
        case Reply(text):
            print("avatar:", text)
        case OwnerReply(text):
            print("in person:", text)
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from . import _native
from ._native import (
    Closed,
    Delivered,
    Disconnected,
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
    "Closed",
    "Delivered",
    "Disconnected",
    "Event",
    "EventName",
    "HandedBack",
    "Notice",
    "Opened",
    "OwnerReply",
    "Reconnected",
    "Reply",
    "ReplyDelta",
    "ServiceError",
    "StateChanged",
    "TakenOver",
    "Unattributed",
    "Unknown",
    "Unsent",
    "WaitingForQuota",
]

Event: TypeAlias = (
    Opened
    | StateChanged
    | ReplyDelta
    | Reply
    | OwnerReply
    | TakenOver
    | HandedBack
    | Delivered
    | Unsent
    | Notice
    | ServiceError
    | Unattributed
    | Disconnected
    | Reconnected
    | WaitingForQuota
    | Closed
    | Unknown
)
"""Any event: a union, so that type checkers see whether a ``match`` takes every kind."""

EventName: TypeAlias = Literal[
    "opened",
    "state_changed",
    "reply_delta",
    "reply",
    "owner_reply",
    "taken_over",
    "handed_back",
    "delivered",
    "unsent",
    "notice",
    "service_error",
    "unattributed",
    "disconnected",
    "reconnected",
    "waiting_for_quota",
    "closed",
    "unknown",
]
"""The events' names, the same in every language."""

NAMES: frozenset[str] = frozenset(event.type for event in _native.Event.__subclasses__())
"""The same names, to look one up."""
