"""A message as browsers are told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast
from urllib.parse import urlsplit

from .._values import Card

By: TypeAlias = Literal["visitor", "avatar", "owner"]


@dataclass(frozen=True)
class Message:
    """A message of the conversation."""

    id: str
    author: By
    name: str
    text: str = field(repr=False)
    at: int
    """Milliseconds since 1970."""
    sources: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]], repr=False)
    """Each with ``url``, ``None`` where it is no web address, and ``title``."""
    cards: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]], repr=False)
    in_reply_to: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns what is said of it on the wire, and kept in the store."""
        return {
            "type": "message",
            "id": self.id,
            "author": self.author,
            "name": self.name,
            "text": self.text,
            "at": self.at,
            "sources": self.sources,
            "cards": self.cards,
            "inReplyTo": self.in_reply_to,
        }

    @staticmethod
    def from_json(value: dict[str, Any]) -> Message:
        return Message(
            value["id"],
            value["author"],
            value["name"],
            value["text"],
            value["at"],
            value["sources"],
            value["cards"],
            value["inReplyTo"],
        )


def plain_cards(parts: Sequence[str | Card]) -> list[dict[str, Any]]:
    """Returns the cards of a reply."""
    return [{"template": part.template, "params": part.params} for part in parts if isinstance(part, Card)]


def plain_sources(sources: Sequence[Any]) -> list[dict[str, Any]]:
    """Returns the sources of a reply. The service says them in its own way; a page can show an address and a title."""
    plain = [_plain_source(source) for source in sources]
    return [source for source in plain if source["url"] is not None or source["title"]]


def _plain_source(source: Any) -> dict[str, Any]:
    if isinstance(source, str):
        return {"url": _web_address(source), "title": source}
    said = cast(dict[str, Any], source) if isinstance(source, dict) else {}
    url = next((url for name in ("url", "link", "href") if (url := _web_address(said.get(name)))), None)
    title = next((said[name] for name in ("title", "name") if isinstance(said.get(name), str) and said[name]), None)
    return {"url": url, "title": title or url or ""}


def _web_address(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        return value if urlsplit(value).scheme in ("http", "https") else None
    except ValueError:
        return None
