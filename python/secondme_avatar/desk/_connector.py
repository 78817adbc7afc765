"""What a platform of customer service has to offer to the desk, and what it is told."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..bridge import Limits
from ._states import State
from .export import LineAuthor

if TYPE_CHECKING:
    from ._desk import Desk

ShownAuthor: TypeAlias = Literal["avatar", "owner", "desk"]
"""Who says what the desk posts to a visitor.

- ``avatar``: The avatar.
- ``owner``: The avatar's owner, in person, from the SecondMe app.
- ``desk``: The desk itself.
"""


@dataclass(frozen=True)
class Operator:
    """A person of the team who speaks with visitors."""

    id: str
    """The platform's id."""
    name: str | None = None
    """What visitors read. Default: the id."""

    @property
    def shown_name(self) -> str:
        """The name, or the id."""
        return self.name or self.id


@dataclass(frozen=True)
class Line:
    """A line of a conversation's transcript."""

    id: str
    at: float
    """When it was said, in seconds since 1970."""
    author: LineAuthor
    name: str | None
    """The author's name, where one is known."""
    text: str = field(repr=False)
    is_private: bool = False
    """Whether only operators see it."""
    is_ended: bool = False
    """Whether it is a reply of the avatar that ends where a person came in."""


@dataclass(frozen=True)
class ConversationView:
    """How a conversation stands."""

    conversation: str
    """The connector's id of it."""
    state: State
    operator: Operator | None = None
    """Who has it, in the state ``person``."""
    place: int | None = None
    """The place in the queue, from 1, in the state ``waiting``."""
    waiting_since: float | None = None
    """Since when it waits, in seconds since 1970."""
    visitor_name: str | None = None


@dataclass(frozen=True)
class Post:
    """A message to a visitor."""

    text: str = field(repr=False)
    author: ShownAuthor
    owner_name: str | None
    """The owner's name, where the owner speaks."""
    key: str
    """The same for each attempt of the same post, after a restart too: for platforms that recognise a repeated call."""


class Connector(ABC):
    """Joins a platform of customer service to a desk. Only ``limits``, ``start``, ``post`` and ``note`` are needed.

    A call raises ``RetryLater`` where the platform wants to be asked later, and ``Undeliverable`` where trying again
    does not help. What else it raises is tried again. The desk's own posts and notes of one conversation come one
    after the other, and before what the avatar says after them.
    """

    limits: Limits
    """What the platform allows."""
    can_edit: bool = False
    """Whether a message can be replaced (``edit``): replies of the avatar then grow."""
    shows_author: bool = False
    """Whether the connector itself marks what the owner says. Without it, a line stands above."""

    @abstractmethod
    async def start(self, desk: Desk) -> None:
        """Begins to tell the desk what happens. The desk calls it once. It hears after that, so this does not wait for
        what it answers."""

    @abstractmethod
    async def post(self, conversation: str, post: Post) -> str | None:
        """Posts a message to the visitor, and returns its handle, if it has one."""

    @abstractmethod
    async def note(self, conversation: str, text: str, key: str) -> None:
        """Tells the operators something that the visitor does not see."""

    async def catch_up(self) -> None:
        """Returns when the desk has been told what happened before the start. Until then, at most 30 s, the avatar does
        not go on with what an earlier process has left: a person may have come in meanwhile. The desk's start does not
        wait for it, and what a visitor writes in this time is accepted."""
        return

    async def edit(self, conversation: str, handle: str, text: str, key: str) -> None:
        """Replaces the text of a message that was posted."""
        raise NotImplementedError

    async def show_state(self, view: ConversationView) -> None:
        """Shows how a conversation stands: labels, status, place in the queue. It may come again."""
        return

    async def hand_over(self, view: ConversationView, lines: list[Line], text: str, key: str) -> None:
        """Gives the operators the last lines of the transcript; ``text`` has them written out."""
        await self.note(view.conversation, text, key)

    async def typing(self, conversation: str, is_typing: bool) -> None:
        """Shows that an answer is on its way, or not any more. It is an ornament: errors are passed over."""
        return

    def let_go(self, conversation: str) -> None:
        """Is told that nothing is under way in a conversation, and that the desk has it in the store alone: what the
        connector has of it in memory is not needed either. It may come again at any time."""
        return

    async def close(self) -> None:
        """Stops telling, and gives up what it holds, such as connections."""
        return
