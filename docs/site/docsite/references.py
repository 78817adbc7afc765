"""Which API references are there: ``make docs`` has built them into a folder, or has said there why not."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Reference:
    """The reference of a language."""

    language: str
    folder: str
    entry: str
    """The page to begin with, seen from the folder."""
    tool: str


ALL = (
    Reference("Rust", "rust", "secondme_avatar/index.html", "rustdoc"),
    Reference("Python", "python", "secondme_avatar.html", "pdoc"),
    Reference("Node", "node", "index.html", "TypeDoc"),
    Reference("Kotlin", "kotlin", "index.html", "Dokka"),
    Reference("Java", "java", "index.html", "javadoc"),
    Reference("Swift", "swift", "documentation/secondmeavatar/index.html", "DocC"),
)


def built(folder: Path) -> list[Reference]:
    """Those that are there."""
    return [one for one in ALL if (folder / one.folder / one.entry).is_file()]


def table(folder: Path) -> str:
    """All of them, and of those that are not there why."""
    rows = ["| language | reference | written by |", "| --- | --- | --- |"]
    there = built(folder)
    for one in ALL:
        if one in there:
            # DocC's pages are asked for as folders.
            entry = one.entry.removesuffix("index.html") if one.folder == "swift" else one.entry
            rows.append(f"| {one.language} | [the API of {one.language}](raw:api/{one.folder}/{entry}) | {one.tool} |")
        else:
            reason = folder / f"{one.folder}.why"
            why = reason.read_text(encoding="utf-8").strip() if reason.is_file() else "it was left out of this build"
            rows.append(f"| {one.language} | not built: {why} | {one.tool} |")
    return "\n".join(rows)
