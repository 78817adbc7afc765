"""Matrix, over matrix-nio: a visitor, the avatar's bot and the operators in a room::

    import asyncio
    import os

    from secondme_avatar import AvatarClient
    from secondme_avatar.desk import Desk
    from secondme_avatar.desk.matrix import MatrixConnector


    async def main():
        connector = MatrixConnector(
            "https://matrix.example.org",
            "@avatar:example.org",
            password=os.environ["MATRIX_PASSWORD"],
            staff_room="#support:example.org",
        )
        async with AvatarClient(store="desk.db") as client, Desk(client, platform="matrix", connector=connector):
            await asyncio.Event().wait()


    asyncio.run(main())

A room to which the bot is invited is a conversation. The members of the staff room are the operators: there each
conversation that was with a person has a message that says how it stands, and a thread. ``pip install matrix-nio``, or
the extra ``matrix``, brings what is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..bridge import Language, Limits
from ._connector import Connector, ConversationView, Line, Post
from ._matrix_listening import Listener
from ._matrix_server import RefusedError, Server, gone
from ._matrix_staff import Staff
from ._matrix_words import WORDS

if TYPE_CHECKING:
    from ._desk import Desk

__all__ = ["MatrixConnector"]

_MOST_BYTES = 16_000
"""An event holds 65,536 bytes, and an edit has its text twice."""


class MatrixConnector(Connector):
    """Joins a desk to a Matrix server."""

    can_edit = True

    def __init__(
        self,
        homeserver: str,
        user_id: str,
        *,
        access_token: str | None = None,
        password: str | None = None,
        device_id: str = "SECONDMEDESK",
        staff_room: str,
        may_invite: Callable[[str], bool] | None = None,
        language: Language = "en",
        update_interval: float = 1.0,
        first_words: float = 600.0,
    ) -> None:
        """A connector that is not connected yet.

        :param homeserver: The server's address, such as ``https://matrix.example.org``.
        :param user_id: The bot's full id, such as ``@avatar:example.org``.
        :param access_token: The bot's token. Either this or ``password``.
        :param password: The bot's password, with which it logs in at each start as the same device.
        :param device_id: The device as which it logs in. A server recognises a repeated call by device, so keep it.
        :param staff_room: The id or alias of the room whose members are the operators. The bot has to be invited or
            allowed in, and the room must not be encrypted.
        :param may_invite: Whether a user may invite the bot into a room. Default: users of the bot's own server.
        :param language: The language of what the connector itself says.
        :param update_interval: The shortest time between two edits of a reply that grows, in seconds.
        :param first_words: What a visitor wrote so long before the bot was in the room is answered, in seconds.
        """
        if (access_token is None) == (password is None):
            raise ValueError("give either `access_token` or `password`")
        if not user_id.startswith("@") or ":" not in user_id:
            raise ValueError(f"`user_id` is {user_id!r}: give the full id, such as '@avatar:example.org'")
        self.limits = Limits(max_bytes=_MOST_BYTES, update_interval=update_interval)
        self._server = Server(homeserver, user_id, device_id, access_token)
        self._password = password
        own_server = user_id.partition(":")[2]

        def is_of_own_server(user: str) -> bool:
            return user.partition(":")[2] == own_server

        self._may_invite = may_invite or is_of_own_server
        self._staff_room = staff_room
        self._language: Language = language
        self._first_words = first_words
        self._staff: Staff | None = None
        self._listener: Listener | None = None
        self._listening: asyncio.Task[None] | None = None

    async def start(self, desk: Desk) -> None:
        await self._server.enter(self._password)
        try:
            room = await self._server.join(self._staff_room)
        except RefusedError as error:
            raise RuntimeError(f"{error}: invite {self._server.user} into `staff_room` {self._staff_room}") from None
        self._staff = Staff(self._server, desk, room, WORDS[self._language])
        await self._staff.start()
        self._listener = Listener(
            self._server,
            desk,
            self._staff,
            may_invite=self._may_invite,
            first_words=self._first_words,
            enter=lambda: self._server.enter(self._password),
        )
        self._listening = asyncio.create_task(self._listener.run())

    async def catch_up(self) -> None:
        if self._listener is not None:
            await self._listener.caught_up.wait()

    async def post(self, conversation: str, post: Post) -> str | None:
        # A notice is what no other bot answers.
        kind = "m.notice" if post.author == "desk" else "m.text"
        id = await self._sent(conversation, {"msgtype": kind, "body": post.text}, post.key)
        return f"{kind} {id}"

    async def edit(self, conversation: str, handle: str, text: str, key: str) -> None:
        kind, _, id = handle.partition(" ")
        await self._sent(conversation, edited(kind, id, text), key)

    async def note(self, conversation: str, text: str, key: str) -> None:
        await self._there.note(conversation, text, key)

    async def hand_over(self, view: ConversationView, lines: list[Line], text: str, key: str) -> None:
        await self._there.hand_over(view, text, key)

    async def show_state(self, view: ConversationView) -> None:
        await self._there.show_state(view)

    async def typing(self, conversation: str, is_typing: bool) -> None:
        await self._server.typing(conversation, is_typing)

    def let_go(self, conversation: str) -> None:
        if self._staff is not None and self._listener is not None:
            self._staff.let_go(conversation)
            self._listener.let_go(conversation)

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
        await self._server.close()

    @property
    def _there(self) -> Staff:
        if self._staff is None:
            raise ConnectionError("the connector is not started")
        return self._staff

    async def _sent(self, room: str, content: dict[str, Any], key: str) -> str:
        try:
            return await self._server.send(room, content, key)
        except RefusedError as error:
            raise gone(error) from error


def edited(kind: str, id: str, text: str) -> dict[str, Any]:
    """Returns the content of an event that replaces a message."""
    return {
        "msgtype": kind,
        "body": f"* {text}",
        "m.new_content": {"msgtype": kind, "body": text},
        "m.relates_to": {"rel_type": "m.replace", "event_id": id},
    }
