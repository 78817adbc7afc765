"""The staff room of Matrix: who are operators, how each conversation stands, and what operators do there."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ._connector import ConversationView, Operator
from ._matrix_events import RoomEvent, localpart
from ._matrix_server import RefusedError, Server, gone
from ._matrix_words import Words

if TYPE_CHECKING:
    from ._desk import Desk

COMMANDS = {"!take", "!back", "!team", "!close", "!reopen"}
_TAKES = {"👍", "✋", "✅", "🙋"}
_MARKS = "\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
"""A reaction's variation and colour of skin."""


class Staff:
    """The room of the operators."""

    def __init__(self, server: Server, desk: Desk, room: str, words: Words) -> None:
        self.room = room
        self.words = words
        self._server = server
        self._desk = desk
        self._operators: dict[str, str | None] = {}
        self._roots: dict[str, str] = {}
        self._shown: dict[str, str] = {}

    async def start(self) -> None:
        """Finds out who the operators are."""
        self._operators = await self._server.members(self.room)
        self._operators.pop(self._server.user, None)

    def operator(self, user: str) -> Operator | None:
        """Returns the operator who this user is."""
        if user not in self._operators:
            return None
        return Operator(user, self._operators[user] or localpart(user))

    async def heard(self, event: RoomEvent) -> None:
        """Deals with what happens in the staff room."""
        if event.kind == "m.room.member":
            await self.start()
            if event.membership in ("leave", "ban") and event.state_key is not None:
                await self._gone(event.id, event.state_key)
            return
        operator = self.operator(event.sender)
        if operator is None or event.is_edit:
            return
        text = (event.text or "").strip()
        command = text.split(maxsplit=1)[0].lower() if text.startswith("!") else ""
        if command in ("!help", "!list"):
            await self._answer(event, self.words.help if command == "!help" else self._list())
            return
        related = event.related_to
        conversation = await self._desk.remembered(f"conversation/{related}") if related is not None else None
        if event.kind == "m.reaction":
            is_take = (event.reaction or "").strip(_MARKS) in _TAKES
            if conversation is not None and is_take and await self._is_free(conversation, related):
                await self.obey("!take", conversation, event.id, operator)
        elif command in COMMANDS:
            if conversation is None:
                await self._answer(event, self.words.unknown)
            else:
                await self.obey(command, conversation, event.id, operator)
        elif conversation is not None and text:
            await self._desk.operator_noted(conversation, event.id, text, operator, at=event.at)

    async def _gone(self, id: str, user: str) -> None:
        """Puts back into the queue what an operator has who is one no more."""
        for view in self._desk.views():
            if view.operator is not None and view.operator.id == user:
                await self._desk.left(view.conversation, f"staff/{id}", view.operator)

    def let_go(self, conversation: str) -> None:
        """Forgets what it shows of a conversation; the desk remembers where."""
        self._roots.pop(conversation, None)
        self._shown.pop(conversation, None)

    async def _is_free(self, conversation: str, message: str | None) -> bool:
        """Whether a reaction to this message takes a conversation: those who agree with a note take nothing."""
        view = self._desk.view(conversation)
        return message == await self._known_root(conversation) and (view is None or view.state != "person")

    async def obey(self, command: str, conversation: str, id: str, operator: Operator) -> None:
        """Does what an operator has commanded."""
        if command == "!take":
            await self._desk.taken(conversation, id, operator)
        elif command == "!back":
            await self._desk.handed_back(conversation, id, operator)
        elif command == "!team":
            await self._desk.queued(conversation, id, operator)
        elif command == "!close":
            await self._desk.closed(conversation, id, operator)
        elif command == "!reopen":
            await self._desk.reopened(conversation, id, operator)

    async def note(self, conversation: str, text: str, key: str) -> None:
        """Writes into the thread of a conversation."""
        view = self._desk.view(conversation)
        root = await self._root(view or ConversationView(conversation, "bot"))
        thread = {
            "rel_type": "m.thread",
            "event_id": root,
            "is_falling_back": True,
            "m.in_reply_to": {"event_id": root},
        }
        id = await self._send({"msgtype": "m.notice", "body": text, "m.relates_to": thread}, key)
        await self._desk.remember(f"conversation/{id}", conversation)

    async def hand_over(self, view: ConversationView, text: str, key: str) -> None:
        """Writes the transcript into the thread, and how to take the conversation."""
        how = f"\n\n{self.words.how}" if view.state == "waiting" else ""
        await self.note(view.conversation, text + how, key)

    async def show_state(self, view: ConversationView) -> None:
        """Has the first message of a conversation's thread say how it stands."""
        if view.state == "bot" and await self._known_root(view.conversation) is None:
            return
        root = await self._root(view)
        text = self._line(view)
        if self._shown.get(view.conversation) != text:
            content = {
                "msgtype": "m.notice",
                "body": f"* {text}",
                "m.new_content": {"msgtype": "m.notice", "body": text},
                "m.relates_to": {"rel_type": "m.replace", "event_id": root},
            }
            await self._send(content, uuid.uuid4().hex)
            self._shown[view.conversation] = text
        if view.state == "person" and view.operator is not None:
            await self._invite(view.conversation, view.operator)

    async def _invite(self, conversation: str, operator: Operator) -> None:
        """Lets an operator into the visitor's room."""
        try:
            if operator.id not in await self._server.members(conversation):
                await self._server.invite(conversation, operator.id)
        except RefusedError as error:
            if "already in the room" in str(error):
                return
            said = self.words.cannot_invite.replace("{operator}", operator.shown_name).replace("{why}", str(error))
            await self.note(conversation, said, f"invite/{conversation}/{operator.id}")

    async def _root(self, view: ConversationView) -> str:
        known = await self._known_root(view.conversation)
        if known is not None:
            return known
        text = self._line(view)
        root = await self._send({"msgtype": "m.notice", "body": text}, f"root/{view.conversation}")
        await self._desk.remember(f"conversation/{root}", view.conversation)
        await self._desk.remember(_root_key(view.conversation), root)
        self._roots[view.conversation] = root
        self._shown[view.conversation] = text
        return root

    async def _known_root(self, conversation: str) -> str | None:
        if conversation not in self._roots:
            known = await self._desk.remembered(_root_key(conversation))
            if known is None:
                return None
            self._roots[conversation] = known
        return self._roots[conversation]

    def _line(self, view: ConversationView) -> str:
        line: str = getattr(self.words, view.state)
        operator = view.operator.shown_name if view.operator is not None else ""
        link = f"https://matrix.to/#/{quote(view.conversation, safe='!:')}"
        link += f"?via={quote(self._server.user.partition(':')[2], safe=':')}"
        line = line.replace("{place}", str(view.place or "")).replace("{room}", link)
        return line.replace("{operator}", operator).replace("{visitor}", view.visitor_name or view.conversation)

    def _list(self) -> str:
        waiting = [self._line(view) for view in self._desk.views() if view.state == "waiting"]
        return "\n".join(waiting) or self.words.none_waits

    async def _answer(self, event: RoomEvent, text: str) -> None:
        relation: dict[str, Any] = {"m.in_reply_to": {"event_id": event.id}}
        await self._send({"msgtype": "m.notice", "body": text, "m.relates_to": relation}, f"answer/{event.id}")

    async def _send(self, content: dict[str, Any], key: str) -> str:
        try:
            return await self._server.send(self.room, content, key)
        except RefusedError as error:
            raise gone(error) from error


def _root_key(conversation: str) -> str:
    return f"root/{hashlib.sha256(conversation.encode()).hexdigest()[:32]}"
