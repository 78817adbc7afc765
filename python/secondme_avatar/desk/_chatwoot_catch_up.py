"""What came at Chatwoot while the desk was down."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from .._error import AvatarError
from ._chatwoot_api import ChatwootApi, ChatwootError, Later, Unclear
from ._chatwoot_webhooks import Report, Status

_log = logging.getLogger("secondme_avatar.desk.chatwoot")

_LOOKED_AFTER: tuple[Status, ...] = ("pending", "open")
_TROUBLE = (ChatwootError, Later, Unclear, AvatarError)

Tell = Callable[[Report], Awaitable[None]]


class CatchUp:
    """Reads an account. What fails for one conversation stops no other."""

    def __init__(
        self,
        api: ChatwootApi,
        *,
        is_ours: Callable[[Report], Awaitable[bool]],
        tell: Tell,
        end: Tell,
        alone: Callable[[Report], AbstractAsyncContextManager[object]],
    ) -> None:
        """
        :param tell: Tells the desk of a report.
        :param end: Tells the desk how a conversation stands after its messages, where something was changed after the
            last reply of an agent: with the reply alone, it is the agent's.
        :param alone: Keeps the desk from showing how a conversation stands meanwhile.
        """
        self._api = api
        self._is_ours = is_ours
        self._tell = tell
        self._end = end
        self._alone = alone
        self._met: set[int] = set()

    async def messages(self, since: float) -> None:
        """Tells of the messages that are not older than this, with an agent's token."""
        found: dict[int, Report] = {}
        # All pages first: a page moves on while conversations are dealt with.
        for status in _LOOKED_AFTER:
            try:
                async for one in self._api.conversations(status):
                    if one.updated_at >= since and await self._is_ours(one):
                        found[one.conversation] = one
            except _TROUBLE as error:
                _warn(error)
        for one in found.values():
            try:
                async with self._alone(one):
                    await self._told(one, since)
                self._met.add(one.conversation)
            except _TROUBLE as error:
                _warn(error)

    async def _told(self, found: Report, since: float) -> None:
        messages, last_remark = await self._api.recent(found.conversation, since)
        for message in messages:
            if not message.by_bot:
                await self._tell(replace(found, message=message))
        replies = (message.id for message in messages if message.agent is not None and not message.is_private)
        if last_remark >= max(replies, default=0):
            await self._end(found)

    async def states(self, numbers: Iterable[int]) -> None:
        """Tells how the conversations with these numbers stand, except for those whose messages were told."""
        for number in numbers:
            if number in self._met:
                continue
            try:
                await self._tell(await self._api.conversation(number))
            except ChatwootError as error:
                if error.status == 401:
                    return  # Chatwoot lets bots look since 4.12.
                _warn(error)
            except (Later, Unclear, AvatarError) as error:
                _warn(error)


def _warn(error: Exception) -> None:
    _log.warning("a part of what came while the desk was down cannot be read: %s", error)
