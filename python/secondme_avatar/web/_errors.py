"""What goes wrong behind a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..bridge import During


@dataclass(frozen=True)
class WidgetErrorContext:
    """What an error of ``on_error`` is about."""

    during: During | Literal["call"]
    """What was being done: as the bridge says it, or a browser's call."""
    visitor_id: str | None = None
    message_id: str | None = None
    """The browser's id of the message."""
