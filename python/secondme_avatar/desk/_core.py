"""How the events of a desk's conversations become what is kept, said and asked."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from .._client import AvatarClient
from .._errors import MisuseError
from .._native import Visitor
from ..bridge import Bridge, ErrorContext, IncomingMessage, Language, PlatformUser
from ..bridge._ending import Ended
from ..bridge._records import Unshown
from ._cases import Case, Cases, Item, Queue, clean, cut_name, hash_of, key_of
from ._connector import ConversationView, Line, Operator, ShownAuthor
from ._lanes import Lane, Lanes
from ._outlet import DeskOutlet, key_of_post
from ._sentences import ASK_WORDS, BOT_WORDS, folded, is_one_of
from ._settings import Settings
from ._speech import Speech
from ._states import TABLE, Cell, Event
from ._waits import Waits
from ._worker import Worker
from .export import LineAuthor

T = TypeVar("T")

_log = logging.getLogger("secondme_avatar.desk")

_LONGEST_CONVERSATION = 200
_CATCH_UP = 30.0
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 30.0
"""Before what the store did not take is tried again, in seconds."""
_AFTER_OTHERS = 1e-3
"""How far apart two are in the queue, where the clock was put back between them, in seconds."""


class Core:
    """What a desk does."""

    def __init__(self, client: AvatarClient, settings: Settings) -> None:
        self.connector = settings.connector
        self.hand_over_lines = settings.hand_over_lines
        self.speech = Speech(settings)
        self.cases = Cases(client, settings.platform, settings.keep_transcript, settings.keep_ids)
        self.lanes = Lanes(self.cases, self._fresh, self._is_busy, self._let_go)
        self.queue = Queue()
        self.worker = Worker(self, settings.patience)
        self._waits = Waits(self, settings.queue_timeout, settings.hours)
        self._client = client
        self._settings = settings
        self._language: Language = settings.language
        self._ask_words = folded(ASK_WORDS[self._language] if settings.ask_words is None else settings.ask_words)
        self._bot_words = folded(BOT_WORDS[self._language] if settings.bot_words is None else settings.bot_words)
        self._typing: set[str] = set()
        self._others: set[asyncio.Task[Any]] = set()
        self._ready = asyncio.Event()
        self._catching_up: asyncio.Task[None] | None = None
        self._to_show: list[Lane] = []
        """What an earlier process has left, and is shown again when the connector has caught up."""
        self.is_closing = False
        self.bridge = Bridge(
            client,
            platform=settings.platform,
            outlet=DeskOutlet(self),
            language=self._language,
            sentences=self.speech.bridges,
            owner_name=settings.owner_name,
            channel=settings.channel,
            visitor_of=lambda user, _: self._visitor(user.id, user.name),
            ask=settings.ask,
            keep_ids=settings.keep_ids,
            patience=settings.patience,
            on_error=self._tell,
        )
        self.speech.bridge = self.bridge

    async def take_up(self) -> None:
        """Reads what an earlier process has left."""
        await self.lanes.take_up()
        self.queue.update(lane.case for lane in self.lanes)

    async def take_turns(self) -> None:
        """Takes up what an earlier process has left, and then hears what is new."""
        for lane in self.lanes:
            case = lane.case
            shows = case.state in ("waiting", "person")
            # What the platform shows may be newer than what the desk knows: see `go_on`.
            left = [item for item in case.out if item.kind != "state" or case.state == "closed"]
            if shows or len(left) < len(case.out):
                self._to_show.append(lane)
            case.out = left
            self.worker.wake(lane)
        self.bridge._going.clear()
        await self.bridge.start()
        for lane in self.lanes:
            for id in list(lane.case.pending):
                kept = await self.cases.line(lane.case, id)
                # The bridge knows so long what it was given. What is older was dealt with, and never noted as done.
                if kept is not None and kept.line.at > time.time() - self._settings.keep_ids:
                    await self.deal(lane, kept.line)
            lane.case.pending.clear()
            self.lanes.tidy(lane)
        self._ready.set()

    def go_on(self) -> None:
        """Lets the avatar go on when the connector has caught up. The desk hears meanwhile."""

        async def catch_up() -> None:
            try:
                await asyncio.wait_for(self.connector.catch_up(), _CATCH_UP)
            except asyncio.TimeoutError:
                _log.warning("the connector has not caught up within %.0f s: the avatar goes on", _CATCH_UP)
            except Exception as error:
                _log.warning("the connector could not catch up: %s: %s", type(error).__name__, error)
            for lane in self._to_show:
                if lane.case.state != "closed" and self.lanes.get(lane.case.conversation) is lane:
                    lane.case.out.append(Item("state", ""))
                    self.worker.wake(lane)
                self._waits.set(lane)
            self._to_show.clear()
            for lane in self.lanes:
                if lane.case.state == "bot" and self._is_busy(lane.case.visitor.id):
                    self._start_typing(lane.case)
            self.bridge._going.set()

        self._catching_up = self.begin(catch_up())

    async def close(self, deadline: float) -> None:
        """Gives what is under way so many seconds."""
        self.is_closing = True
        if self._catching_up is not None:
            self._catching_up.cancel()
        for lane in self.lanes:
            self._waits.end(lane)
        await self.bridge.close(deadline=deadline)
        if tasks := self.tasks():
            _, late = await asyncio.wait(tasks, timeout=deadline)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def tasks(self) -> list[asyncio.Task[Any]]:
        """Returns what is under way."""
        return [*self._others, *(lane.task for lane in self.lanes if lane.task is not None)]

    def view_of(self, case: Case) -> ConversationView:
        """Returns how a conversation stands."""
        return case.view(self.queue.place(case))

    def report(self, error: BaseException, case: Case) -> None:
        """Tells of an error that was caught."""
        self._tell(error, ErrorContext("post", case.visitor.id))

    async def keep_line(self, case: Case, line: Line, growing: str | None = None) -> None:
        """Keeps a line that the platform shows by now, again where the store fails: the call of the platform is not
        made again for it."""
        loop = asyncio.get_running_loop()
        end, wait = loop.time() + self._settings.patience, _FIRST_WAIT
        while True:
            try:
                await self.cases.set_line(case, line, growing)
                return
            except Exception as error:
                self.report(error, case)
                if loop.time() + wait > end or self.is_closing:
                    return
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    async def say(self, lane: Lane, item: Item) -> None:
        """Says something when what is to be said before is said, also after a restart."""
        case = lane.case
        case.out.append(item)
        try:
            await self.cases.save(case)
        except BaseException:
            case.out = [other for other in case.out if other is not item]
            raise
        finally:
            self.worker.wake(lane)

    async def note_owner(self, lane: Lane, line: Line) -> None:
        """Tells the operators what the owner has said while one of them has the conversation."""
        case = lane.case
        async with lane.lock:
            await self.cases.add_line(case, replace(line, is_private=True))
            if line.id not in case.seen:
                before = replace(case, seen=list(case.seen), out=list(case.out))
                case.saw(line.id)
                key = f"{hash_of(case.conversation)}/{line.id}/note"
                case.put(Item("note", key, self.speech.owner_note(case), line=line.id))
                await self._kept(case, before)
            self.worker.wake(lane)

    def stop_typing(self, case: Case) -> None:
        """Ends the sign that an answer is on its way."""
        if case.conversation in self._typing:
            self._typing.discard(case.conversation)
            self.begin(self._show_typing(case.conversation, is_typing=False))

    async def in_turn(
        self,
        conversation: str,
        id: str,
        accept: Callable[[Lane], Coroutine[Any, Any, bool]],
        name: str | None = None,
    ) -> bool:
        """Does this when what came before of the conversation is kept, and to its end, also where the caller gives
        up."""
        check_conversation(conversation)
        if not id:
            raise MisuseError("give the platform's own `id`, by which duplicates are known")
        lane = self.lanes.use(conversation, name)

        async def turn() -> bool:
            try:
                await self._ready.wait()
                async with lane.lock:
                    await self.lanes.load(lane)
                    return await accept(lane)
            finally:
                self.lanes.leave(lane)

        return await asyncio.shield(self.begin(turn()))

    async def forget(self, conversation: str) -> None:
        """Ends what is under way in a conversation, and deletes what is kept of it."""
        async with self.lanes.of(conversation) as lane:
            visitor = lane.case.visitor
            await self.bridge._forget(visitor.id)
            if lane.task is not None:
                lane.task.cancel()
                await asyncio.gather(lane.task, return_exceptions=True)
            # What is being posted is brought to its end, and kept, before it is deleted.
            async with lane.speaking, lane.lock:
                await self._client.forget(visitor)
                lane.case, lane.is_place_stale = self._fresh(conversation, None), False
                lane.unshown.clear()
                self._moved(lane)

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
            self._start_typing(case)

    def _start_typing(self, case: Case) -> None:
        self._typing.add(case.conversation)
        self.begin(self._show_typing(case.conversation, is_typing=True))

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
        ended = (
            self.bridge._end(case.visitor.id, self.speech.sentences.ended) if "stop_avatar" in cell.effects else None
        )
        if ended is not None:
            lane.unshown |= {said.key: said for said in ended.unshown}
            self.stop_typing(case)
        lines = self._change(case, cell, operator, lane.unshown.values() if ended is not None else ())
        await self._kept(case, before, ended, lines)
        if ended is not None:
            lane.unshown.clear()
        self._moved(lane)
        return cell

    def _change(self, case: Case, cell: Cell, operator: Operator | None, unshown: Iterable[Unshown]) -> list[Line]:
        """Changes a conversation, and returns the lines that are to be kept with it."""
        left, was = case.operator, case.state
        case.change += 1
        case.state = cell.next
        if cell.next != "person":
            case.operator = None
        elif "tell_joined" in cell.effects:
            # A colleague's word takes it from no one.
            case.operator = operator or left
        if cell.next != "waiting":
            case.waiting_since = case.place_handle = None
        elif was != "waiting":
            case.waiting_since = time.time()
            # One whom an operator has left does not wait again from the end.
            case.order = 0.0 if was == "person" else max(case.waiting_since, self.queue.last_order + _AFTER_OTHERS)
        ended = [self._ended_line(said) for said in unshown]
        for effect in cell.effects:
            key = key_of(self.cases.prefix, case, effect)
            if effect == "show_state":
                case.put(Item("state", key))
            elif effect == "hand_over":
                case.put(Item("hand_over", key))
            elif effect == "tell_place":
                case.put(Item("place", key))
            elif effect == "stop_avatar":
                for line, head in ended:
                    author: ShownAuthor = "owner" if line.author == "owner" else "avatar"
                    case.put(Item("reply", key_of_post(case, line.id), head, author, line=line.id))
            elif effect.startswith("tell_"):
                case.put(Item("post", key, self.speech.sentence(effect, case, left)))
        return [line for line, _ in ended]

    def _ended_line(self, said: Unshown) -> tuple[Line, str]:
        """Returns the line of what had been said when a person came in, and was not shown, and what stands above it. It
        is shown in its turn."""
        is_owner = said.author == "owner"
        name = said.owner_name if is_owner else self.speech.avatar_name
        head = self.speech.owner_head(name) if is_owner and not self.connector.shows_author else ""
        if not said.text.startswith(head):
            head = ""  # The head stands above the first of several messages, and each fills the limit.
        text = said.text.removeprefix(head)
        author: LineAuthor = "owner" if is_owner else "avatar"
        return Line(said.key, time.time(), author, name, text, is_private=True, is_ended=said.is_cut), head

    async def _kept(self, case: Case, before: Case, ended: Ended | None = None, lines: Iterable[Line] = ()) -> None:
        """Keeps a conversation, and first that the avatar was ended; where that fails, all is as it was."""
        try:
            if ended is not None:
                await ended.kept
            for line in lines:
                # Where it was on its way, it may be there by now, and be shown.
                await self.cases.add_line(case, line)
            await self.cases.save(case)
        except BaseException:
            case.take_back(before)
            raise

    def _moved(self, lane: Lane) -> None:
        """Follows a change of a conversation's state."""
        for case in self.queue.update(lane.case for lane in self.lanes):
            if case is not lane.case:
                other = self.lanes[case.conversation]
                other.is_place_stale = True
                self.worker.wake(other)
        self.worker.wake(lane)
        self._waits.set(lane)

    async def _show_typing(self, conversation: str, *, is_typing: bool) -> None:
        with suppress(Exception):
            await self.connector.typing(conversation, is_typing)

    def _fresh(self, conversation: str, name: str | None) -> Case:
        return Case(conversation, self._visitor(conversation, name), cut_name(name))

    def _is_busy(self, visitor_id: str) -> bool:
        return any((visitor_id, kind) in self.bridge._lanes for kind in ("message", "said"))

    def _let_go(self, conversation: str) -> None:
        self._typing.discard(conversation)
        self.connector.let_go(conversation)

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

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._others.add(task)
        task.add_done_callback(self._is_done)
        return task

    def _is_done(self, task: asyncio.Task[Any]) -> None:
        self._others.discard(task)
        if not task.cancelled():
            task.exception()  # The one who waited for it may have gone: what it raised is no news then.

    def _tell(self, error: BaseException, context: ErrorContext) -> None:
        if self._settings.on_error is None:
            _log.warning("%s: %s: %s", context.during, type(error).__name__, error)
            return
        try:
            self._settings.on_error(error, context)
        except Exception:
            _log.exception("`on_error` raised")


def check_conversation(conversation: str) -> None:
    """Refuses what is no id of a conversation."""
    if (
        not 0 < len(conversation.encode(errors="replace")) <= _LONGEST_CONVERSATION
        or clean(conversation) != conversation
    ):
        raise MisuseError(f"`conversation` is a text of 1 to {_LONGEST_CONVERSATION} bytes of UTF-8")
