"""Carries what the bridge says to the visitors' sessions, and into their transcripts."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from .._plain import Piece
from ..bridge._answering import Said
from ..bridge._live import LiveOutlet
from ..bridge._remembered import Remembered
from ..events import Event, HandedBackEvent, NoticeEvent, OwnerReplyEvent, TakenOverEvent
from ._messages import By, Message, plain_cards, plain_sources
from ._sessions import Session
from ._turns import Turn


class WebOutlet(LiveOutlet):
    """The browsers, for the bridge."""

    def __init__(self, session_of: Callable[[str], Session], peek: Callable[[str], Session | None]) -> None:
        self._session_of = session_of
        self._peek = peek
        self.owner_name: str | None = None
        """The owner's name, as the application says it."""
        self.avatar_name: Callable[[], str] = str
        self.unavailable = ""
        """The sentence for what cannot be answered now."""
        self.broken = ""
        """The sentence for an answer with nothing in it."""
        self.owners = Remembered()
        """The visitors whose conversation the owner has."""

    def began(self, visitor_id: str, question: str) -> None:
        session, turn = self._turn(visitor_id, question)
        session.accepted(turn)
        if visitor_id not in self.owners:
            session.write(is_typing=True)

    def piece(self, visitor_id: str, question: str, piece: Piece, owner_name: str) -> None:
        session, turn = self._turn(visitor_id, question)
        author: By = "owner" if piece.author == "owner" else "avatar"
        if author == "avatar":
            session.write(is_typing=True)
        name = self.name_of(author, owner_name)
        turn.piece(piece, author, name)
        session.grow(turn, piece, author, name)

    async def said(self, visitor_id: str, question: str | None, said: Said, owner_name: str) -> None:
        session = self._session_of(visitor_id)
        author: By = "owner" if said.author == "owner" else "avatar"
        turn = self._turn(visitor_id, question)[1] if question is not None else None
        message = Message(
            id=turn.message_id if turn is not None else said.id or secrets.token_urlsafe(12),
            author=author,
            name=self.name_of(author, owner_name),
            text=said.text,
            at=round(time.time() * 1000),
            sources=plain_sources(said.sources),
            cards=plain_cards(said.parts),
            in_reply_to=turn.question if turn is not None else None,
        )
        is_new = await session.transcript.add(message)
        if turn is not None:
            turn.said(message)
            session.grown()
        # Words that an earlier process has told stand in the history, which the browser has read.
        if is_new or turn is not None:
            session.message(message)

    async def notice(self, visitor_id: str, question: str, name: str, text: str) -> None:
        session, turn = self._turn(visitor_id, question)
        if name == "not_shown":
            # An answer with nothing in it: a page shows all that there can be.
            name, text = "broken", self.broken
        session.write(is_typing=False)
        session.notice(name, text)
        turn.notice(name, text)

    async def ended(self, visitor_id: str, question: str) -> None:
        session, turn = self._turn(visitor_id, question)
        await session.transcript.set_answered(turn)
        self._end(session, turn)

    def left(self, visitor_id: str, question: str) -> None:
        session, turn = self._turn(visitor_id, question)
        session.write(is_typing=False)
        session.notice("unavailable", self.unavailable)
        turn.notice("unavailable", self.unavailable)
        self._end(session, turn)

    def opened(self, visitor_id: str, is_taken_over: bool) -> None:
        if is_taken_over:
            self._owner(visitor_id, is_present=True)

    def happened(self, event: Event) -> None:
        match event:
            case TakenOverEvent():
                self._owner(event.visitor_id, is_present=True)
            case OwnerReplyEvent() if event.visitor_id not in self.owners:
                self._owner(event.visitor_id, is_present=True)
            case HandedBackEvent():
                self._owner(event.visitor_id, is_present=False)
            case NoticeEvent() if event.text:
                if (session := self._peek(event.visitor_id)) is not None:
                    session.notice(event.kind, event.text)
                    if session.turns:
                        # The oldest is the one that is asked.
                        next(iter(session.turns.values())).notice(event.kind, event.text)
            case _:
                pass

    def _owner(self, visitor_id: str, *, is_present: bool) -> None:
        if (visitor_id in self.owners) == is_present:
            return
        (self.owners.add if is_present else self.owners.discard)(visitor_id)
        if (session := self._peek(visitor_id)) is not None:
            session.owner(is_present=is_present, name=self.name_of("owner", ""))

    def name_of(self, author: By, owner_name: str) -> str:
        """Returns what this author is called."""
        if author == "owner":
            return self.owner_name or owner_name or self.avatar_name()
        return self.avatar_name()

    def _turn(self, visitor_id: str, question: str) -> tuple[Session, Turn]:
        """Returns the answer to a message. Of a message of an earlier process it may be that no one has asked yet."""
        session = self._session_of(visitor_id)
        attempt, _, id = question.partition("~")
        turn = session.turns.get(id)
        if turn is None:
            turn = session.turns[id] = Turn(id, int(attempt))
        return session, turn

    @staticmethod
    def _end(session: Session, turn: Turn) -> None:
        session.grown()
        session.write(is_typing=False)
        session.turns.pop(turn.question, None)
        turn.end()


def question_id(id: str, attempt: int) -> str:
    """Returns the id under which the bridge knows a message."""
    return f"{attempt}~{id}"


def browsers_id(question: str) -> str:
    """Returns the id under which a browser knows a message of the bridge's."""
    return question.partition("~")[2]
