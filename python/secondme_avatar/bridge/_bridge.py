"""The bridge: what every bot needs between a platform and the avatar."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, TypeVar

from .._client import AvatarClient
from .._errors import MisuseError
from .._native import Visitor, new_message_id
from .._streams import Events
from ..events import HandedBackEvent, OwnerReplyEvent, ReplyEvent
from ._answering import Answerer
from ._bucket import Bucket
from ._ending import Ended
from ._live import LiveAnswerer, LiveOutlet
from ._options import AskOptions, During, ErrorContext
from ._outlet import IncomingMessage, Outlet, PlatformUser, PostAuthor, Undeliverable
from ._records import DAY, Record, Records
from ._remembered import Remembered
from ._sentences import OWNERS, Language, Sentences, sentences
from ._telling import Desk

Self = TypeVar("Self", bound="Bridge")
T = TypeVar("T")

_log = logging.getLogger("secondme_avatar.bridge")

_LONGEST_ADDRESS = 4096
_ADDRESS_WAITS = (0.0, 0.1, 1.0)
"""Before an address is kept, which is tried so often."""


@dataclass(slots=True)
class _Lane:
    """What waits for one visitor, one after the other."""

    accepting: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: list[Record] = field(default_factory=list[Record])
    task: asyncio.Task[None] | None = None
    users: int = 0
    address: str | None = None


class Bridge:
    """Carries messages between a platform and the avatar::

        async with AvatarClient(store="bot.db") as client, Bridge(client, platform="chat", outlet=outlet) as bridge:
            await bridge.receive(IncomingMessage(id="1", user=PlatformUser("u1"), address="room 7", text="Hello"))

    One message of a visitor is answered after the other, and visitors at the same time. A message that comes again
    under its id is dropped, also after a restart: what the bridge knows stands in the client's ``store`` as notes. Give
    the client one; without it, a restart forgets.
    """

    def __init__(
        self,
        client: AvatarClient,
        *,
        platform: str,
        outlet: Outlet,
        language: Language = "en",
        sentences: Mapping[str, str] | None = None,
        owner_name: str | None = None,
        channel: str | None = None,
        sessions: Literal["person", "thread"] = "person",
        visitor_of: Callable[[PlatformUser, IncomingMessage], Visitor] | None = None,
        ask: AskOptions | None = None,
        listen: bool = True,
        keep_ids: float = 7 * DAY,
        patience: float = 600.0,
        on_error: Callable[[BaseException, ErrorContext], object] | None = None,
    ) -> None:
        """A bridge that listens to nothing yet: see ``start``.

        :param client: The client. It is not closed with the bridge.
        :param platform: The platform's name, such as ``slack``: a part of every visitor's id.
        :param outlet: How messages are posted there.
        :param language: The language of the bridge's own sentences.
        :param sentences: Sentences in the place of built-in ones: see ``Sentences``.
        :param owner_name: What the avatar's owner is called. Default: the avatar's name.
        :param channel: The visitors' channel, which the owner sees. Default: the platform's name.
        :param sessions: Whether a person has one conversation, or one in each thread.
        :param visitor_of: Says which visitor a user is, in the place of ``Visitor.for_user(platform,
            "tenant.user.thread")``, of which there are the parts that the message has. In each, ``%`` is written as
            ``%25`` and ``.`` as ``%2E``.
        :param ask: Options of the questions, such as ``{"collect": 2.0}``.
        :param listen: Whether ``start`` opens all visitors of the store, so that the owner is heard before they write.
        :param keep_ids: How long ids of messages are remembered, in seconds. Default: 7 days.
        :param patience: How long a post that fails is tried again, in seconds. Default: 600.
        :param on_error: Is told of every error that was caught. Default: a warning in the log
            ``secondme_avatar.bridge``.
        """
        if not platform or "/" in platform:
            raise MisuseError("`platform` is the platform's name, such as 'slack', without a slash")
        if sessions not in ("person", "thread"):
            raise MisuseError(f"`sessions` is {sessions!r}: pass 'person' or 'thread'")
        self._client = client
        self._outlet = outlet
        self._listens = listen
        self._platform = platform
        self._channel = channel or platform
        self._sessions = sessions
        self._visitor_of = visitor_of
        self._on_error = on_error
        self._records = Records(client, platform, keep_ids)
        desk = Desk(outlet, Bucket(outlet.limits.calls_per_second), patience, self._caught, Remembered())
        said = _sentences(language, sentences)
        self._live = outlet if isinstance(outlet, LiveOutlet) else None
        answers = Answerer if self._live is None else LiveAnswerer
        self._answerer = answers(
            client, self._records, desk, said, owner_name, OWNERS[language], ask or {}, self._report
        )
        self._answerer.endings.owner_said = lambda visitor, id, text: self._spawn(
            self._push(visitor, id, text, "owner")
        )
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._others: set[asyncio.Task[Any]] = set()
        self._starting: asyncio.Task[None] | None = None
        self._background: list[asyncio.Task[None]] = []
        self._events: Events | None = None
        self._going = asyncio.Event()
        """Is set while messages are dealt with; a desk waits with it until it has caught up."""
        self._going.set()
        self._is_closed = False
        self._seq = 0

    async def start(self) -> None:
        """Listens to the client, and goes on with what an earlier process has left. ``receive`` does so by itself."""
        if self._is_closed:
            raise MisuseError("the bridge is closed: make another one")
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        await asyncio.shield(self._starting)

    async def receive(self, message: IncomingMessage) -> bool:
        """Accepts a message, and returns when it is in the client's store: tell the platform then that it has arrived.
        The answer comes by itself, by the outlet. A duplicate is accepted too, and nothing follows.

        Messages of one visitor keep the order in which this was called. Where it raises, the message was not accepted,
        and the platform may send it again.

        :returns: Whether the message is new.
        :raises AvatarError: where the store cannot be written.
        """
        if not message.id:
            raise MisuseError("the message has no `id`: give the platform's own, by which duplicates are known")
        if not message.user.id:
            raise MisuseError("the message has no `user.id`: give the platform's own")
        if self._sessions == "thread" and not message.thread:
            raise MisuseError("with `sessions='thread'` a message needs `thread`")
        if len(message.address.encode()) > _LONGEST_ADDRESS:
            raise MisuseError(f"the message's `address` is longer than {_LONGEST_ADDRESS} bytes")
        visitor = self._visitor(message)
        lane = self._lane(visitor.id, "message")
        lane.users += 1
        # What has begun is brought to its end, also where the caller gives up: a kept message is an accepted one.
        return await asyncio.shield(self._spawn(self._accept(lane, visitor, message)))

    def _end(self, visitor_id: str, mark: str) -> Ended:
        """Ends what is under way for this visitor at once, because a person speaks now: see ``Endings.end``."""
        lane = self._lanes.get((visitor_id, "message"))
        # One that is ended already may not be in the store yet.
        ended = list(lane.waiting if lane is not None else ())
        for record in ended:
            self._answerer.endings.end(record, mark)

        async def keep() -> None:
            for record in ended:
                await self._records.keep(record)

        return Ended([unshown for record in ended for unshown in record.unshown], keep())

    @property
    def avatar_name(self) -> str:
        """The avatar's name, once a conversation has told it; else empty."""
        return self._answerer.avatar_name

    async def idle(self) -> None:
        """Returns when nothing is under way."""
        await self.start()
        while tasks := [*self._others, *(lane.task for lane in self._lanes.values() if lane.task is not None)]:
            await asyncio.wait(tasks)

    async def close(self, *, deadline: float = 5.0) -> None:
        """Accepts nothing more, and gives what is under way so many seconds. What is not done by then goes on with the
        next ``start``."""
        if self._is_closed:
            return
        self._is_closed = True
        self._answerer.is_closing = True
        if self._starting is not None:
            await asyncio.gather(self._starting, return_exceptions=True)
        end = asyncio.get_running_loop().time() + deadline
        while tasks := [*self._others, *(lane.task for lane in self._lanes.values() if lane.task is not None)]:
            rest = end - asyncio.get_running_loop().time()
            _, late = await asyncio.wait(tasks, timeout=max(rest, 0))
            if late and rest <= 0:
                for task in late:
                    task.cancel()
                await asyncio.wait(late)
                break
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self._events is not None:
            self._events.close()
        await self._outlet.close()

    async def __aenter__(self: Self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _start(self) -> None:
        events = self._client.events()
        try:
            earlier = await self._records.left()
        except BaseException:
            # The next call starts anew.
            events.close()
            self._starting = None
            raise
        self._events = events
        left = earlier.records
        self._answerer.posted.update(earlier.replies)
        self._answerer.desk.known.update(earlier.handles)
        for record in left:
            self._seq = max(self._seq, record.seq)
            if record.kind == "message":
                self._answerer.recovering(record.visitor.id)
            self._put(self._lane(record.visitor.id, record.kind), record)
        for record in {record.visitor.id: record for record in left if record.kind == "message"}.values():
            self._spawn(self._keep_missing_address(record))
        listening = asyncio.create_task(self._listen(events))
        recovering = asyncio.create_task(self._recover())
        self._background = [listening, recovering]

    async def _recover(self) -> None:
        """Hears the owner also where no visitor writes."""
        try:
            if self._listens:
                await self._client.recover(all=True)
        except Exception as error:
            self._caught(error, "recover")

    async def _accept(self, lane: _Lane, visitor: Visitor, message: IncomingMessage) -> bool:
        try:
            async with lane.accepting:
                await self.start()
                self._answerer.forgotten.discard(visitor.id)
                self._seq += 1
                record = Record(
                    visitor=visitor,
                    kind="message",
                    id=message.id,
                    at=time.time(),
                    seq=self._seq,
                    address=message.address,
                    text=message.text.strip(),
                    message_id=new_message_id(),
                    name=message.user.name,
                    refuse=message.has_other_parts,
                )
                if not await self._records.add(record):
                    return False
                self._put(lane, record)
                await self._keep_address(lane, record)
                return True
        finally:
            lane.users -= 1
            self._drop(visitor.id, "message", lane)

    async def _keep_address(self, lane: _Lane, record: Record) -> None:
        """Keeps where the visitor was heard last. The message is accepted, whether this succeeds or not."""
        if lane.address == record.address:
            return
        for wait in _ADDRESS_WAITS:
            await asyncio.sleep(wait)
            try:
                await self._client.set_note(record.visitor, self._address_key, record.address)
            except Exception as error:
                self._report(error, record, "accept")
            else:
                lane.address = record.address
                return

    async def _keep_missing_address(self, record: Record) -> None:
        """An earlier process may have been killed between a message and its address."""
        try:
            address = await self._client.note(record.visitor, self._address_key)
        except Exception as error:
            self._report(error, record, "accept")
            return
        if address is None:
            await self._keep_address(_Lane(), record)

    @property
    def _address_key(self) -> str:
        return f"{self._records.prefix}address"

    def _visitor(self, message: IncomingMessage) -> Visitor:
        if self._visitor_of is not None:
            return self._visitor_of(message.user, message)
        thread = message.thread if self._sessions == "thread" else None
        parts = [part for part in (message.user.tenant, message.user.id, thread) if part]
        user = ".".join(map(_escaped, parts))
        return Visitor.for_user(self._platform, user, name=message.user.name, channel=self._channel)

    def _lane(self, visitor_id: str, kind: str) -> _Lane:
        return self._lanes.setdefault((visitor_id, kind), _Lane())

    def _put(self, lane: _Lane, record: Record) -> None:
        lane.waiting.append(record)
        if lane.task is None:
            lane.task = asyncio.create_task(self._work(lane, record.visitor.id, record.kind))

    async def _work(self, lane: _Lane, visitor_id: str, kind: str) -> None:
        try:
            while lane.waiting:
                await self._going.wait()
                record = lane.waiting[0]
                try:
                    await self._answerer.handle(record)
                except Undeliverable as error:
                    self._report(error, record, "answer" if record.kind == "message" else "push")
                    await self._records.done(record)
                except Exception as error:
                    # It stays in the store, and goes on with the next start.
                    self._report(error, record, "answer" if record.kind == "message" else "push")
                    self._answerer.left(record)
                finally:
                    if record.kind == "message" and record.recovered:
                        for event in self._answerer.recovered(visitor_id):
                            self._spawn(self._unasked(event))
                lane.waiting.pop(0)
        finally:
            lane.task = None
            self._drop(visitor_id, kind, lane)

    def _has(self, visitor_id: str, id: str) -> bool:
        """Whether a message is accepted and waits for its answer."""
        lane = self._lanes.get((visitor_id, "message"))
        return lane is not None and any(record.id == id for record in lane.waiting)

    def _go_on(self, visitor_id: str, id: str) -> bool:
        """Deals again with a message that was left for the next start; false where it was not."""
        if (record := self._answerer.taken_up(visitor_id, id)) is not None:
            self._put(self._lane(visitor_id, "message"), record)
        return record is not None

    async def _forget(self, visitor_id: str) -> None:
        """Ends at once what is under way for a visitor, of whom the client is about to forget all."""
        lanes = [lane for kind in ("message", "said") if (lane := self._lanes.pop((visitor_id, kind), None))]
        self._answerer.forget(visitor_id)
        await asyncio.gather(*(lane.task for lane in lanes if lane.task and lane.task.cancel()), return_exceptions=True)

    def _drop(self, visitor_id: str, kind: str, lane: _Lane) -> None:
        if lane.task is None and not lane.users and self._lanes.get((visitor_id, kind)) is lane:
            del self._lanes[(visitor_id, kind)]

    async def _listen(self, events: Events) -> None:
        async for event in events:
            if self._live is not None:
                self._live.happened(event)
            match event:
                case HandedBackEvent():
                    self._answerer.taken_over.discard(event.visitor_id)
                case ReplyEvent() | OwnerReplyEvent() if not event.asked and not self._answerer.takes(event):
                    if not self._answerer.ends(event):
                        self._spawn(self._unasked(event))
                case _:
                    pass

    async def _unasked(self, event: ReplyEvent | OwnerReplyEvent) -> None:
        """Posts what was not asked for to the visitor's last address."""
        author: PostAuthor = "owner" if event.author == "owner" else "avatar"
        id = event.id or f"{time.time_ns()}"
        await self._push(Visitor.parse(event.visitor_id), id, self._answerer.words_of(event), author)

    async def _push(self, visitor: Visitor, id: str, words: str, author: PostAuthor) -> None:
        lane = self._lane(visitor.id, "said")
        lane.users += 1
        try:
            async with lane.accepting:
                if id in self._answerer.posted:
                    return
                address = await self._client.note(visitor, self._address_key)
                if address is None or not words or visitor.id in self._answerer.forgotten:
                    return
                self._seq += 1
                record = Record(
                    visitor=visitor,
                    kind="said",
                    id=id,
                    at=time.time(),
                    seq=self._seq,
                    address=address,
                    text=words,
                    author=author,
                )
                if await self._records.add(record) and visitor.id not in self._answerer.forgotten:
                    self._put(lane, record)
        except Exception as error:
            self._caught(error, "push", visitor.id)
        finally:
            lane.users -= 1
            self._drop(visitor.id, "said", lane)

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._others.add(task)
        task.add_done_callback(self._others.discard)
        return task

    def _caught(self, error: BaseException, during: During, visitor_id: str | None = None) -> None:
        self._tell(error, ErrorContext(during, visitor_id))

    def _report(self, error: BaseException, record: Record, during: During) -> None:
        self._tell(error, ErrorContext(during, record.visitor.id, record.id))

    def _tell(self, error: BaseException, context: ErrorContext) -> None:
        if self._on_error is None:
            _log.warning("%s: %s: %s", context.during, type(error).__name__, error)
            return
        try:
            self._on_error(error, context)
        except Exception:
            _log.exception("`on_error` raised")


def _escaped(part: str) -> str:
    """Two lists of parts never give the same text."""
    return part.replace("%", "%25").replace(".", "%2E")


def _sentences(language: str, replaced: Mapping[str, str] | None) -> Sentences:
    try:
        return sentences(language, dict(replaced or {}))
    except ValueError as error:
        raise MisuseError(str(error)) from None
