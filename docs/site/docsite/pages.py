"""Which pages the site has: ``map.toml`` read, and held against the repository."""

import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

MAP = "docs/site/map.toml"


class MistakeError(Exception):
    """Something in the pages that the person who wrote them mends."""


@dataclass(frozen=True)
class Page:
    """A page of the repository, which is one of the site."""

    path: str
    """Where it is, seen from the root of the repository."""
    name: str
    """Where it is on the site, without an ending."""
    label: str | None
    """Its title in the sidebar, where that is not the page's own."""


@dataclass(frozen=True)
class Section:
    """A part of the sidebar."""

    caption: str
    pages: list[Page]


@dataclass(frozen=True)
class Site:
    """All of it."""

    root: Path
    title: str
    summary: str
    sections: list[Section]
    tracked: frozenset[str]
    """Every file of the repository."""
    pages: dict[str, Page] = field(default_factory=dict)
    """Its pages, by their paths."""

    def read(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def is_folder(self, path: str) -> bool:
        return any(file.startswith(f"{path}/") for file in self.tracked)


def site_name(path: str) -> str:
    """``docs/delivery.md`` is ``delivery``, ``bindings/kotlin/README.md`` is ``kotlin``, the README is ``overview``."""
    if path == "README.md":
        return "overview"
    name = path.removesuffix(".md").removesuffix("/README")
    return name.removeprefix("docs/").removeprefix("bindings/").lower()


def load(root: Path) -> Site:
    """The site that ``map.toml`` describes."""
    written = tomllib.loads((root / MAP).read_text(encoding="utf-8"))
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    tracked = frozenset(file for file in listed.stdout.split("\0") if file and (root / file).is_file())
    sections = [
        Section(section["caption"], [page(line) for line in section["pages"]]) for section in written["section"]
    ]
    site = Site(root, written["title"], " ".join(written["summary"].split()), sections, tracked)
    for one in (page for section in sections for page in section.pages):
        if one.path not in tracked:
            raise MistakeError(f"{MAP} names {one.path}, which is not there")
        if one.path in site.pages or one.name in {page.name for page in site.pages.values()}:
            raise MistakeError(f"{MAP} names {one.path} twice, or another page becomes {one.name}.html too")
        site.pages[one.path] = one
    left_out = written.get("left_out", {})
    if wrong := sorted(set(left_out) - tracked | set(left_out) & set(site.pages)):
        raise MistakeError(f"{MAP} leaves out what is not there, or is on the site: {', '.join(wrong)}")
    markdown = {file for file in tracked if PurePosixPath(file).suffix == ".md" and not is_fragment(file)}
    if forgotten := sorted(markdown - set(left_out) - set(site.pages)):
        raise MistakeError(f"{MAP} does not say where these pages belong: {', '.join(forgotten)}")
    return site


def is_fragment(file: str) -> bool:
    """Whether it is a piece of a page, of which others are made."""
    return file.startswith("changelog.d/")


def page(line: str) -> Page:
    path, _, label = line.partition(" = ")
    return Page(path, site_name(path), label or None)
