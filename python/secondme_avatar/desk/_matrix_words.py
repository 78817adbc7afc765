"""What the Matrix connector itself says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """Sentences, in which ``{visitor}``, ``{operator}``, ``{place}`` and ``{room}`` are replaced."""

    bot: str
    waiting: str
    person: str
    closed: str
    how: str
    """Stands below a conversation in the staff room."""
    help: str
    unknown: str
    """A command that names no conversation."""
    none_waits: str
    cannot_invite: str
    encrypted: str


WORDS = {
    "en": Words(
        bot="🤖 {visitor}: the avatar answers. {room}",
        waiting="🟡 {visitor} waits for a person, place {place}. {room}",
        person="🟢 {visitor}: {operator} has it. {room}",
        closed="⚫ {visitor}: closed. {room}",
        how="Take it: react with 👍 to the first message, or write !take in this thread or in the visitor's room.",
        help=(
            "In a thread of this room, or in the visitor's room (where the visitor sees it): !take, !back (to the "
            "avatar), !team (into the queue, for any of us), !close, !reopen. A reaction 👍 takes it. "
            "What else is written in a thread is a note for us. !list: who waits."
        ),
        unknown="Which conversation? Write the command in its thread, or as a reply to one of its notes.",
        none_waits="No one waits.",
        cannot_invite="{operator} could not be invited into the visitor's room: {why}",
        encrypted=(
            "This room is encrypted, and I cannot read what is said in it. Please write to me in a room without "
            "encryption."
        ),
    ),
    "zh": Words(
        bot="🤖 {visitor}：分身正在回答。{room}",
        waiting="🟡 {visitor} 正在等待人工，第 {place} 位。{room}",
        person="🟢 {visitor}：由 {operator} 接待。{room}",
        closed="⚫ {visitor}：已结束。{room}",
        how="接待：对第一条消息回应 👍，或在此话题、访客房间里写 !take。",
        help=(
            "在本房间的话题或访客房间（访客可见）里：!take 接待，!back 交还分身，!team 转给团队，!close 结束，"
            "!reopen 重开。对会话回应 👍 即接待。话题里的其他内容只有我们可见。!list 查看排队。"
        ),
        unknown="是哪个会话？请在它的话题里写命令，或回复它的消息。",
        none_waits="没有人在等待。",
        cannot_invite="无法邀请 {operator} 进入访客房间：{why}",
        encrypted="此房间已加密，我无法读取内容。请在未加密的房间里给我写。",
    ),
}
