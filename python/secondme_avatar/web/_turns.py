"""The answer to one message, as AI SDK's UI Message Stream (version 1)."""

from __future__ import annotations

from typing import Any

from ._http import Headers, encoded
from ._messages import Message
from ._readers import Reader, Source

STREAM_HEADERS: Headers = [(b"x-vercel-ai-ui-message-stream", b"v1")]
ERRORS = frozenset({"busy", "unavailable", "payment", "broken"})
"""The sentences of the bridge that are a failure."""


class Turn(Source):
    """The answer to one message, which may be read from its beginning by any number of readers."""

    __slots__ = (
        "_buffer",
        "_is_over",
        "_open",
        "_readers",
        "asked",
        "attempt",
        "author",
        "count",
        "error",
        "page",
        "question",
        "taken_over",
    )

    def __init__(self, question: str, attempt: int = 1, page: int | None = None) -> None:
        self.question = question
        """The client's id of the message."""
        self.attempt = attempt
        """How often the message was asked."""
        self.page = page
        """The page of the transcript on which the message stands; ``None`` where an earlier process has put it."""
        self.author: str | None = None
        """Who speaks at the moment."""
        self.count = 1
        """The number of the message within the answer that is next, or under way."""
        self.error: str | None = None
        """Which failure there was, if any."""
        self.taken_over: str | None = None
        """The sentence that the owner has the conversation, where it was said."""
        self.asked: Message | None = None
        """The message, until the visitor's tabs are told of it."""
        self._open = False
        self._is_over = False
        self._readers: list[Reader] = []
        self._buffer = bytearray()
        self._part({"type": "start", "messageId": self.message_id})
        self._part({"type": "start-step"})

    @property
    def message_id(self) -> str:
        """The id of the message that is next, or under way."""
        return f"{self.question}.{self.count}"

    def piece(self, text: str, author: str, name: str) -> None:
        """Takes a piece of what is said."""
        # Also in mid-text: what another has begun was white space, which is no message.
        self._by(author, name)
        if not self._open:
            self._part({"type": "text-start", "id": self.message_id})
            self._open = True
        self._part({"type": "text-delta", "id": self.message_id, "delta": text})
        self._wake()

    def said(self, message: Message) -> None:
        """Takes what one author has said, whole. Where its pieces came before, this is their end."""
        self._by(message.author, message.name)
        if message.text and not self._open:
            self.piece(message.text, message.author, message.name)
        if self._open:
            self._part({"type": "text-end", "id": self.message_id})
            self._open = False
        for number, source in enumerate(message.sources, 1):
            named = {"sourceId": f"{self.message_id}/s{number}"}
            if source["url"] is not None:
                self._part({"type": "source-url", **named, **source})
            else:
                self._part({"type": "source-document", **named, "mediaType": "text/plain", "title": source["title"]})
        for card in message.cards:
            self._part({"type": "data-card", "data": card})
        self.count += 1
        self._wake()

    def _by(self, author: str, name: str) -> None:
        """Says who speaks from now on, where that is another."""
        if author != self.author:
            self.author = author
            self._part({"type": "data-author", "data": {"author": author, "name": name}})

    def notice(self, kind: str, text: str) -> None:
        """Takes a sentence of the bridge's own."""
        if kind in ERRORS:
            self.error = kind
            self._part({"type": "error", "errorText": kind})
        else:
            if kind == "taken_over":
                self.taken_over = text
            self._part({"type": "data-notice", "data": {"kind": kind, "text": text}})
        self._wake()

    def end(self) -> None:
        """Ends the answer."""
        if self._is_over:
            return
        if self._open:
            self._part({"type": "text-end", "id": self.message_id})
        self._part({"type": "finish-step"})
        self._part({"type": "finish", "finishReason": "stop" if self.error is None else "error"})
        self._buffer += b"data: [DONE]\n\n"
        self._is_over = True
        self._wake()

    def stop(self) -> None:
        """Ends what is read of it, where the answer goes on with the next start: its end is not said."""
        self._is_over = True
        self._wake()

    @property
    def is_over(self) -> bool:
        return self._is_over

    def add(self, reader: Reader) -> None:
        self._readers.append(reader)

    def remove(self, reader: Reader) -> None:
        self._readers.remove(reader)

    def take(self, place: int, reader: Reader) -> tuple[bytes, int]:
        return bytes(memoryview(self._buffer)[place:]), len(self._buffer)

    def _part(self, part: dict[str, Any]) -> None:
        self._buffer += b"data: " + encoded(part) + b"\n\n"

    def _wake(self) -> None:
        for reader in self._readers:
            reader.wake()
