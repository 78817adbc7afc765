"""How the events of a desk's conversations become what is kept, said and asked."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, TypeVar

from .._client import AvatarClient
from .._errors import MisuseError
from .._native import Visitor
from ..bridge import AskOptions, Bridge, ErrorContext, IncomingMessage, Language, PlatformUser
from ..bridge._sentences import sentences as bridge_sentences
from ._cases import Case, Cases, Item, Queue, cut_name, hash_of, key_of
from ._connector import Connector, ConversationView, Line, Operator
from ._outlet import DeskOutlet
from ._sentences import ASK_WORDS, AVATARS, BOT_WORDS, VISITORS, desk_sentences, folded, is_one_of
from ._states import TABLE, Cell, Event
from ._worker import Lane, Worker
from .hours import BusinessHours

T = TypeVar("T")

_log = logging.getLogger("secondme_avatar.desk")

_LONGEST_CONVERSATION = 200
_CATCH_UP = 30.0
_TIMER_AGAIN = 5.0
"""After so long the end of a wait that the store did not take is tried again, in seconds."""


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


class Core:
    """What a desk does."""

    def __init__(self, client: AvatarClient, settings: Settings) -> None:
        self.connector = settings.connector
        self.hand_over_lines = settings.hand_over_lines
        self.sentences, bridges = desk_sentences(settings.language, settings.sentences)
        self.cases = Cases(client, settings.platform, settings.keep_transcript)
        self.lanes: dict[str, Lane] = {}
        self.queue = Queue()
        self.worker = Worker(self, settings.patience)
        self._settings = settings
        self._language: Language = settings.language
        self._ask_words = folded(ASK_WORDS[self._language] if settings.ask_words is None else settings.ask_words)
        self._bot_words = folded(BOT_WORDS[self._language] if settings.bot_words is None else settings.bot_words)
        self._typing: set[str] = set()
        self._others: set[asyncio.Task[Any]] = set()
        self._ready = asyncio.Event()
        self._catching_up: asyncio.Task[None] | None = None
        self._is_closing = False
        self.bridge = Bridge(
            client,
            platform=settings.platform,
            outlet=DeskOutlet(self),
            language=self._language,
            sentences=bridges,
            owner_name=settings.owner_name,
            channel=settings.channel,
            visitor_of=lambda user, _: self._visitor(user.id, user.name),
            ask=settings.ask,
            keep_ids=settings.keep_ids,
            patience=settings.patience,
            on_error=self._tell,
        )
        self._owner_head = bridge_sentences(self._language, bridges).owner_head

    async def take_up(self) -> None:
        """Reads what an earlier process has left."""
        for case in await self.cases.all():
            self.lanes[case.conversation] = Lane(case)
        self.queue.update(lane.case for lane in self.lanes.values())

    async def take_turns(self) -> None:
        """Takes up what an earlier process has left, and then hears what is new."""
        for lane in self.lanes.values():
            # What the platform shows may be newer than what the desk knows: see `go_on`.
            lane.case.out = [item for item in lane.case.out if item.kind != "state" or lane.case.state == "closed"]
            self.worker.wake(lane)
        self.bridge._going.clear()
        await self.bridge.start()
        for lane in list(self.lanes.values()):
            for id in list(lane.case.pending):
                if (kept := await self.cases.line(lane.case, id)) is not None:
                    await self.deal(lane, kept.line)
        self._ready.set()

    def go_on(self) -> None:
        """Lets the avatar go on when the connector has caught up. The desk hears meanwhile."""
        left = list(self.lanes.values())

        async def catch_up() -> None:
            try:
                await asyncio.wait_for(self.connector.catch_up(), _CATCH_UP)
            except asyncio.TimeoutError:
                _log.warning("the connector has not caught up within %.0f s: the avatar goes on", _CATCH_UP)
            except Exception as error:
                _log.warning("the connector could not catch up: %s: %s", type(error).__name__, error)
            for lane in left:
                if lane.case.state != "closed":
                    lane.case.out.append(Item("state", ""))
                    self.worker.wake(lane)
                self._set_timer(lane)
            self.bridge._going.set()

        self._catching_up = self._spawn(catch_up())

    async def close(self, deadline: float) -> None:
        """Gives what is under way so many seconds."""
        self._is_closing = True
        if self._catching_up is not None:
            self._catching_up.cancel()
        for lane in self.lanes.values():
            if lane.timer is not None:
                lane.timer.cancel()
        await self.bridge.close(deadline=deadline)
        if tasks := self.tasks():
            _, late = await asyncio.wait(tasks, timeout=deadline)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def tasks(self) -> list[asyncio.Task[Any]]:
        """Returns what is under way."""
        return [*self._others, *(lane.task for lane in self.lanes.values() if lane.task is not None)]

    @property
    def avatar_name(self) -> str:
        """What the avatar is called."""
        return self._settings.avatar_name or self.bridge.avatar_name or AVATARS[self._language]

    def case(self, conversation: str) -> Case | None:
        """Returns a conversation as it stands: the desk's own."""
        lane = self.lanes.get(conversation)
        return lane.case if lane is not None else None

    def view_of(self, case: Case) -> ConversationView:
        """Returns how a conversation stands."""
        return case.view(self.queue.place(case))

    def place_text(self, case: Case) -> str:
        """Returns the sentence about the place in the queue."""
        return self._fill(self.sentences.place, case).replace("{place}", str(self.queue.place(case) or 1))

    def owner_head(self, owner_name: str | None) -> str:
        """Returns what the bridge puts above the owner's words."""
        return self._owner_head.replace("{owner}", owner_name or "") + "\n"

    def written_out(self, case: Case, lines: list[Line]) -> str:
        """Returns lines of a transcript as a text."""
        names = {"avatar": self.avatar_name, "visitor": case.visitor_name or VISITORS[self._language]}
        said = [f"{line.name or names.get(line.author, line.author)}: {line.text}" for line in lines]
        return "\n".join([self._fill(self.sentences.handed_over, case), *said])

    def report(self, error: BaseException, case: Case) -> None:
        """Tells of an error that was caught."""
        self._tell(error, ErrorContext("post", case.visitor.id))

    async def said_all(self, case: Case) -> None:
        """Waits until the desk's own posts of a conversation are made."""
        await self.lanes[case.conversation].quiet.wait()

    async def say(self, case: Case, item: Item) -> None:
        """Says something when what is to be said before is said, also after a restart."""
        case.out.append(item)
        try:
            await self.cases.save(case)
        except BaseException:
            with suppress(ValueError):
                case.out.remove(item)
            raise
        finally:
            self.worker.wake(self.lanes[case.conversation])

    async def note_owner(self, case: Case, line: Line) -> None:
        """Tells the operators what the owner has said while one of them has the conversation."""
        lane = self.lanes[case.conversation]
        async with lane.lock:
            await self.cases.add_line(case, replace(line, is_private=True))
            if line.id not in case.seen:
                before = replace(case, seen=list(case.seen), out=list(case.out))
                case.saw(line.id)
                head = self._fill(self.sentences.owner_note, case)
                key = f"{hash_of(case.conversation)}/{line.id}/note"
                case.out.append(Item("note", key, f"{head}\n", line=line.id))
                await self._kept(case, before)
            self.worker.wake(lane)

    def stop_typing(self, case: Case) -> None:
        """Ends the sign that an answer is on its way."""
        if case.conversation in self._typing:
            self._typing.discard(case.conversation)
            self._spawn(self._show_typing(case.conversation, is_typing=False))

    async def in_turn(
        self,
        conversation: str,
        id: str,
        accept: Callable[[Lane], Coroutine[Any, Any, bool]],
        name: str | None = None,
    ) -> bool:
        """Does this when what came before of the conversation is kept, and to its end, also where the caller gives
        up."""
        if not conversation or len(conversation.encode()) > _LONGEST_CONVERSATION:
            raise MisuseError(f"`conversation` is a text of 1 to {_LONGEST_CONVERSATION} bytes")
        if not id:
            raise MisuseError("give the platform's own `id`, by which duplicates are known")
        lane = self.lanes.get(conversation)
        if lane is None:
            case = Case(conversation, self._visitor(conversation, name), cut_name(name))
            lane = self.lanes[conversation] = Lane(case)
            lane.quiet.set()

        async def turn(lane: Lane) -> bool:
            await self._ready.wait()
            async with lane.lock:
                return await accept(lane)

        return await asyncio.shield(self._spawn(turn(lane)))

    async def deal(self, lane: Lane, line: Line, *, has_other_parts: bool = False) -> None:
        """Deals with a line of the visitor that is kept."""
        case = lane.case
        event = self._event_of(line.text)
        is_new = line.id not in case.seen
        if is_new:
            cell = await self._apply_cell(lane, event, line.id, None)
            asks = "ask_avatar" in cell.effects
        else:
            asks = event == "visitor_said" and case.state == "bot"
        if asks:
            await self._ask(case, line, has_other_parts=has_other_parts)
        # The next time that the case is kept, this is kept too.
        with suppress(ValueError):
            case.pending.remove(line.id)

    def _event_of(self, text: str) -> Event:
        if is_one_of(text, self._bot_words):
            return "visitor_went_back"
        if not is_one_of(text, self._ask_words):
            return "visitor_said"
        return (
            "visitor_asked" if self._settings.hours is None or self._settings.hours.is_open() else "visitor_asked_late"
        )

    async def _ask(self, case: Case, line: Line, *, has_other_parts: bool) -> None:
        """Gives a line of the visitor to the avatar."""
        message = IncomingMessage(
            id=line.id,
            user=PlatformUser(case.conversation, case.visitor_name),
            address=case.conversation,
            text=line.text,
            has_other_parts=has_other_parts,
        )
        if await self.bridge.receive(message) and line.text:
            self._typing.add(case.conversation)
            self._spawn(self._show_typing(case.conversation, is_typing=True))

    async def apply(self, lane: Lane, event: Event, id: str, operator: Operator | None) -> bool:
        if id in lane.case.seen:
            return False
        await self._apply_cell(lane, event, id, operator)
        return True

    async def _apply_cell(self, lane: Lane, event: Event, id: str, operator: Operator | None) -> Cell:
        """Lets an event happen: what the table says, in the store."""
        case = lane.case
        cell = TABLE[event][case.state]
        before = replace(case, seen=list(case.seen), out=list(case.out))
        if event == "visitor_said" and cell.next == case.state:
            return cell
        case.saw(id)
        # From here to the first wait nothing else happens: the avatar is silent when the state says so.
        ended = self.bridge._end(case.visitor.id, self.sentences.ended) if "stop_avatar" in cell.effects else None
        self._change(case, cell, operator)
        if ended is not None:
            self.stop_typing(case)
        await self._kept(case, before, ended)
        self._moved(lane)
        return cell

    def _change(self, case: Case, cell: Cell, operator: Operator | None) -> None:
        left, was = case.operator, case.state
        case.change += 1
        case.state = cell.next
        case.operator = (operator or left) if cell.next == "person" else None
        if cell.next != "waiting":
            case.waiting_since = case.place_handle = None
        elif was != "waiting":
            case.waiting_since = time.time()
            # One whom an operator has left does not wait again from the end.
            case.order = 0.0 if was == "person" else case.waiting_since
        for effect in cell.effects:
            key = key_of(self.cases.prefix, case, effect)
            if effect == "show_state":
                case.put(Item("state", key))
            elif effect == "hand_over":
                case.put(Item("hand_over", key))
            elif effect == "tell_place":
                case.put(Item("place", key))
            elif effect.startswith("tell_"):
                case.put(Item("post", key, self._sentence(effect, case, left)))

    def _sentence(self, effect: str, case: Case, left: Operator | None) -> str:
        if effect == "tell_late":
            hours = (
                self._settings.hours.next_opening_sentence(None, self._language)
                if self._settings.hours is not None
                else ""
            )
            return f"{self._fill(self.sentences.late, case)} {hours}".strip()
        about = left if effect == "tell_left" else case.operator
        sentence: str = getattr(self.sentences, effect.removeprefix("tell_"))
        return self._fill(sentence, case).replace("{operator}", about.shown_name if about is not None else "")

    async def _kept(self, case: Case, before: Case, ended: Awaitable[None] | None = None) -> None:
        """Keeps a conversation, and first that the avatar was ended; where that fails, all is as it was."""
        try:
            if ended is not None:
                await ended
            await self.cases.save(case)
        except BaseException:
            case.state, case.operator, case.waiting_since = before.state, before.operator, before.waiting_since
            case.order, case.change, case.seen, case.out = before.order, before.change, before.seen, before.out
            case.place_handle = before.place_handle
            raise

    def _moved(self, lane: Lane) -> None:
        """Follows a change of a conversation's state."""
        for case in self.queue.update(lane.case for lane in self.lanes.values()):
            if case is not lane.case:
                other = self.lanes[case.conversation]
                other.is_place_stale = True
                self.worker.wake(other)
        self.worker.wake(lane)
        self._set_timer(lane)

    def _set_timer(self, lane: Lane) -> None:
        """Ends the wait for a person in time."""
        if lane.timer is not None:
            lane.timer.cancel()
            lane.timer = None
        case = lane.case
        if case.state != "waiting" or case.waiting_since is None:
            return
        ends: list[tuple[float, Event]] = []
        if self._settings.queue_timeout is not None:
            ends.append((case.waiting_since + self._settings.queue_timeout, "queue_timed_out"))
        if self._settings.hours is not None:
            closing = self._settings.hours.next_closing(datetime.fromtimestamp(case.waiting_since, timezone.utc))
            if closing is not None:
                ends.append((closing.timestamp(), "hours_ended"))
        if not ends:
            return
        at, event = min(ends)
        change = case.change

        async def ended() -> None:
            async with lane.lock:
                try:
                    if case.state == "waiting" and case.change == change:
                        await self.apply(lane, event, f"{event}/{change}", None)
                except Exception as error:
                    self.report(error, case)
                    if not self._is_closing:
                        begin(_TIMER_AGAIN)

        def begin(delay: float) -> None:
            lane.timer = asyncio.get_running_loop().call_later(delay, lambda: self._spawn(ended()))

        begin(max(at - time.time(), 0.0))

    async def _show_typing(self, conversation: str, *, is_typing: bool) -> None:
        with suppress(Exception):
            await self.connector.typing(conversation, is_typing)

    def rename(self, case: Case, name: str) -> None:
        """Takes the name that a visitor has now."""
        case.visitor_name, case.visitor = cut_name(name), self._visitor(case.conversation, name)

    def _visitor(self, conversation: str, name: str | None) -> Visitor:
        user = conversation.replace("%", "%25").replace(".", "%2E")
        return Visitor.for_user(
            self._settings.platform,
            user,
            name=cut_name(name),
            channel=self._settings.channel or self._settings.platform,
        )

    def _fill(self, sentence: str, case: Case) -> str:
        owner = self._settings.owner_name or self.bridge.avatar_name or AVATARS[self._language]
        visitor = case.visitor_name or VISITORS[self._language]
        return sentence.replace("{owner}", owner).replace("{avatar}", self.avatar_name).replace("{visitor}", visitor)

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._others.add(task)
        task.add_done_callback(self._others.discard)
        return task

    def _tell(self, error: BaseException, context: ErrorContext) -> None:
        if self._settings.on_error is None:
            _log.warning("%s: %s: %s", context.during, type(error).__name__, error)
            return
        try:
            self._settings.on_error(error, context)
        except Exception:
            _log.exception("`on_error` raised")
