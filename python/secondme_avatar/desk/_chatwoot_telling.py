"""What the desk is told of what Chatwoot reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._chatwoot_tracker import Change
from ._chatwoot_webhooks import Message, Person, Report
from ._connector import ConversationView, Operator

if TYPE_CHECKING:
    from ._desk import Desk


async def tell_change(
    desk: Desk, conversation: str, change: Change, found: Report, view: ConversationView | None
) -> None:
    """Tells what has changed of a conversation."""
    agent = found.agent
    operator = _operator(agent) if agent is not None else None
    id = f"{change}/{found.updated_at:.6f}/{agent.id if agent is not None else 0}"
    if change == "taken" and operator is not None:
        await desk.taken(conversation, id, operator, visitor_name=found.contact)
    elif change == "left" and view is not None and view.operator is not None:
        await desk.left(conversation, id, view.operator)
    elif change == "queued":
        await desk.queued(conversation, id)
    elif change == "handed_back":
        await desk.handed_back(conversation, id)
    elif change == "closed":
        await desk.closed(conversation, id)
    elif change == "reopened":
        await desk.reopened(conversation, id)


async def tell_message(
    desk: Desk, conversation: str, found: Report, message: Message, *, reply_takes: bool = False
) -> None:
    """Tells what a visitor or an agent has written.

    :param reply_takes: Whether an agent to whom a conversation is assigned has it from their first reply on.
    """
    id, at = f"message/{message.id}", message.at or None
    if message.kind == "incoming":
        if message.is_private:
            return
        other = message.has_attachments
        await desk.visitor_said(conversation, id, message.text, name=found.contact, has_other_parts=other, at=at)
    elif message.agent is not None and (message.text or message.has_attachments):
        text = message.text or "(file)"
        tell = desk.operator_noted if message.is_private else desk.operator_said
        operator = _operator(message.agent)
        is_new = await tell(conversation, id, text, operator, at=at)
        is_assigned = found.agent is not None and found.agent.id == message.agent.id
        if is_new and reply_takes and is_assigned and not message.is_private:
            # One whom the desk knows of already has it; from a colleague the assigned one takes it with this reply.
            view = await desk.find(conversation)
            if view is not None and view.operator is not None and view.operator.id != operator.id:
                await desk.taken(conversation, id, operator)


def _operator(agent: Person) -> Operator:
    return Operator(str(agent.id), agent.name)
