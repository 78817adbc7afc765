"""What a bridge is told, and what it tells of errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, TypedDict

During: TypeAlias = Literal["accept", "answer", "post", "push", "recover"]
"""What a bridge was doing.

- ``accept``: It kept a message, or where the visitor is.
- ``answer``: It asked the avatar, or showed the answer.
- ``post``: It made a call of the platform, which it makes again.
- ``push``: It said what nothing had asked for.
- ``recover``: It opened the visitors whom the store knows.
"""


@dataclass(frozen=True)
class ErrorContext:
    """What an error of ``on_error`` is about."""

    during: During
    """What the bridge was doing."""
    visitor_id: str | None = None
    message_id: str | None = None
    """The platform's id of the message."""


class AskOptions(TypedDict, total=False):
    """Options of a bridge's questions, as ``Conversation.ask`` has them, in seconds."""

    deadline: float
    """How long a whole answer may take."""
    first_piece_deadline: float
    """How long an answer may take to begin."""
    collect: float
    """How long the avatar has to be silent for its turn to be over, whose messages are then one answer."""
