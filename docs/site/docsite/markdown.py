"""What has to be known of Markdown: where code is, where links are, and what a heading's anchor is."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

FENCE = re.compile(r"^( *)(`{3,}|~{3,})(.*)$")
HEADING = re.compile(r"^(#{1,6}) +(.*?) *#*$")
# Code between backticks, as many on either side.
CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]*(?:\([^()\s]*\))?[^()\s]*)((?:\s+\"[^\"]*\")?)\)")


@dataclass(frozen=True)
class Part:
    """Some lines of a page: prose, or a block of code."""

    text: str
    """Without the fences."""
    is_code: bool = False
    info: str = ""
    """What stands behind the fence."""
    indent: str = ""

    @property
    def language(self) -> str:
        return re.split(r"[ ,]", self.info, maxsplit=1)[0]


def parts(text: str) -> Iterator[Part]:
    """The page in pieces, in order."""
    kept: list[str] = []
    opened: re.Match[str] | None = None
    for line in text.splitlines():
        fence = FENCE.match(line)
        if opened is None and fence:
            yield Part("\n".join(kept))
            kept, opened = [], fence
        elif opened and fence and not fence[3].strip() and fence[2].startswith(opened[2]):
            indent = opened[1]
            code = "\n".join(line.removeprefix(indent) for line in kept)
            yield Part(code, True, opened[3].strip(), indent)
            kept, opened = [], None
        else:
            kept.append(line)
    if opened:
        raise ValueError(f"a block of code is not closed: {opened[0]}")
    yield Part("\n".join(kept))


def fenced(part: Part, info: str) -> str:
    """The block of code again, with fences that are longer than what is in it."""
    inner = max((len(run) for run in re.findall(r"`{3,}", part.text)), default=2)
    fence = "`" * (inner + 1)
    lines = [f"{fence}{info}", *part.text.splitlines(), fence]
    return "\n".join(f"{part.indent}{line}" if line else line for line in lines)


def with_links(prose: str, change: Callable[[str, bool], str]) -> str:
    """The prose with each link's target changed; ``change`` is told the target, and whether it is of a picture."""
    hidden: list[str] = []

    def hide(code: re.Match[str]) -> str:
        hidden.append(code[0])
        return f"\0{len(hidden) - 1}\0"

    def changed(link: re.Match[str]) -> str:
        # A picture may be what a link shows.
        label = LINK.sub(changed, link[2])
        return f"{link[1]}[{label}]({change(link[3], link[1] == '!')}{link[4]})"

    bare = LINK.sub(changed, CODE.sub(hide, prose))
    return re.sub(r"\0(\d+)\0", lambda at: hidden[int(at[1])], bare)


def plain(text: str) -> str:
    """The text without marks and links."""
    text = re.sub(r"!?\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"(?<!\w)[*_]{1,2}(\S.*?\S|\S)[*_]{1,2}(?!\w)", r"\1", text).replace("`", "")


def anchor(heading: str) -> str:
    """The anchor that a code host gives to a heading."""
    text = plain(heading).strip().lower().replace(" ", "-")
    return re.sub(r"[^\w\u4e00-\u9fff-]", "", text)


def anchors(text: str) -> set[str]:
    """The anchors of all headings; the second of the same name has a number."""
    made: set[str] = set()
    for part in parts(text):
        for line in part.text.splitlines() if not part.is_code else ():
            if heading := HEADING.match(line):
                wanted = name = anchor(heading[2])
                number = 0
                while name in made:
                    number += 1
                    name = f"{wanted}-{number}"
                made.add(name)
    return made


def title(text: str) -> str:
    """The page's first heading."""
    for part in parts(text):
        for line in part.text.splitlines() if not part.is_code else ():
            if heading := HEADING.match(line):
                return plain(heading[2])
    raise ValueError("the page has no heading")


def section(text: str, wanted: str) -> str:
    """What stands below the heading of this anchor, down to the next heading that is as high. Empty: the whole page."""
    if not wanted:
        return text
    kept: list[str] = []
    level = 0
    for part in parts(text):
        if part.is_code:
            if level:
                kept.append(fenced(part, part.info))
            continue
        for line in part.text.splitlines():
            heading = HEADING.match(line)
            if heading and level and len(heading[1]) <= level:
                return "\n".join(kept).strip()
            if level:
                kept.append(line)
            elif heading and anchor(heading[2]) == wanted:
                level = len(heading[1])
    if not level:
        raise ValueError(f"there is no heading #{wanted}")
    return "\n".join(kept).strip()


def summary(text: str) -> str:
    """The first sentence or two of a page, without marks."""
    for part in parts(text):
        for paragraph in part.text.split("\n\n") if not part.is_code else ():
            line = " ".join(paragraph.split())
            if line and line[0] not in "#|<!-*>":
                return shortened(plain(line))
    return ""


def shortened(text: str, limit: int = 220) -> str:
    """Its first sentences, as far as they go into that many characters."""
    kept = ""
    for sentence in re.split(r"(?<=[.:!?]) ", text):
        if kept and len(kept) + len(sentence) >= limit:
            break
        kept = f"{kept} {sentence}".strip()
    return kept.rstrip(":")
