"""What Chatwoot tells by webhooks: checked, and read as far as the desk needs it."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypeVar, cast

T = TypeVar("T")
Status: TypeAlias = Literal["open", "resolved", "pending", "snoozed"]

_STATUSES: tuple[Status, ...] = ("open", "resolved", "pending", "snoozed")
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

LONGEST_BODY = 1 << 20
_CONVERSATION_EVENTS = {
    "conversation_created",
    "conversation_opened",
    "conversation_resolved",
    "conversation_status_changed",
    "conversation_updated",
}
_DIGITS = re.compile(r"\d{1,12}")


@dataclass(frozen=True)
class Person:
    """An agent of Chatwoot."""

    id: int
    name: str


@dataclass(frozen=True)
class Message:
    """A message of a conversation."""

    id: int
    kind: Literal["incoming", "outgoing"]
    text: str = field(repr=False)
    is_private: bool
    has_attachments: bool
    agent: Person | None
    """The agent who wrote it."""
    by_bot: bool
    source_id: str | None
    at: float
    """When it was written, in seconds since 1970."""


@dataclass(frozen=True)
class Report:
    """What a webhook tells of one conversation."""

    account: int | None
    """``None`` where it does not say."""
    inbox: int
    channel: str
    conversation: int
    status: Status
    agent: Person | None
    """The agent to whom the conversation is assigned."""
    contact: str | None
    """The visitor's name."""
    contact_id: int
    updated_at: float
    """When the conversation changed last, in seconds since 1970: an older report says nothing new of its status."""
    message: Message | None = None


async def body_of(receive: Receive) -> bytes | None:
    """Returns the body of a request; ``None`` where it is too long."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > LONGEST_BODY:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def signer(
    secrets: Iterable[tuple[T, str]], headers: Mapping[str, str], body: bytes, now: float, tolerance: float
) -> T | None:
    """Returns for which of these the webhook is signed, by what stands beside it; ``None`` for none, or where it is too
    old.

    :param headers: By their names in lower case.
    """
    timestamp, signature = headers.get("x-chatwoot-timestamp", ""), headers.get("x-chatwoot-signature", "")
    if not _DIGITS.fullmatch(timestamp) or abs(now - int(timestamp)) > tolerance:
        return None
    found = None
    for beside, secret in secrets:
        digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        # All are compared, so that the time tells nothing of which it was.
        if hmac.compare_digest(f"sha256={digest}".encode(), signature.encode()):
            found = beside
    return found


def report(payload: object) -> Report | None:
    """Reads a webhook; ``None`` where it is about nothing that the desk needs.

    :raises ValueError: where it is not as Chatwoot writes it.
    """
    if not isinstance(payload, dict):
        raise ValueError("not an object")
    values = cast("dict[str, Any]", payload)
    event = values.get("event")
    if event == "message_created":
        message = _message(values)
        return None if message is None else _conversation(_object(values.get("conversation")), values, message)
    return _conversation(values, values, None) if event in _CONVERSATION_EVENTS else None


def _conversation(values: dict[str, Any], payload: dict[str, Any], message: Message | None) -> Report:
    meta = _object(values.get("meta"))
    sender = _object(meta.get("sender"))
    status = values.get("status")
    if status not in _STATUSES:
        raise ValueError("`status` is missing")
    contact_id = sender.get("id") or _object(values.get("contact_inbox")).get("contact_id")
    updated = values.get("updated_at") or values.get("last_activity_at") or 0
    name = sender.get("name")
    return Report(
        account=_account(values, payload),
        inbox=_id(values.get("inbox_id"), "inbox_id"),
        channel=str(values.get("channel") or meta.get("channel") or ""),
        conversation=_id(values.get("id"), "conversation's id"),
        status=status,
        agent=_person(meta.get("assignee")),
        contact=name if isinstance(name, str) and name else None,
        contact_id=_id(contact_id, "contact's id"),
        updated_at=_time(updated),
        message=message,
    )


def _account(values: dict[str, Any], payload: dict[str, Any]) -> int | None:
    """Returns the account. A conversation's webhook tells it by its last message only."""
    last = _list(values.get("messages"))[-1:]
    for found in (_object(payload.get("account")).get("id"), _object(last[0] if last else None).get("account_id")):
        if isinstance(found, int):
            return found
    return None


def _message(values: dict[str, Any]) -> Message | None:
    kind = values.get("message_type")
    if kind not in ("incoming", "outgoing"):
        return None
    text = values.get("content")
    sender = _object(values.get("sender"))
    source_id = values.get("source_id")
    return Message(
        id=_id(values.get("id"), "message's id"),
        kind="incoming" if kind == "incoming" else "outgoing",
        text=text if isinstance(text, str) else "",
        is_private=values.get("private") is True,
        has_attachments=bool(values.get("attachments")),
        agent=_person(sender) if sender.get("type") == "user" else None,
        by_bot=sender.get("type") == "agent_bot",
        source_id=source_id if isinstance(source_id, str) else None,
        at=_time(values.get("created_at")),
    )


def of_record(values: Any) -> Message | None:
    """Reads a message as the API has it: its type is a number there, and its sender's type stands beside it."""
    record = _object(values)
    kind = {0: "incoming", 1: "outgoing"}.get(record.get("message_type", -1))
    sender_type = {"User": "user", "AgentBot": "agent_bot"}.get(str(record.get("sender_type")))
    sender = {**_object(record.get("sender")), "type": sender_type}
    return _message({**record, "message_type": kind, "sender": sender})


def _person(values: Any) -> Person | None:
    found = _object(values)
    if not isinstance(found.get("id"), int) or found.get("type") not in (None, "user"):
        return None
    name = found.get("available_name") or found.get("name")
    return Person(found["id"], name if isinstance(name, str) else f"agent {found['id']}")


def _time(value: Any) -> float:
    """Returns seconds since 1970: Chatwoot writes them, or a date."""
    if isinstance(value, int | float):
        return float(value)
    try:
        return datetime.fromisoformat(str(value).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return 0.0


def _object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return list(cast("Sequence[Any]", value)) if isinstance(value, list) else []


def _id(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"the {name} is missing")
    return value
