"""The bridge's view of a desk: what the avatar and its owner say goes to the visitor, or not, by how the conversation
stands."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from ..bridge import Draft, PostDetails, RetryLater, Undeliverable
from ..bridge._ending import EndingOutlet
from ._cases import Case, Item, hash_of
from ._connector import Line, Post, ShownAuthor
from ._lanes import Lane

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from ._core import Core

T = TypeVar("T")

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 15.0
_AGAIN = 0.05
"""The bridge looks at once whether the answer has been ended meanwhile."""


class DeskOutlet(EndingOutlet):
    """Posts by a desk's connector."""

    def __init__(self, desk: Core) -> None:
        self._desk = desk
        self._connector = desk.connector
        self.limits = self._connector.limits
        self.shows_author = self._connector.shows_author
        self.can_open = self._connector.can_edit

    async def post(self, address: str, text: str, details: PostDetails) -> str | None:
        async with self._desk.lanes.of(address) as lane:
            return await self._whole(self._post(lane, text, details))

    async def _post(self, lane: Lane, text: str, details: PostDetails) -> str | None:
        async with lane.turn():
            case = lane.case
            line = self._line(case, text, details)
            kept = await self._desk.cases.line(case, line.id)
            # From here to the call of the connector nothing else happens.
            if case.state == "person" and details.author == "owner":
                await self._desk.note_owner(lane, line)
                return None
            if case.state != "bot" and details.author != "owner":
                # The avatar is silent; what it says of itself is for the transcript.
                if details.author == "avatar":
                    await self._desk.cases.add_line(case, replace(line, is_private=True))
                return None
            if kept is not None and kept.growing is not None:
                # An earlier process has begun it, and was killed before its handle was kept.
                handle = await self._connector.post(case.conversation, _post(case, kept.line.text, details))
                if handle is not None:
                    await self._connector.edit(case.conversation, handle, text, _edit_key(case, line.id, text))
            else:
                handle = await self._connector.post(case.conversation, _post(case, text, details))
            await self._desk.keep_line(case, line)
        self._desk.stop_typing(case)
        return json.dumps([handle, line.id]) if handle is not None else None

    async def open(self, address: str, text: str, details: PostDetails) -> Draft:
        async with self._desk.lanes.of(address) as lane:
            return await self._whole(self._open(lane, text, details))

    async def _open(self, lane: Lane, text: str, details: PostDetails) -> Draft:
        async with lane.turn():
            case = lane.case
            line = self._line(case, text, details)
            if case.state != "bot":
                raise RetryLater(_AGAIN)
            # Until it is posted, the visitor has not seen it.
            await self._desk.cases.set_line(case, replace(line, is_private=True), "")
            if case.state != "bot":
                raise RetryLater(_AGAIN)
            handle = await self._connector.post(case.conversation, _post(case, text, details))
            if handle is None:
                raise Undeliverable("the connector says `can_edit`, and its `post` has returned no handle")
            await self._desk.keep_line(case, line, handle)
        self._desk.stop_typing(case)
        return _DeskDraft(self._desk, case, line, handle)

    async def reopen(self, address: str, handle: str) -> Draft | None:
        async with self._desk.lanes.of(address) as lane:
            connectors, id = json.loads(handle)
            kept = await self._desk.cases.line(lane.case, id)
            return _DeskDraft(self._desk, lane.case, kept.line, connectors) if kept is not None else None

    async def end(self, address: str, handle: str, mark: str) -> None:
        async with self._desk.lanes.of(address) as lane:
            case = lane.case
            connectors, id = json.loads(handle)
            kept = await self._desk.cases.line(case, id)
            if kept is None or kept.growing is None:
                return
            line = kept.line
            if not line.is_ended:
                line = replace(line, text=f"{line.text}\n\n{mark}", is_ended=True)
                await self._desk.cases.set_line(case, line, kept.growing)
            await self._desk.say(lane, Item("edit", _edit_key(case, id, line.text), line=id, handle=connectors))
            await self._desk.cases.set_line(case, line)

    async def _whole(self, call: Coroutine[Any, Any, T]) -> T:
        """Makes a call to its end, also where its answer is not wanted any more: what is on its way is there or not
        before anything else is said, and the transcript knows it."""
        return await asyncio.shield(self._desk.begin(call))

    def _line(self, case: Case, text: str, details: PostDetails) -> Line:
        name = details.owner_name if details.author == "owner" else None
        if details.author == "avatar":
            name = self._desk.speech.avatar_name
        if details.author == "owner" and not self.shows_author:
            text = text.removeprefix(self._desk.speech.owner_head(details.owner_name))
        author = "desk" if details.author == "bridge" else details.author
        return Line(id=details.key, at=time.time(), author=author, name=name, text=text)


class _DeskDraft(Draft):
    """A reply that grows."""

    def __init__(self, desk: Core, case: Case, line: Line, handle: str) -> None:
        self._desk, self._case, self._line = desk, case, line
        self._handle = handle
        self._wait = _FIRST_WAIT
        self.handle = json.dumps([handle, line.id])

    async def update(self, text: str) -> None:
        line = replace(self._line, text=text)
        # It is kept first: after a kill the line has all that may be shown.
        await self._desk.cases.set_line(self._case, line, self._handle)
        if self._case.state != "bot":
            raise RetryLater(_AGAIN)
        await self._edit(text)
        self._line = line

    async def finish(self, text: str) -> None:
        is_ended = text.endswith(self._desk.speech.sentences.ended)
        try:
            await self._edit(text)
        except (RetryLater, Undeliverable):
            raise
        except Exception as error:
            # The bridge would give the message up after some failures. Here it is the same message until it is whole.
            self._desk.report(error, self._case)
            self._wait = min(self._wait * 2, _LONGEST_WAIT)
            raise RetryLater(self._wait) from error
        self._line = replace(self._line, text=text, is_ended=is_ended)
        await self._desk.keep_line(self._case, self._line)

    async def _edit(self, text: str) -> None:
        key = _edit_key(self._case, self._line.id, text)
        await self._desk.connector.edit(self._case.conversation, self._handle, text, key)


def key_of_post(case: Case, id: str) -> str:
    """The bridge's keys are one visitor's."""
    return f"{hash_of(case.conversation)}/{id}"


def _edit_key(case: Case, id: str, text: str) -> str:
    return f"{key_of_post(case, id)}/{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _post(case: Case, text: str, details: PostDetails) -> Post:
    author: ShownAuthor = "desk" if details.author == "bridge" else details.author
    return Post(text=text, author=author, owner_name=details.owner_name, key=key_of_post(case, details.key))
