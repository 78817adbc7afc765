"""Asks the avatar, and shows what it answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .. import _errors
from .._client import AvatarClient
from .._conversation import Conversation
from .._error import AvatarError
from .._streams import ReplyStream
from .._values import Card, HistoryMessage
from ..events import OwnerReplyEvent, ReplyEvent
from ._ending import EndingOutlet, Endings
from ._options import AskOptions, During
from ._outlet import PostAuthor
from ._records import DAY, MINUTE, Part, Record, Records, place_parts
from ._remembered import Remembered
from ._sentences import Sentences, name_of
from ._telling import Desk, Telling

_OPEN_DEADLINE = 2 * MINUTE
"""The quota of an API key is 60 visitors a minute: a visitor waits for a turn so long."""
_WAITS = (1.0, 4.0, 16.0)
"""Before a question that certainly did not go out is asked again."""
_OWNER_DEADLINE = 15.0
"""How long an answer is waited for where the owner has spoken last, in seconds."""
_ANSWER_DEADLINE = 2 * MINUTE
"""How long an earlier process's question may still be answered."""
_LOOK, _STILL = 1.0, 3.0
"""How often the history is read for it, and how long it must not grow to count as whole."""
_PAGE, _PAGES = 100, 50


@dataclass
class Said:
    """A reply to one question."""

    id: str | None
    author: PostAuthor
    text: str = field(repr=False)
    parts: tuple[str | Card, ...] = field(default=(), repr=False)
    """Its text and its cards, in order."""
    sources: tuple[Any, ...] = field(default=(), repr=False)


class Answerer:
    """Deals with one record after the other."""

    def __init__(
        self,
        client: AvatarClient,
        records: Records,
        desk: Desk,
        sentences: Sentences,
        owner_name: str | None,
        owner_word: str,
        ask: AskOptions,
        report: Callable[[BaseException, Record, During], None],
    ) -> None:
        self.desk = desk
        self.posted = Remembered()
        """The ids of replies that an earlier process has posted."""
        self.taken_over = Remembered()
        """The visitors who know that the owner is there."""
        self.endings = Endings(report)
        self.is_closing = False
        self.forgotten = Remembered()
        """The visitors who were forgotten, and have not written since."""
        self._saved = Remembered()
        """The visitors whose session is in the store."""
        self._client = client
        self._records = records
        self._sentences = sentences
        self._owner_name = owner_name
        self._owner_word = owner_word
        self._ask: AskOptions = ask
        self._report = report
        self.avatar_name = ""
        self._recovering: dict[str, int] = {}
        self._stash: dict[str, list[ReplyEvent | OwnerReplyEvent]] = {}

    def recovering(self, visitor_id: str) -> None:
        """Notes that one more question of an earlier process is to be dealt with."""
        self._recovering[visitor_id] = self._recovering.get(visitor_id, 0) + 1
        self._stash.setdefault(visitor_id, [])

    def recovered(self, visitor_id: str) -> list[ReplyEvent | OwnerReplyEvent]:
        """Notes that such a question is dealt with. After the last one it gives the replies that belong to none."""
        if visitor_id not in self._recovering:
            return []  # It was forgotten meanwhile.
        self._recovering[visitor_id] -= 1
        if self._recovering[visitor_id]:
            return []
        del self._recovering[visitor_id]
        left = [event for event in self._stash.pop(visitor_id) if event.id not in self.posted]
        return [event for event in left if not self.ends(event)]

    def ends(self, event: ReplyEvent | OwnerReplyEvent) -> bool:
        """Whether this is the rest of an answer that was ended, which is not shown."""
        return event.author == "avatar" and event.in_reply_to in self.endings.questions

    def takes(self, event: ReplyEvent | OwnerReplyEvent) -> bool:
        """Whether this reply may answer a question of an earlier process, so that it is kept for that."""
        if event.visitor_id not in self._recovering:
            return False
        self._stash[event.visitor_id].append(event)
        return True

    async def handle(self, record: Record) -> None:
        """Deals with a record, and notes that it is done."""
        if record.kind == "said":
            await self._show(record, [Said(record.id, record.author, record.text)])
        else:
            if record.refuse and record.mark is None:
                await self._refuse(record)
            if record.text and not await self.endings.run(record, self._answer):
                await self._let_go(record)
        await self._done(record)

    async def _let_go(self, record: Record) -> None:
        """Deals with a question that was ended: what is still answered to it is not shown, but the owner's words are
        kept, as words that were not asked for."""
        outlet = self.desk.outlet
        for part in record.parts:
            if part.handle is not None and not part.done and isinstance(outlet, EndingOutlet):
                await outlet.end(record.address, part.handle, record.mark or "")
        if not (record.asked or record.recovered):
            return
        if not record.recovered:
            record.recovered = True
            self.recovering(record.visitor.id)
        try:
            chat = await self._client.open(record.visitor, deadline=_OPEN_DEADLINE)
            said = await self._answer_of(chat, record) or []
        except AvatarError as error:
            self._report(error, record, "answer")
            return
        self._drop(record, said)

    def _drop(self, record: Record, said: list[Said]) -> None:
        for number, reply in enumerate(said):
            if reply.id is not None:
                self.posted.add(reply.id)
                record.replies.append(reply.id)
            if reply.author == "owner" and reply.text.strip():
                self.endings.owner_said(record.visitor, f"{record.id}/owner/{number}", reply.text)

    def taken_up(self, visitor_id: str, id: str) -> Record | None:
        """Takes up a record that was left; here that is for the next start."""
        return None

    def forget(self, visitor_id: str) -> None:
        """Forgets a visitor. What is still said to them is dropped, until they write again."""
        self.forgotten.add(visitor_id)
        self.taken_over.discard(visitor_id)
        self._saved.discard(visitor_id)
        self._recovering.pop(visitor_id, None)
        self._stash.pop(visitor_id, None)

    def left(self, record: Record) -> None:
        """Is told that a record stays in the store for the next start."""

    def words_of(self, event: ReplyEvent | OwnerReplyEvent) -> str:
        """Returns what is kept of a reply that was not asked for; empty where nothing of it is shown."""
        return event.text if event.text.strip() else ""

    async def _done(self, record: Record) -> None:
        await self._records.done(record)

    async def _refuse(self, record: Record) -> None:
        """Says once in 7 days that only text can be read."""
        key = f"{self._records.prefix}text-only"
        if await self._client.note(record.visitor, key) is None:
            await self._say(record, self._sentences.text_only, "text-only")
            await self._client.set_note(record.visitor, key, "said", lifetime=7 * DAY)

    async def _answer(self, record: Record) -> None:
        waits = iter(_WAITS)
        may_be_taken = record.recovered
        while True:
            try:
                chat = await self._client.open(record.visitor, deadline=_OPEN_DEADLINE)
                self.avatar_name = chat.avatar_name or self.avatar_name
                await self._save(record)
                if may_be_taken:
                    said = await self._answer_of(chat, record)
                    if said is not None:
                        await self._show(record, said)
                        return
                if chat.taken_over and record.visitor.id in self.taken_over:
                    # What the owner says comes unasked.
                    record.asked = True
                    await chat.send(record.text, message_id=record.message_id)
                    await self._passed(record)
                else:
                    await self._stream(chat, record)
                return
            except AvatarError as error:
                if name_of(error.kind) != "taken_over":
                    self._report(error, record, "answer")
                if self.is_closing and isinstance(error, _errors.ClosedError):
                    raise
                wait = next(waits, None) if self._is_passing(error) else None
                if wait is None:
                    await self._say_why(record, error)
                    return
                await asyncio.sleep(max(wait, error.retry_after or 0))
                # The client takes the id of a message that it has handed back again.
                may_be_taken = may_be_taken or (error.unsent is not None and not error.unsent.certain)

    async def _save(self, record: Record) -> None:
        """Returns when the store has the visitor's session: killed before that, the next process would ask in another
        one. The store writes sessions in its own time, and a note behind them."""
        # What has parts was asked by an earlier process.
        if record.visitor.id not in self._saved and not record.parts:
            await self._records.keep(record)
            self._saved.add(record.visitor.id)

    @staticmethod
    def _is_passing(error: AvatarError) -> bool:
        """Whether the question can be asked again: it did not go out, or the history can tell."""
        is_closed = isinstance(error, _errors.ClosedError | _errors.NotMemberError)
        may_pass = name_of(error.kind) in ("unavailable", "busy") or is_closed
        return may_pass and (error.unsent is not None or error.step not in (None, "send_message") or is_closed)

    async def _stream(self, chat: Conversation, record: Record) -> None:
        """Asks, and shows the answer while it comes."""
        stream = self._asked(chat, record)
        telling: Telling | None = None
        author, text, base = "", "", 0
        try:
            try:
                async for piece in stream:
                    if piece.author != author:
                        if telling is not None:
                            await telling.finish(text)
                            base += len(text)
                        author, text = piece.author, self._head(piece.author)
                        telling = self._telling(record, base, piece.author)
                    text += piece
                    record.shown_text = record.shown_text[:base] + text
                    if telling is not None and len(text) > len(self._head(author)):
                        telling.grow(text)
            except AvatarError as error:
                if telling is None or (self.is_closing and isinstance(error, _errors.ClosedError)):
                    raise
                self._report(error, record, "answer")
                text = f"{text}\n\n{self._sentences.cut}"
            reply = stream.reply
            if reply is not None and reply.id is not None:
                record.replies.append(reply.id)
            if telling is None or not text.strip():
                await self._say(record, self._sentences.not_shown, "not-shown")
                return
            record.shown_text = record.shown_text[:base] + text
            await telling.finish(text)
        except asyncio.CancelledError:
            if telling is None or record.mark is None or self.is_closing:
                raise
            await telling.end(record.mark)
            await self._hear_out(record, stream)
        finally:
            stream.close()
            if telling is not None:
                await telling.stop()

    async def _hear_out(self, record: Record, stream: ReplyStream) -> None:
        """Takes the rest of an answer that is not shown any more, so that it comes as no event."""
        owner: list[str] = []

        async def rest() -> None:
            async for piece in stream:
                if piece.author == "owner":
                    owner.append(piece)

        try:
            await asyncio.wait_for(rest(), _ANSWER_DEADLINE)
        except (AvatarError, asyncio.TimeoutError) as error:
            self._report(error, record, "answer")
        reply = stream.reply
        said = [Said(reply.id, "avatar", reply.text)] if reply is not None else []
        self._drop(record, [*said, Said(None, "owner", "".join(owner))])

    def _asked(self, chat: Conversation, record: Record) -> ReplyStream:
        """Asks."""
        first = self._ask.get("first_piece_deadline")
        if chat.taken_over:
            # The owner may have handed the conversation back, which shows when the avatar answers.
            first = min(first or _OWNER_DEADLINE, _OWNER_DEADLINE)
        record.asked = True
        return chat.stream(
            record.text,
            deadline=self._ask.get("deadline"),
            first_piece_deadline=first,
            collect=self._ask.get("collect"),
            message_id=record.message_id,
        )

    async def _show(self, record: Record, said: list[Said]) -> None:
        """Shows replies that are whole."""
        texts = [self._head(reply.author) + reply.text for reply in said]
        place_parts(record, "".join(texts))
        base = 0
        for reply, text in zip(said, texts, strict=True):
            if reply.id is not None and record.kind == "message":
                self.posted.add(reply.id)
                record.replies.append(reply.id)
            if text.strip():
                telling = self._telling(record, base, reply.author)
                try:
                    await telling.finish(text)
                finally:
                    await telling.stop()
            base += len(text)

    async def _passed(self, record: Record) -> None:
        """Is told that a question went to the owner, whose presence the visitor knows of."""

    async def _say_why(self, record: Record, error: AvatarError) -> None:
        name = name_of(error.kind)
        if name == "taken_over":
            if record.visitor.id in self.taken_over:
                return
            self.taken_over.add(record.visitor.id)
        await self._say(record, getattr(self._sentences, name), name)

    async def _say(self, record: Record, sentence: str, name: str) -> None:
        """Posts a sentence of the bridge's own."""

        async def keep() -> None:
            """A sentence may come twice where the process is killed."""

        key = f"{self._records.post_key(record)}/{name}"
        parts: list[Part] = []
        telling = Telling(self.desk, record.address, key, parts, keep, author="bridge", is_repeated=record.recovered)
        try:
            await telling.finish(self._fill(sentence))
            record.handles += (part.handle for part in parts if part.handle is not None)
        finally:
            await telling.stop()

    def _telling(self, record: Record, base: int, author: str) -> Telling:
        async def keep() -> None:
            await self._records.keep(record)

        key = self._records.post_key(record)
        said_by: PostAuthor = "owner" if author == "owner" else "avatar"
        owner = self._owner() if author == "owner" else None
        telling = Telling(
            self.desk,
            record.address,
            key,
            record.parts,
            keep,
            base=base,
            author=said_by,
            owner_name=owner,
            is_repeated=record.recovered,
        )
        if record.kind == "message":
            self.endings.tells(record, telling)
        return telling

    def _head(self, author: str) -> str:
        """What stands above the owner's words, where the platform does not mark them itself."""
        if author != "owner" or self.desk.outlet.shows_author:
            return ""
        return self._fill(self._sentences.owner_head) + "\n"

    def _fill(self, sentence: str) -> str:
        return sentence.replace("{owner}", self._owner())

    def _owner(self) -> str:
        return self._owner_name or self.avatar_name or self._owner_word

    async def _answer_of(self, chat: Conversation, record: Record) -> list[Said] | None:
        """Returns what was answered to a question that an earlier process may have asked; ``None`` where the service
        has no such question."""
        loop = asyncio.get_running_loop()
        end, seen, since = loop.time() + _ANSWER_DEADLINE, "", loop.time()
        while True:
            found = await self._find(chat, record)
            if found is None:
                return None
            said, is_over = found
            for event in self._stash.get(record.visitor.id, ()):
                if event.in_reply_to is not None and event.in_reply_to == record.message_id:
                    by: PostAuthor = "owner" if event.author == "owner" else "avatar"
                    return [Said(event.id, by, event.text, event.parts, event.sources)]
            text = "".join(reply.text for reply in said)
            if said and (is_over or (text == seen and loop.time() - since >= _STILL)):
                return said
            if text != seen:
                seen, since = text, loop.time()
            if (chat.taken_over and not said) or loop.time() >= end:
                return said
            await asyncio.sleep(_LOOK)

    async def _find(self, chat: Conversation, record: Record) -> tuple[list[Said], bool] | None:
        """Reads the replies to a question from the history, and whether no more belongs to them."""
        messages: list[HistoryMessage] = []
        before = None
        try:
            for _ in range(_PAGES):
                page = await chat.history(_PAGE, before)
                messages = page + messages
                place = next((n for n, message in enumerate(messages) if message.id == record.message_id), None)
                if place is not None:
                    return self._replies(messages[place + 1 :])
                first = page[0] if page else None
                is_old = first is not None and first.timestamp is not None
                if first is None or first.seq_id is None or len(page) < _PAGE:
                    return None
                if is_old and first.timestamp is not None and first.timestamp.timestamp() < record.at - MINUTE:
                    return None
                before = first.seq_id
        except _errors.UnsupportedError:
            return None
        return None

    @staticmethod
    def _replies(following: list[HistoryMessage]) -> tuple[list[Said], bool]:
        said: list[Said] = []
        for message in following:
            if message.author == "visitor":
                return said, True
            by: PostAuthor = "owner" if message.author == "owner" else "avatar"
            said.append(Said(message.id, by, message.text, message.parts))
        began = following[-1].timestamp if following else None
        return said, began is not None and began.timestamp() < time.time() - _ANSWER_DEADLINE
