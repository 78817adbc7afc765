"""What the theme leaves to be desired for those who do not see the page, put right in what Sphinx has written."""

import re
from pathlib import Path

REPLACED = (
    # A heading without a level.
    (re.compile(r'(<p class="caption") role="heading">'), r"\1>"),
    # Two parts of the page that are announced by the same name.
    (re.compile(r'<aside class="sidebar-drawer'), '<aside aria-label="All pages" class="sidebar-drawer'),
    (re.compile(r'<aside class="toc-drawer'), '<aside aria-label="On this page" class="toc-drawer'),
    # The corner of a table is no heading of anything.
    (re.compile(r'<th class="head([^>]*)></th>'), r'<td class="head\1></td>'),
    (re.compile(r'<th class="head([^>]*)><p></p></th>'), r'<td class="head\1></td>'),
    # A page without a title.
    (re.compile(r'<div id="search-results">'), '<h1>Search</h1>\n<div id="search-results">'),
)


def mend(out: Path) -> None:
    for file in out.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        made = text
        for found, put in REPLACED:
            made = found.sub(put, made)
        if made != text:
            file.write_text(made, encoding="utf-8")
