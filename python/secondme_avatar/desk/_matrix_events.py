"""Events of Matrix, as the connector reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, cast

_TEXTS = {"m.text", "m.emote"}
_OTHERS = {"m.image", "m.file", "m.audio", "m.video", "m.location", "m.sticker"}
_FALLBACK = re.compile(r"\A(?:> .*\n)+\n?")


@dataclass(frozen=True)
class RoomEvent:
    """An event of a room's time line."""

    id: str
    room: str
    sender: str
    kind: str
    at: float
    """In seconds since 1970, by the sender's server."""
    content: dict[str, Any] = field(repr=False)
    state_key: str | None = None

    @property
    def text(self) -> str | None:
        """What a message says, or ``None`` where it is none of words."""
        if self.kind != "m.room.message" or self.content.get("msgtype") not in _TEXTS:
            return None
        body = self.content.get("body")
        if not isinstance(body, str):
            return None
        return _FALLBACK.sub("", body) if self.replies_to is not None else body

    @property
    def is_other(self) -> bool:
        """Whether it is a picture, a file or the like."""
        is_message = self.kind == "m.room.message" and self.content.get("msgtype") in _OTHERS
        return is_message or self.kind == "m.sticker"

    @property
    def is_edit(self) -> bool:
        """Whether it replaces an earlier one."""
        return self._relation.get("rel_type") == "m.replace"

    @property
    def replies_to(self) -> str | None:
        """The message to which it replies."""
        found = _object(self._relation.get("m.in_reply_to")).get("event_id")
        return found if isinstance(found, str) else None

    @property
    def related_to(self) -> str | None:
        """The root of its thread, or the message to which it replies or reacts."""
        found = self._relation.get("event_id")
        return found if isinstance(found, str) else self.replies_to

    @property
    def reaction(self) -> str | None:
        """The emoji of a reaction."""
        found = self._relation.get("key") if self.kind == "m.reaction" else None
        return found if isinstance(found, str) else None

    @property
    def membership(self) -> str | None:
        found = self.content.get("membership") if self.kind == "m.room.member" else None
        return found if isinstance(found, str) else None

    @property
    def _relation(self) -> dict[str, Any]:
        return _object(self.content.get("m.relates_to"))


def read(room: str, found: Any) -> RoomEvent | None:
    """Reads an event; ``None`` where it is not of the form that Matrix gives it."""
    source = _object(found)
    id, sender, kind = source.get("event_id"), source.get("sender"), source.get("type")
    at, state_key = source.get("origin_server_ts"), source.get("state_key")
    if not (isinstance(id, str) and isinstance(sender, str) and isinstance(kind, str)):
        return None
    seconds = at / 1000 if isinstance(at, int) else 0.0
    state_key = state_key if isinstance(state_key, str) else None
    return RoomEvent(id, room, sender, kind, seconds, _object(source.get("content")), state_key)


def _object(found: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def localpart(user: str) -> str:
    """Returns the short form of a user's id."""
    return user.partition(":")[0].lstrip("@")
