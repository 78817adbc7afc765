"""Places that take replies as they are said, piece by piece, with sources and cards: a page in a browser. What they
are given needs neither cutting nor pacing."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, cast

from .. import _errors
from .._conversation import Conversation
from .._error import AvatarError
from .._plain import Piece
from .._values import Card, Reply
from ..events import Event, OwnerReplyEvent, ReplyEvent
from ._answering import Answerer, Said
from ._outlet import Limits, Outlet, PostAuthor, PostDetails
from ._records import Record

_MOST_LEFT = 10_000
"""So many of what is left are remembered; the others wait for the next start."""


class LiveOutlet(Outlet):
    """A place that takes replies as they are said. Its calls do not fail but where the client's store does.

    ``question`` is the platform's id of the message that is answered, ``None`` for words that were not asked for.
    """

    limits = Limits(max_chars=1 << 30)
    shows_author = True

    @abstractmethod
    def began(self, visitor_id: str, question: str) -> None:
        """Is told that a message is dealt with now."""

    @abstractmethod
    def piece(self, visitor_id: str, question: str, piece: Piece, owner_name: str) -> None:
        """Takes a piece of an answer."""

    @abstractmethod
    async def said(self, visitor_id: str, question: str | None, said: Said, owner_name: str) -> None:
        """Takes what one author has said, whole. It may come again after a restart."""

    @abstractmethod
    async def notice(self, visitor_id: str, question: str, name: str, text: str) -> None:
        """Takes a sentence of the bridge's own, with its name as in ``Sentences``."""

    @abstractmethod
    async def ended(self, visitor_id: str, question: str) -> None:
        """Is told that nothing more comes in answer to a message."""

    @abstractmethod
    def left(self, visitor_id: str, question: str) -> None:
        """Is told that a message could not be dealt with, and is left for the next start."""

    @abstractmethod
    def opened(self, visitor_id: str, is_taken_over: bool) -> None:
        """Is told of a conversation that was opened, and whether its owner has it."""

    @abstractmethod
    def happened(self, event: Event) -> None:
        """Is told of each event of the client."""

    async def post(self, address: str, text: str, details: PostDetails) -> str | None:
        raise NotImplementedError


class LiveAnswerer(Answerer):
    """Answers at a place that takes replies as they are said."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.left_over: dict[tuple[str, str], Record] = {}
        """What could not be dealt with, by its visitor and its id."""

    @property
    def _live(self) -> LiveOutlet:
        return cast(LiveOutlet, self.desk.outlet)

    def left(self, record: Record) -> None:
        if record.kind == "message":
            self.left_over[record.visitor.id, record.id] = record
            while len(self.left_over) > _MOST_LEFT:
                del self.left_over[next(iter(self.left_over))]
            self._live.left(record.visitor.id, record.id)

    def taken_up(self, visitor_id: str, id: str) -> Record | None:
        record = self.left_over.pop((visitor_id, id), None)
        if record is not None:
            # It may have been asked, which the history tells.
            record.recovered = True
            self.recovering(visitor_id)
        return record

    def forget(self, visitor_id: str) -> None:
        super().forget(visitor_id)
        for key in [key for key in self.left_over if key[0] == visitor_id]:
            del self.left_over[key]

    def words_of(self, event: ReplyEvent | OwnerReplyEvent) -> str:
        cards = [[card.template, card.params] for card in cards_of(event.parts)]
        if not (event.text.strip() or cards):
            return ""
        return json.dumps({"text": event.text, "cards": cards, "sources": list(event.sources)}, ensure_ascii=False)

    async def handle(self, record: Record) -> None:
        # Answers of a page are never ended where they stand, so no task of their own is needed for that.
        if record.kind == "said":
            await self._show(record, [Said(record.id, record.author, record.text)])
        else:
            self._live.began(record.visitor.id, record.id)
            await self._answer(record)
        await self._done(record)

    async def _done(self, record: Record) -> None:
        if record.kind == "message":
            await self._live.ended(record.visitor.id, record.id)
        await super()._done(record)

    async def _stream(self, chat: Conversation, record: Record) -> None:
        self._live.opened(record.visitor.id, chat.taken_over)
        stream = self._asked(chat, record)
        author: PostAuthor | None = None
        pieces: list[str] = []
        try:
            try:
                async for piece in stream:
                    if piece.author != author:
                        await self._whole(record, author, pieces, None)
                        author, pieces = "owner" if piece.author == "owner" else "avatar", []
                    pieces.append(piece)
                    self._live.piece(record.visitor.id, record.id, piece, self._owner())
            except AvatarError as error:
                if author is None or (self.is_closing and isinstance(error, _errors.ClosedError)):
                    raise
                self._report(error, record, "answer")
                await self._whole(record, author, pieces, None)
                await self._say(record, self._sentences.cut, "cut")
                return
            reply = stream.reply
            if reply is not None and reply.id is not None:
                record.replies.append(reply.id)
            if not await self._whole(record, author, pieces, reply):
                await self._say(record, self._sentences.not_shown, "not-shown")
        finally:
            stream.close()

    async def _whole(self, record: Record, author: PostAuthor | None, pieces: list[str], reply: Reply | None) -> bool:
        """Hands over what one author has said; false where that is nothing."""
        text = "".join(pieces)
        parts = reply.parts if reply is not None else ()
        if not (text.strip() or cards_of(parts)):
            return False
        if author is None:
            author = "owner" if reply is not None and reply.author == "owner" else "avatar"
        said = Said(None, author, text, parts, reply.sources if reply is not None else ())
        await self._live.said(record.visitor.id, record.id, said, self._owner())
        return True

    async def _show(self, record: Record, said: list[Said]) -> None:
        is_answer = record.kind == "message"
        if is_answer and not said:
            # An earlier process has asked, and nothing has come of it.
            chat = await self._client.open(record.visitor)
            self._live.opened(record.visitor.id, chat.taken_over)
            name = "taken_over" if chat.taken_over else "unavailable"
            await self._say(record, getattr(self._sentences, name), name)
        for reply in said:
            if reply.id is not None and is_answer:
                self.posted.add(reply.id)
                record.replies.append(reply.id)
            shown = reply if is_answer else _unpacked(record)
            if shown.text.strip() or cards_of(shown.parts):
                await self._live.said(record.visitor.id, record.id if is_answer else None, shown, self._owner())

    async def _passed(self, record: Record) -> None:
        await self._say(record, self._sentences.taken_over, "taken_over")

    async def _say_why(self, record: Record, error: AvatarError) -> None:
        # A page shows for each question what became of it.
        self.taken_over.discard(record.visitor.id)
        await super()._say_why(record, error)

    async def _say(self, record: Record, sentence: str, name: str) -> None:
        await self._live.notice(record.visitor.id, record.id, name.replace("-", "_"), self._fill(sentence))


def cards_of(parts: Sequence[str | Card]) -> list[Card]:
    """Returns the cards among the parts of a reply."""
    return [part for part in parts if isinstance(part, Card)]


def _unpacked(record: Record) -> Said:
    """Reads what ``words_of`` has kept."""
    kept: dict[str, Any] = json.loads(record.text)
    cards = tuple(Card(template, params) for template, params in kept["cards"])
    return Said(record.id, record.author, kept["text"], cards, tuple(kept["sources"]))
