"""What the desk says itself."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from .._errors import MisuseError
from ..bridge import Language


@dataclass(frozen=True)
class DeskSentences:
    """The sentences of the desk. ``{operator}``, ``{owner}``, ``{avatar}``, ``{visitor}`` and ``{place}`` in one are
    replaced."""

    joined: str
    """An operator is here now."""
    left: str
    """An operator has left."""
    back: str
    """The avatar answers again."""
    place: str
    """The visitor waits for a person."""
    timed_out: str
    """No one was free for as long as one may wait."""
    late: str
    """Stands before when people are here again."""
    closed: str
    """The conversation is over."""
    ended: str
    """Stands below a reply of the avatar that was ended."""
    owner_note: str
    """Stands above the owner's words in a note to the operators."""
    handed_over: str
    """Stands above the transcript for the operators."""


_ENGLISH = DeskSentences(
    joined="{operator} has joined and answers you in person.",
    left="{operator} has left.",
    back="{avatar} answers again.",
    place="You are waiting for a person. Your place in the queue: {place}.",
    timed_out="I am sorry, no one is free right now. {avatar} answers again; please write what you would like to know.",
    late="No one is here in person at the moment.",
    closed="This conversation is closed. Write again at any time.",
    ended="(Ended here: a person takes over.)",
    owner_note="{owner}, the avatar's owner, says in the SecondMe app (the visitor does not see it):",
    handed_over="{visitor} has said with the avatar so far:",
)
_CHINESE = DeskSentences(
    joined="{operator}已加入，将亲自回复你。",
    left="{operator}已离开。",
    back="现在由{avatar}继续回答。",
    place="正在为你转接人工，当前排在第 {place} 位。",
    timed_out="抱歉，现在没有空闲的人工。由{avatar}继续回答，请写下你想了解的内容。",
    late="现在没有人工在线。",
    closed="本次对话已结束，你可以随时再写。",
    ended="（到此为止，人工已接手。）",
    owner_note="分身的主人{owner}在 SecondMe 里说（访客看不到）：",
    handed_over="{visitor}与分身目前的对话：",
)
AVATARS = {"en": "The assistant", "zh": "助手"}
"""What the avatar is called where no name is known."""
VISITORS = {"en": "The visitor", "zh": "访客"}
ASK_WORDS: dict[str, tuple[str, ...]] = {
    "en": ("!human", "/human", "human", "agent", "operator", "talk to a human", "talk to a person"),
    "zh": ("!human", "/human", "人工", "转人工", "人工客服"),
}
"""By which a visitor asks for a person."""
BOT_WORDS: dict[str, tuple[str, ...]] = {"en": ("!bot", "/bot", "bot"), "zh": ("!bot", "/bot", "机器人")}
"""By which a visitor who waits goes back to the avatar."""
_BUILT_IN = {"en": _ENGLISH, "zh": _CHINESE}
_LONGEST = 1500
NAMES = frozenset(field.name for field in fields(DeskSentences))


def desk_sentences(language: Language, replaced: dict[str, str] | None) -> tuple[DeskSentences, dict[str, str]]:
    """Returns the sentences of this language, with some of them replaced, and those that are the bridge's.

    :raises MisuseError: where the language is not known, or a sentence is too long to be kept until it is said.
    """
    if language not in _BUILT_IN:
        known = ", ".join(map(repr, _BUILT_IN))
        raise MisuseError(f"`language` is {language!r}: pass one of {known}, and `sentences`")
    given = dict(replaced or {})
    if long := [name for name, sentence in given.items() if len(sentence) > _LONGEST]:
        raise MisuseError(f"the sentence {min(long)!r} is longer than {_LONGEST} characters: say it shorter")
    ours = {name: given.pop(name) for name in list(given) if name in NAMES}
    return replace(_BUILT_IN[language], **ours), given


def is_one_of(text: str, words: frozenset[str]) -> bool:
    """Whether a message is one of these words, whatever its case and the marks around it."""
    return text.strip().strip(".!?。！？ ").casefold() in words or text.strip().casefold() in words


def folded(words: tuple[str, ...] | list[str]) -> frozenset[str]:
    return frozenset(word.strip().casefold() for word in words if word.strip())
