"""Every link of the built site, with its anchor. Addresses elsewhere are listed, and not asked for."""

import posixpath
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

API = "api/"


@dataclass
class Found(HTMLParser):
    """The links of a page, and its anchors."""

    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if not value:
                continue
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif name in {"href", "src"}:
                self.links.append(value)


@cache
def read(file: Path) -> Found:
    found = Found()
    found.feed(file.read_text(encoding="utf-8"))
    return found


def broken(out: Path) -> tuple[list[str], set[str], int]:
    """What leads nowhere, the addresses elsewhere, and how many links were looked at."""
    wrong, external, looked_at = [], set(), 0
    for file in sorted(out.rglob("*.html")):
        name = file.relative_to(out).as_posix()
        # The tools that write the references answer for what is in them.
        if name.startswith(API):
            continue
        for link in read(file).links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                external.add(link)
                continue
            looked_at += 1
            path = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path)))
            target = out / path if parts.path else file
            if target.is_dir():
                target /= "index.html"
            if not target.is_file() or not target.resolve().is_relative_to(out.resolve()):
                wrong.append(f"{name}: {link}")
            elif parts.fragment and target.suffix == ".html":
                fragment = unquote(parts.fragment)
                if fragment not in read(target).anchors and fragment != "top":
                    wrong.append(f"{name}: {link} (there is no such anchor)")
    return wrong, {one for one in external if not one.startswith(("data:", "mailto:", "javascript:"))}, looked_at
