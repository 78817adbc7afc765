"""The desk: where a conversation goes from the avatar to a person, and back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, TypeVar

from .._client import AvatarClient
from .._errors import MisuseError
from ..bridge import AskOptions, ErrorContext, Language
from ._cases import clean, cut_name, short
from ._connector import Connector, ConversationView, Line, Operator
from ._core import Core, check_conversation
from ._lanes import Lane
from ._settings import Settings
from .hours import BusinessHours

Self = TypeVar("Self", bound="Desk")

DAY = 24 * 60 * 60.0
_LONGEST_OPERATOR = 255


class Desk:
    """A desk of customer service over the avatar: see ``secondme_avatar.desk``.

    Visitors are answered by the avatar until an operator takes the conversation, or they ask for a person. While
    an operator has it, nothing goes to the avatar. All that the desk knows stands in the client's ``store`` as notes.
    Give the client one; without it, a restart forgets.
    """

    def __init__(
        self,
        client: AvatarClient,
        *,
        platform: str,
        connector: Connector,
        language: Language = "en",
        sentences: Mapping[str, str] | None = None,
        owner_name: str | None = None,
        avatar_name: str | None = None,
        channel: str | None = None,
        hours: BusinessHours | None = None,
        queue_timeout: float | None = 600.0,
        ask_words: list[str] | None = None,
        bot_words: list[str] | None = None,
        hand_over_lines: int = 20,
        keep_transcript: float = 90 * DAY,
        keep_ids: float = 7 * DAY,
        patience: float = 600.0,
        ask: AskOptions | None = None,
        on_error: Callable[[BaseException, ErrorContext], object] | None = None,
    ) -> None:
        """A desk that hears nothing yet: see ``start``.

        :param client: The client. It is not closed with the desk.
        :param platform: The platform's name, such as ``matrix``: a part of every visitor's id.
        :param connector: The platform. A connector serves one desk.
        :param language: The language of the desk's sentences, and of the bridge's.
        :param sentences: Sentences in the place of built-in ones: those of ``DeskSentences`` and of the bridge's
            ``Sentences``.
        :param owner_name: What the avatar's owner is called. Default: the avatar's name.
        :param avatar_name: What the avatar is called. Default: its own name, once a conversation has told it.
        :param channel: The visitors' channel, which the owner sees. Default: the platform's name.
        :param hours: When people are there. Default: always.
        :param queue_timeout: How long a visitor waits for a person before the avatar goes on, in seconds; ``None`` for
            as long as it takes. Default: 600.
        :param ask_words: Messages by which a visitor asks for a person, whatever their case. Default: those of the
            language, such as ``human`` and ``!human``.
        :param bot_words: Messages by which a visitor who waits goes back to the avatar. Default: such as ``bot``.
        :param hand_over_lines: How many of the last lines of the transcript the operators get. Default: 20.
        :param keep_transcript: How long each line is kept, and how a conversation stands after its last change, in
            seconds. One that waits for a person, or that an operator has, is kept until that is over. Default: 90 days.
        :param keep_ids: How long a message that the platform sends again is recognised, in seconds; for as long as its
            line is kept in any case. Default: 7 days.
        :param patience: For how long a failing call of the connector is repeated, in seconds. Default: 600.
        :param ask: Options of the questions: see ``AskOptions``.
        :param on_error: Is told of every error that was caught. Default: a warning in the log
            ``secondme_avatar.desk``.
        """
        settings = Settings(
            platform=platform,
            connector=connector,
            language=language,
            sentences=dict(sentences or {}),
            owner_name=owner_name,
            avatar_name=avatar_name,
            channel=channel,
            hours=hours,
            queue_timeout=queue_timeout,
            ask_words=ask_words,
            bot_words=bot_words,
            hand_over_lines=hand_over_lines,
            keep_transcript=keep_transcript,
            keep_ids=keep_ids,
            patience=patience,
            ask=ask,
            on_error=on_error,
        )
        self._core = Core(client, settings)
        self._connector = connector
        self._is_started = self._is_closed = False

    async def start(self) -> None:
        """Goes on with what an earlier process has left, and lets the connector begin to listen."""
        if self._is_closed:
            raise MisuseError("the desk is closed: make another one")
        if self._is_started:
            return
        self._is_started = True
        try:
            await self._core.take_up()
            await self._connector.start(self)
            await self._core.take_turns()
            self._core.go_on()
        except BaseException:
            self._is_started = False
            raise

    async def close(self, *, deadline: float = 5.0) -> None:
        """Hears nothing more, and gives what is under way so many seconds. What is not done by then goes on with the
        next ``start``."""
        if self._is_closed:
            return
        self._is_closed = True
        await self._connector.close()
        await self._core.close(deadline)

    async def idle(self) -> None:
        """Returns when nothing is under way."""
        while True:
            await self._core.bridge.idle()
            if not (tasks := self._core.tasks()):
                return
            await asyncio.wait(tasks)

    async def __aenter__(self: Self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # What a connector tells. Each returns when it is in the store, and whether it was new; the same id again does
    # nothing.

    async def visitor_said(
        self,
        conversation: str,
        id: str,
        text: str,
        *,
        name: str | None = None,
        has_other_parts: bool = False,
        at: float | None = None,
    ) -> bool:
        """Takes what a visitor has written.

        :param conversation: The connector's own id of the conversation, at most 200 bytes.
        :param id: The platform's id of the message. The same again is a duplicate.
        :param text: What was written; may be empty where there is something else.
        :param name: The visitor's name, which operators and the owner see.
        :param has_other_parts: Whether there is something beside the text, such as a picture.
        :param at: When it was written, in seconds since 1970. Default: now.
        :returns: Whether it was new.
        :raises AvatarError: where the store cannot be written. It was not accepted then.
        """
        name = cut_name(name)
        line = Line(f"v/{short(id)}", at or time.time(), "visitor", name, clean(text).strip())

        async def accept(lane: Lane) -> bool:
            case = lane.case
            if name is not None and name != case.visitor_name:
                self._core.rename(case, name)
            if line.id not in case.pending:
                if await self._core.cases.has_heard(case, line.id):
                    return False
                case.pending.append(line.id)
                try:
                    await self._core.cases.save(case)
                except BaseException:
                    case.pending.remove(line.id)
                    raise
            is_new = await self._core.cases.add_line(case, line)
            await self._core.cases.hear(case, line.id)
            await self._core.deal(lane, line, has_other_parts=has_other_parts)
            return is_new

        return await self._in_turn(conversation, id, accept, name)

    async def operator_said(
        self, conversation: str, id: str, text: str, operator: Operator, *, at: float | None = None
    ) -> bool:
        """Takes what an operator has written to the visitor. One who writes takes a conversation that no operator
        has."""
        operator = known(operator)
        line = Line(f"o/{short(id)}", at or time.time(), "operator", operator.shown_name, clean(text))

        async def accept(lane: Lane) -> bool:
            # `seen` holds the last events alone. The line is kept after the event.
            if await self._core.cases.line(lane.case, line.id) is not None:
                return False
            is_new = await self._core.apply(lane, "operator_said", line.id, operator)
            return await self._core.cases.add_line(lane.case, line) and is_new

        return await self._in_turn(conversation, id, accept)

    async def operator_noted(
        self, conversation: str, id: str, text: str, operator: Operator, *, at: float | None = None
    ) -> bool:
        """Takes what an operator has written for other operators: it stands in the transcript."""
        operator = known(operator)
        line = Line(f"n/{short(id)}", at or time.time(), "operator", operator.shown_name, clean(text), is_private=True)

        async def accept(lane: Lane) -> bool:
            return await self._core.cases.add_line(lane.case, line)

        return await self._in_turn(conversation, id, accept)

    async def taken(self, conversation: str, id: str, operator: Operator, *, visitor_name: str | None = None) -> bool:
        """An operator has taken a conversation, from another one too."""
        operator = known(operator)

        async def accept(lane: Lane) -> bool:
            case = lane.case
            if case.state == "person" and case.operator is not None and case.operator.id == operator.id:
                return False
            return await self._core.apply(lane, "operator_took", f"took/{short(id)}", operator)

        return await self._in_turn(conversation, id, accept, visitor_name)

    async def queued(self, conversation: str, id: str, operator: Operator | None = None) -> bool:
        """An operator has put a conversation into the queue, for any other to take."""
        return await self._in_turn(
            conversation, id, lambda lane: self._core.apply(lane, "operator_queued", f"queued/{short(id)}", operator)
        )

    async def handed_back(self, conversation: str, id: str, operator: Operator | None = None) -> bool:
        """An operator has given a conversation back to the avatar."""
        return await self._in_turn(
            conversation, id, lambda lane: self._core.apply(lane, "operator_handed_back", f"back/{short(id)}", operator)
        )

    async def left(self, conversation: str, id: str, operator: Operator) -> bool:
        """An operator went away. Where it is the one who has the conversation, it waits at the head of the queue."""

        async def accept(lane: Lane) -> bool:
            case = lane.case
            if case.operator is None or case.operator.id != operator.id:
                return False
            return await self._core.apply(lane, "operator_left", f"left/{short(id)}", operator)

        return await self._in_turn(conversation, id, accept)

    async def closed(self, conversation: str, id: str, operator: Operator | None = None) -> bool:
        """An operator has closed a conversation."""
        return await self._in_turn(
            conversation, id, lambda lane: self._core.apply(lane, "closed", f"closed/{short(id)}", operator)
        )

    async def reopened(self, conversation: str, id: str, operator: Operator | None = None) -> bool:
        """An operator has opened a conversation again."""
        return await self._in_turn(
            conversation, id, lambda lane: self._core.apply(lane, "reopened", f"reopened/{short(id)}", operator)
        )

    # What others ask.

    def view(self, conversation: str) -> ConversationView | None:
        """Returns how a conversation stands, or ``None`` where the desk does not have it in memory: see ``views``. A
        connector asks ``find``."""
        lane = self._core.lanes.get(conversation)
        return self._core.view_of(lane.case) if lane is not None and lane.case.is_kept else None

    def views(self) -> list[ConversationView]:
        """Returns how the conversations stand that the desk has in memory: those that wait first, in their order, those
        that a person has, and of those that the avatar has the last 10,000. Closed ones are in the store alone."""
        waiting = list(self._core.queue)
        rest = [lane.case for lane in self._core.lanes if lane.case.state != "waiting" and lane.case.is_kept]
        return [self._core.view_of(case) for case in (*waiting, *rest)]

    async def find(self, conversation: str) -> ConversationView | None:
        """Returns how a conversation stands, closed ones too, or ``None`` where it is not known.

        :raises AvatarError: where the store cannot be read.
        """
        check_conversation(conversation)
        async with self._core.lanes.of(conversation) as lane:
            return self._core.view_of(lane.case) if lane.case.is_kept else None

    async def transcript(self, conversation: str) -> AsyncIterator[Line]:
        """Gives the lines of a conversation, oldest first; none where it is not known."""
        check_conversation(conversation)
        async with self._core.lanes.of(conversation) as lane:
            kept = await self._core.cases.lines(lane.case)
        for one in kept:
            yield one.line

    async def forget(self, conversation: str) -> None:
        """Deletes all that is kept of a conversation: how it stands, its lines, what the avatar was asked, and the
        client's session of the visitor. It ends what is under way, and begins anew when the visitor writes again. What
        the platform and the service keep is theirs to delete.

        :raises AvatarError: where the store cannot be written.
        """
        check_conversation(conversation)
        await self._core.forget(conversation)

    @property
    def avatar_name(self) -> str:
        """What the avatar is called."""
        return self._core.speech.avatar_name

    async def remember(self, key: str, text: str) -> None:
        """Keeps a text for the connector in the client's store, such as how far it has heard.

        :param key: At most 100 bytes.
        :param text: At most 16 KiB.
        """
        await self._core.cases.remember(key, text)

    async def remembered(self, key: str) -> str | None:
        """Returns what ``remember`` has kept under this key."""
        return await self._core.cases.remembered(key)

    async def _in_turn(
        self,
        conversation: str,
        id: str,
        accept: Callable[[Lane], Coroutine[Any, Any, bool]],
        name: str | None = None,
    ) -> bool:
        if not self._is_started or self._is_closed:
            raise MisuseError("the desk hears between `start` and `close`")
        return await self._core.in_turn(conversation, id, accept, name)


def known(operator: Operator) -> Operator:
    """Returns an operator with a name that the store takes."""
    if not 0 < len(clean(operator.id).encode()) <= _LONGEST_OPERATOR:
        raise MisuseError(f"an operator's `id` is a text of 1 to {_LONGEST_OPERATOR} bytes")
    return Operator(clean(operator.id), cut_name(operator.name))
