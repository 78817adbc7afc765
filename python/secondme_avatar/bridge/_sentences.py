"""What the bridge says itself."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal, TypeAlias

Language: TypeAlias = Literal["en", "zh"]


@dataclass(frozen=True)
class Sentences:
    """The sentences of the bridge. ``{owner}`` in one is the name of the avatar's owner."""

    busy: str
    """Too many people write at the same time."""
    unavailable: str
    """The avatar cannot be reached now."""
    taken_over: str
    """The owner has the conversation, and has not answered yet."""
    payment: str
    """An allowance is used up."""
    broken: str
    """Only the program's operator can help."""
    text_only: str
    """What came is not text."""
    not_shown: str
    """The answer is a card, which has no text."""
    cut: str
    """Is added where an answer broke off."""
    owner_head: str
    """Stands above what the owner says in person."""


_ENGLISH = Sentences(
    busy="Many people are talking with me at the moment. Please write again in a few minutes.",
    unavailable="I cannot answer right now. Please try again in a few minutes.",
    taken_over="{owner} has your message and will answer here in person.",
    payment="I have said all that I may for now. {owner} has been asked to let me go on.",
    broken="I cannot answer, and trying again will not help: {owner} has to look after me first.",
    text_only="I can only read text here. Please write what you would like to say.",
    not_shown="My answer is a card that cannot be shown here.",
    cut="(My answer broke off here. What is still to come will follow.)",
    owner_head="👤 {owner}, in person:",
)
_CHINESE = Sentences(
    busy="现在和我聊天的人很多，请过几分钟再发一次。",
    unavailable="我暂时无法回答，请过几分钟再试。",
    taken_over="{owner}已经看到你的消息，会亲自在这里回复你。",
    payment="我现在能说的已经用完了，需要{owner}处理后才能继续。",
    broken="我现在无法回答，再试也没有用，需要{owner}先来处理。",
    text_only="我在这里只能看文字，请把想说的写下来。",
    not_shown="我的回答是一张卡片，这里无法显示。",
    cut="（我的回答在这里中断了，后面的内容到了会再发给你。）",
    owner_head="👤 {owner}本人：",
)
OWNERS = {"en": "The owner", "zh": "主人"}
"""What the owner is called where no name is known."""
_BUILT_IN = {"en": _ENGLISH, "zh": _CHINESE}
NAMES = frozenset(field.name for field in fields(Sentences))

_BY_KIND = {
    "rate_limited": "busy",
    "connection_failed": "unavailable",
    "unavailable": "unavailable",
    "certificate": "unavailable",
    "invalid_answer": "unavailable",
    "deadline": "unavailable",
    "not_member": "unavailable",
    "closed": "unavailable",
    "taken_over": "taken_over",
    "payment_required": "payment",
}


def sentences(language: str, replaced: dict[str, str] | None) -> Sentences:
    """Returns the sentences of this language, with some of them replaced."""
    if language not in _BUILT_IN:
        raise ValueError(f"`language` is {language!r}: pass one of {', '.join(map(repr, _BUILT_IN))}, and `sentences`")
    if unknown := set(replaced or {}) - NAMES:
        raise ValueError(f"there is no sentence {min(unknown)!r}: `sentences` takes {', '.join(sorted(NAMES))}")
    return replace(_BUILT_IN[language], **(replaced or {}))


def name_of(kind: str) -> str:
    """Returns which sentence fits an error of this kind."""
    return _BY_KIND.get(kind, "broken")
