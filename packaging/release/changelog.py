"""CHANGELOG.md, and the fragments in changelog.d of which towncrier makes its next section."""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from .versions import SHAPE

KINDS = ("security", "removed", "deprecated", "changed", "added", "fixed")
"""The kinds of change of Keep a Changelog. towncrier.toml has the same."""
FOLDER = "changelog.d"
HEADING = re.compile(rf"^## (?P<version>{SHAPE})(?: - (?P<date>\S+))?$")


@dataclass
class Section:
    version: str
    date: str | None
    text: str


def sections(root: Path) -> list[Section]:
    found: list[Section] = []
    for line in (root / "CHANGELOG.md").read_text(encoding="utf-8").splitlines():
        if heading := HEADING.match(line):
            found.append(Section(heading["version"], heading["date"], ""))
        elif found:
            found[-1].text += f"{line}\n"
    return found


def order(version: str) -> tuple[list[int], bool, str, int]:
    """Returns what versions are sorted by. One before a release is older than the release."""
    release, _, rest = version.partition("-")
    kind, _, number = rest.partition(".")
    return [int(part) for part in release.split(".")], not rest, kind, int(number or 0)


def fragments(root: Path) -> list[Path]:
    return sorted(path for path in (root / FOLDER).glob("*") if path.name not in ("README.md", ".gitignore"))


def of_fragments(root: Path) -> list[str]:
    problems = []
    for path in fragments(root):
        name, text = f"{FOLDER}/{path.name}", path.read_text(encoding="utf-8")
        if not re.fullmatch(rf"[a-z0-9+-]+\.({'|'.join(KINDS)})\.md", path.name):
            problems.append(f"{name}: a fragment is called NAME.KIND.md, and its kind is one of {', '.join(KINDS)}")
        if not text.strip():
            problems.append(f"{name}: it is empty")
        for line in text.splitlines():
            # Only its own heading may stand above a section.
            if line.startswith("#"):
                problems.append(f"{name}: a fragment is an item of a list, and has no heading: {line}")
    return problems


def day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else None
    except ValueError:
        return None


def of_sections(found: list[Section], today: date) -> list[str]:
    problems = []
    for one in found:
        when = day(one.date or "")
        if one.date is None:
            problems.append(f"CHANGELOG.md: {one.version} has no date")
        elif when is None:
            problems.append(f"CHANGELOG.md: the date of {one.version}, {one.date}, is not a day written as 2026-12-31")
        elif when > today:
            problems.append(f"CHANGELOG.md: the date of {one.version}, {one.date}, lies in the future")
        if not one.text.strip():
            problems.append(f"CHANGELOG.md: {one.version} says nothing")
    names = [one.version for one in found]
    if names != sorted(set(names), key=order, reverse=True):
        problems.append(f"CHANGELOG.md: the versions do not stand from the newest to the oldest, each once: {names}")
    return problems


def check(root: Path, version: str, *, releasing: bool, today: date) -> tuple[str, list[str], list[str]]:
    """Returns what was looked at, what is wrong, and what is still to be done before the release of `version`."""
    found, waiting = sections(root), fragments(root)
    problems, undecided = of_sections(found, today) + of_fragments(root), []
    newest = found[0].version if found else None
    if newest and order(newest) > order(version):
        problems.append(f"CHANGELOG.md: it has {newest} already, and Cargo.toml says {version}")
    if version in [one.version for one in found]:
        stale = (
            f"{FOLDER}: {len(waiting)} fragments are not in CHANGELOG.md, which has the section of {version} already"
        )
    else:
        stale = f"CHANGELOG.md has no section of {version}: `make changelog` writes it out of {len(waiting)} fragments"
        waiting = waiting or [Path(FOLDER)]
    if waiting:
        (problems if releasing else undecided).append(stale)
    return (
        f"the changelog: {len(found)} versions with their dates, {len(fragments(root))} fragments",
        problems,
        undecided,
    )


def notes(root: Path, version: str) -> str:
    """Returns what CHANGELOG.md says of a version, for the page of its release."""
    for one in sections(root):
        if one.version == version:
            return one.text.strip() + "\n"
    raise LookupError(f"CHANGELOG.md has no section of {version}")
