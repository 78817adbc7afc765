"""What happens on a Matrix server, told to a desk: each event once and in order, also after an outage of either."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from .._error import AvatarError
from .._errors import InvalidVisitorIdError, MisuseError
from ..bridge import RetryLater
from ._connector import Operator
from ._matrix_events import RoomEvent, localpart, read
from ._matrix_server import RefusedError, Server
from ._matrix_staff import COMMANDS, Staff

if TYPE_CHECKING:
    from ._desk import Desk

_log = logging.getLogger("secondme_avatar.desk.matrix")

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 15.0
_SINCE = "since"


class Listener:
    """Hears what happens."""

    def __init__(
        self,
        server: Server,
        desk: Desk,
        staff: Staff,
        *,
        may_invite: Callable[[str], bool],
        first_words: float,
        enter: Callable[[], Awaitable[None]],
    ) -> None:
        self._server = server
        self._desk = desk
        self._staff = staff
        self._may_invite = may_invite
        self._first_words = first_words
        self._enter = enter
        self._names: dict[str, dict[str, str | None]] = {}
        self._joining: dict[str, asyncio.Task[None]] = {}
        self._began = time.time()
        self.caught_up = asyncio.Event()
        """Is set when what happened before the start has been told."""

    async def run(self) -> None:
        """Listens until this is cancelled."""
        try:
            since = await self._trying(lambda: self._desk.remembered(_SINCE))
            if since is not None:
                self._invite(await self._persisting(lambda: self._trying(self._server.invitations)))
            while True:
                since = await self._persisting(partial(self._hear, since))
        finally:
            for task in self._joining.values():
                task.cancel()

    def let_go(self, room: str) -> None:
        """Forgets who is in a room; it is asked again."""
        self._names.pop(room, None)

    async def _persisting(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Makes a call until it succeeds, whatever is in the way: the desk never stops to listen."""
        is_refused = False
        while True:
            try:
                if is_refused:
                    await self._trying(self._enter)
                return await call()
            except (RefusedError, MisuseError) as error:
                is_refused = True
                _log.error("nothing is heard: %s: again in %.0f s", error, _LONGEST_WAIT)
            except Exception as error:
                _log.exception("nothing is heard: %s: again in %.0f s", type(error).__name__, _LONGEST_WAIT)
            await asyncio.sleep(_LONGEST_WAIT)

    async def _hear(self, since: str | None) -> str:
        """Hears what is new since this token, and returns the next one."""
        waits = self.caught_up.is_set()
        news = await self._trying(lambda: self._server.sync(since, waits=waits))
        self._invite(news)
        joined = news.rooms.join.items()
        # What is in one room is heard in order, and the rooms at the same time.
        heard = await asyncio.gather(*(self._room(room, info, since) for room, info in joined), return_exceptions=True)
        for error in heard:
            if error is not None:
                raise error
        if since is None or joined:
            # All of it is with the desk by now. What a kill cuts off here comes again, and is known.
            await self._trying(lambda: self._desk.remember(_SINCE, news.next_batch))
        self.caught_up.set()
        return str(news.next_batch)

    async def _room(self, room: str, info: Any, since: str | None) -> None:
        sources = [event.source for event in info.timeline.events]
        is_encrypted = any(event.source.get("type") == "m.room.encryption" for event in info.state)
        joined_at = self._joined_at(sources)
        before = info.timeline.prev_batch
        if before and (info.timeline.limited or joined_at is not None) and since is not None:
            oldest = (joined_at - self._first_words) * 1000 if joined_at is not None else None
            until = since if joined_at is None else None
            try:
                sources = await self._trying(lambda: self._server.earlier(room, before, until, oldest)) + sources
            except RefusedError as error:
                # The bot was sent out of the room meanwhile: what came before cannot be had, and the rest is heard.
                _log.warning("room %s: %s", room, error)
            joined_at = self._joined_at(sources) if joined_at is None else joined_at
        if is_encrypted:
            await self._encrypted(room)
        if since is None and joined_at is None:
            return  # Nothing is known of what was said before the desk was there.
        for source in sources:
            event = read(room, source)
            if event is None or event.sender == self._server.user:
                continue
            # What a desk with an empty store finds may have been answered by an earlier one.
            first = max(joined_at or 0.0, self._began if since is None else 0.0)
            if event.at >= first - self._first_words:
                await self._one(event)

    async def _one(self, event: RoomEvent) -> None:
        try:
            await self._trying(lambda: self._event(event))
        except Exception as error:
            # Trying again does not help, and what comes after it is to be heard.
            _log.exception("event %s: %s", event.id, type(error).__name__)

    def _joined_at(self, sources: list[Any]) -> float | None:
        """Returns when the bot came into the room, where that is among these events."""
        for source in sources:
            event = read("", source)
            if event is not None and event.membership == "join" and event.state_key == self._server.user:
                earlier = source.get("unsigned", {}).get("prev_content", {}).get("membership")
                return event.at if earlier != "join" else None
        return None

    async def _event(self, event: RoomEvent) -> None:
        if event.room == self._staff.room:
            await self._staff.heard(event)
        elif event.kind in ("m.room.encryption", "m.room.encrypted"):
            await self._encrypted(event.room)
        elif event.kind == "m.room.member":
            await self._member(event)
        elif not event.is_edit and event.content.get("msgtype") != "m.notice":
            await self._said(event)

    async def _said(self, event: RoomEvent) -> None:
        text = event.text
        if text is None and not event.is_other:
            return
        operator = self._staff.operator(event.sender)
        if operator is None:
            name = await self._name(event.room, event.sender)
            await self._desk.visitor_said(
                event.room, event.id, text or "", name=name, has_other_parts=event.is_other, at=event.at
            )
            return
        command = (text or "").strip().lower()
        if command in COMMANDS:
            await self._staff.obey(command, event.room, event.id, operator)
        else:
            said = text if text is not None else str(event.content.get("body") or event.kind)
            await self._desk.operator_said(event.room, event.id, said, operator, at=event.at)

    async def _member(self, event: RoomEvent) -> None:
        self._names.pop(event.room, None)
        user = event.state_key
        if user is None or event.membership not in ("leave", "ban"):
            return
        # The desk knows whether it is the operator who has it; who has left the staff room is one still.
        await self._desk.left(event.room, event.id, Operator(user, localpart(user)))

    async def _name(self, room: str, user: str) -> str:
        if user not in self._names.get(room, {}):
            with suppress(RefusedError):
                self._names[room] = await self._server.members(room)
        return self._names.get(room, {}).get(user) or localpart(user)

    async def _encrypted(self, room: str) -> None:
        """Says once in a room that it cannot be read."""
        key = f"encrypted/{hashlib.sha256(room.encode()).hexdigest()[:32]}"
        if await self._trying(lambda: self._desk.remembered(key)) is None:
            said = {"msgtype": "m.notice", "body": self._staff.words.encrypted}
            with suppress(RefusedError):
                await self._trying(lambda: self._server.send(room, said, key))
            await self._trying(lambda: self._desk.remember(key, "said"))

    async def _invited(self, room: str, state: list[Any]) -> None:
        """Follows an invitation, or says no."""
        inviter = next(
            (
                event.sender
                for event in state
                if getattr(event, "membership", None) == "invite" and event.state_key == self._server.user
            ),
            None,
        )
        is_welcome = inviter is not None and (self._may_invite(inviter) or self._staff.operator(inviter) is not None)
        try:
            if is_welcome:
                await self._trying(lambda: self._server.join(room))
            else:
                await self._trying(lambda: self._server.leave(room))
        except RefusedError as error:
            _log.warning("an invitation: %s", error)
        except Exception as error:
            _log.exception("an invitation: %s", type(error).__name__)
        finally:
            self._joining.pop(room, None)

    async def _trying(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Makes a call until it succeeds: what is heard is not left out."""
        wait = _FIRST_WAIT
        while True:
            try:
                return await call()
            except RetryLater as error:
                await asyncio.sleep(error.retry_after)
                continue
            except RefusedError as error:
                if error.code.startswith("M_") and error.code != "M_UNKNOWN":
                    raise
                caught: Exception = error
            except (MisuseError, InvalidVisitorIdError):
                raise  # It would be the same again.
            except (AvatarError, OSError, asyncio.TimeoutError) as error:
                caught = error
            _log.warning("%s: %s: again in %.1f s", type(caught).__name__, caught, wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    def _invite(self, news: Any) -> None:
        """Deals with the invitations that there are, at the same time as with what is said."""
        for room, invited in news.rooms.invite.items():
            if room not in self._joining:
                self._joining[room] = asyncio.create_task(self._invited(room, invited.invite_state))
