"""What a visitor's browser can call."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeAlias, cast

from .._client import AvatarClient
from .._error import AvatarError
from ..bridge import Bridge, IncomingMessage, PlatformUser
from ..bridge._cutting import units
from ._errors import WidgetErrorContext
from ._http import NO_STORE, Refusal, Request
from ._messages import Message
from ._outlet import WebOutlet, question_id
from ._rates import Rate, limited
from ._readers import Stream
from ._sessions import Session
from ._transcript import Answered
from ._turns import STREAM_HEADERS, Turn

Call: TypeAlias = Callable[[Request, Session, "str | None"], Awaitable["Stream | None"]]
"""A call answers by itself, or returns the stream that is the answer."""

_LONGEST_CHAT_ID = 100
_ID = re.compile(r"[A-Za-z0-9_:-]{1,100}", re.ASCII)
_PAGE, _LONGEST_PAGE = 50, 100
_WAKING = 2.0
"""How long a call waits for the conversation, in seconds."""


class Calls:
    """The calls, each at its path."""

    def __init__(
        self,
        client: AvatarClient,
        bridge: Bridge,
        outlet: WebOutlet,
        *,
        messages: Rate,
        address_messages: Rate,
        max_event_streams: int,
        max_text_chars: int,
        max_body_bytes: int,
        clock: Callable[[], float],
        caught: Callable[[BaseException, WidgetErrorContext], None],
    ) -> None:
        self._client = client
        self._bridge = bridge
        self._outlet = outlet
        self._messages = messages
        self._address_messages = address_messages
        self._max_event_streams = max_event_streams
        self._max_text_chars = max_text_chars
        self._max_body_bytes = max_body_bytes
        self._clock = clock
        self._caught = caught
        self._accepting: dict[asyncio.Task[None], Session] = {}

    def find(self, path: str) -> dict[str, Call]:
        """Returns the calls of a path, by their methods."""
        match path.split("/"):
            case [""]:
                return {"GET": self._status, "POST": self._ask}
            case ["events"]:
                return {"GET": self._events}
            case ["history"]:
                return {"GET": self._history}
            case [chat, "stream"] if chat and units(chat) <= _LONGEST_CHAT_ID:
                return {"GET": self._resume}
            case _:
                raise Refusal(404, "not_found", "There is nothing at this path.")

    async def _status(self, request: Request, session: Session, address: str | None) -> None:
        """Says who is there."""
        await self._started(session)
        await self._woken(session)
        is_present = session.visitor.id in self._outlet.owners
        with self._stored(session):
            is_empty = await session.transcript.is_empty()
        status = {
            "avatarName": self._outlet.name_of("avatar", ""),
            "speaker": "owner" if is_present else "avatar",
            "ownerName": self._outlet.name_of("owner", ""),
            "isOwnerPresent": is_present,
            "hasHistory": not is_empty,
            "maxTextChars": self._max_text_chars,
            "visitor": tag_of(session.visitor.id),
        }
        await request.answer_json(200, status)

    async def _history(self, request: Request, session: Session, address: str | None) -> None:
        """Answers with what was said."""
        limit = request.query.get("limit", str(_PAGE))
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:4]) <= _LONGEST_PAGE and len(limit) < 4):
            raise Refusal(400, "bad_request", f"`limit` is a number from 1 to {_LONGEST_PAGE}.")
        with self._stored(session):
            try:
                messages, before = await session.transcript.read(request.query.get("before"), int(limit))
            except ValueError:
                raise Refusal(400, "bad_request", "`before` is what an earlier answer gave as `before`.") from None
        await request.answer_json(200, {"messages": [message.to_json() for message in messages], "before": before})

    async def _events(self, request: Request, session: Session, address: str | None) -> Stream:
        """Streams what happens, for all tabs."""
        await self._started(session)
        await self._woken(session)
        is_present, name = session.visitor.id in self._outlet.owners, self._outlet.name_of("owner", "")
        last = request.headers.get("last-event-id")
        place, first = session.begin(last, is_owner_present=is_present, owner_name=name)
        stream = Stream(session, [], place, first)

        def end() -> None:
            if stream in session.event_streams:
                session.event_streams.remove(stream)
            self._left(session)

        stream.end = end
        while len(session.event_streams) >= self._max_event_streams:
            # The oldest may be one whose reader is long gone: nothing tells the server of it.
            session.event_streams.pop(0).reader.dismiss()
        session.event_streams.append(stream)
        session.streams += 1
        return stream

    async def _resume(self, request: Request, session: Session, address: str | None) -> Stream | None:
        """Streams the answer that is under way, from its beginning."""
        turn = next(reversed(session.turns.values()), None)
        if turn is None:
            await request.answer(204, headers=[NO_STORE])
            return None
        return self._read_by(session, turn)

    async def _ask(self, request: Request, session: Session, address: str | None) -> Stream:
        """Asks the avatar, or answers again."""
        id, text = self._read(await request.json(self._max_body_bytes))
        turn = session.turns.get(id)
        if turn is None:
            with self._stored(session):
                turn = await self._turn(session, address, id, text)
        return self._read_by(session, turn)

    def _read_by(self, session: Session, turn: Turn) -> Stream:
        session.streams += 1
        return Stream(turn, STREAM_HEADERS, end=partial(self._left, session))

    def _left(self, session: Session) -> None:
        """Notes that a stream of a visitor is no longer read."""
        session.streams -= 1
        session.used = self._clock()

    async def _turn(self, session: Session, address: str | None, id: str, text: str) -> Turn:
        """Returns the answer to a message: one that is under way, one that was given, or a new one."""
        answered = await session.transcript.answered(id)
        if id in session.turns:
            return session.turns[id]  # Another request with it was faster.
        if answered is not None and answered.error is None:
            return replayed(id, answered)
        attempt = answered.attempt + 1 if answered is not None else 1
        await self._bridge.start()
        if not self._bridge._has(session.visitor.id, question_id(id, attempt)):
            self._count(session, address)
        if id in session.turns:
            return session.turns[id]
        if session.is_closed:
            raise Refusal(503, "unavailable", "This visitor was just forgotten: ask again.", [(b"retry-after", b"2")])
        turn = session.turns[id] = Turn(id, attempt)
        if self._bridge._go_on(session.visitor.id, question_id(id, attempt)):
            return turn
        # What has begun is brought to its end, also where the server gives up the request as the client is gone.
        accepting = asyncio.create_task(self._accept(session, turn, text))
        self._accepting[accepting] = session
        accepting.add_done_callback(self._accepting.pop)
        await asyncio.shield(accepting)
        return turn

    def _count(self, session: Session, address: str | None) -> None:
        """Counts a message that is new."""
        limited(self._messages, session.visitor.id, "This visitor writes too often.")
        try:
            limited(self._address_messages, address, "This address writes too often.")
        except Refusal:
            self._messages.give_back(session.visitor.id)
            raise

    async def accepted(self, session: Session) -> None:
        """Returns when no message of a visitor is on its way to the bridge."""
        while tasks := [task for task, of in self._accepting.items() if of is session]:
            await asyncio.wait(tasks)

    async def _accept(self, session: Session, turn: Turn, text: str) -> None:
        """Hands a message to the bridge, which answers it."""
        id, is_added = turn.question, False
        try:
            turn.page = await session.transcript.page()
            message = Message(id, "visitor", "", text, round(time.time() * 1000))
            is_added = await session.transcript.add(message)
            # The tabs hear of it when it is in the store: they then take it for sent.
            turn.asked = message if turn.attempt == 1 else None
            user = PlatformUser(session.visitor.id, name=session.visitor.name)
            bridged, address = question_id(id, turn.attempt), session.visitor.id
            if await self._bridge.receive(IncomingMessage(bridged, user=user, address=address, text=text)):
                session.accepted(turn)
                return
            # An earlier process has accepted it, and may have answered it since.
            answered = await session.transcript.answered(id)
        except BaseException:
            # Nothing was accepted, and the same message may come again.
            if is_added:
                with suppress(AvatarError):
                    await session.transcript.take_back(id)
            if session.turns.get(id) is turn:
                del session.turns[id]
            turn.notice("unavailable", "")
            turn.end()
            raise
        if answered is not None and answered.attempt == turn.attempt and session.turns.get(id) is turn:
            del session.turns[id]
            replay(turn, answered)

    def _read(self, body: dict[str, Any]) -> tuple[str, str]:
        """Returns the id and the text of the last message of a visitor's."""
        messages = body.get("messages")
        if not isinstance(messages, list):
            raise _bad("`messages` is a list of messages, the visitor's new one last.")
        mine = (message for message in reversed(cast(Sequence[Any], messages)) if _is_users(message))
        last: dict[str, Any] | None = next(mine, None)
        if last is None:
            raise _bad("`messages` has no message with `role: 'user'`.")
        id = last.get("id")
        if not isinstance(id, str) or _ID.fullmatch(id) is None:
            raise _bad("The message's `id` is 1 to 100 letters, digits, _, : and -, other ones for each message.")
        parts = last.get("parts")
        if not isinstance(parts, list):
            raise _bad("The message's `parts` is a list such as `[{type: 'text', text: '…'}]`.")
        texts = [part["text"] for part in cast(Sequence[Any], parts) if _is_text(part)]
        text = whole("\n".join(texts)).strip()
        if not text:
            raise _bad("The message has no text: the avatar reads nothing else.")
        if units(text) > self._max_text_chars:
            raise Refusal(413, "too_large", f"The message is longer than {self._max_text_chars} characters.")
        return id, text

    async def _started(self, session: Session) -> None:
        with self._stored(session):
            await self._bridge.start()

    async def _woken(self, session: Session) -> None:
        """Opens the conversation of a visitor who has been here, and waits a little for it: it is then known whether
        the owner has it."""
        if session.waking is None:
            with self._stored(session):
                if await session.transcript.is_empty():
                    return
            session.waking = asyncio.create_task(self._wake(session))
        await asyncio.wait([session.waking], timeout=_WAKING)

    async def _wake(self, session: Session) -> None:
        try:
            chat = await self._client.open(session.visitor)
            self._outlet.opened(session.visitor.id, chat.taken_over)
        except AvatarError as error:
            session.waking = None  # The next call tries it again.
            self._caught(error, WidgetErrorContext("call", session.visitor.id))

    @contextmanager
    def _stored(self, session: Session) -> Generator[None]:
        """Says of what the client cannot do that it may pass."""
        try:
            yield
        except AvatarError as error:
            self._caught(error, WidgetErrorContext("call", session.visitor.id))
            after = [(b"retry-after", b"5")]
            raise Refusal(
                503, "unavailable", "The server cannot answer now: try again with the same id.", after
            ) from None


def tag_of(visitor_id: str) -> str:
    """Returns what stands for a visitor in a browser, which tells one from another and says nothing else."""
    digest = hashlib.sha256(f"secondme-avatar/widget {visitor_id}".encode()).digest()
    return urlsafe_b64encode(digest).decode("ascii")[:16]


def replayed(id: str, answered: Answered) -> Turn:
    """Returns an answer that was given before."""
    turn = Turn(id, answered.attempt)
    replay(turn, answered)
    return turn


def replay(turn: Turn, answered: Answered) -> None:
    """Puts an answer that was given before into one that has not begun."""
    for message in answered.messages:
        turn.said(message)
    if answered.taken_over is not None:
        turn.notice("taken_over", answered.taken_over)
    if answered.error is not None:
        turn.notice(answered.error, "")
    turn.end()


def _bad(message: str) -> Refusal:
    return Refusal(400, "bad_request", message)


def _is_users(message: Any) -> bool:
    return isinstance(message, dict) and cast(dict[str, Any], message).get("role") == "user"


def _is_text(part: Any) -> bool:
    if not isinstance(part, dict):
        return False
    said = cast(dict[str, Any], part)
    return said.get("type") == "text" and isinstance(said.get("text"), str)


def whole(text: str) -> str:
    """Returns the text with U+FFFD in the place of halves of characters, which no UTF-8 can say."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
