"""What a program tells a desk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..bridge import AskOptions, ErrorContext, Language
from ._connector import Connector
from .hours import BusinessHours


@dataclass
class Settings:
    """The keywords of ``Desk``."""

    platform: str
    connector: Connector
    language: Language
    sentences: dict[str, str]
    owner_name: str | None
    avatar_name: str | None
    channel: str | None
    hours: BusinessHours | None
    queue_timeout: float | None
    ask_words: list[str] | None
    bot_words: list[str] | None
    hand_over_lines: int
    keep_transcript: float
    keep_ids: float
    patience: float
    ask: AskOptions | None
    on_error: Callable[[BaseException, ErrorContext], object] | None
