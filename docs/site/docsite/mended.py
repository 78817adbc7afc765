"""What Sphinx's theme and the tools of the references leave to be desired, put right in what they have written."""

import re
from pathlib import Path

# For those who do not see the page.
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

# Dokka's pages take a script from unpkg.com, and their fonts from JetBrains.
ELSEWHERE = (
    re.compile(r'<script[^>]*\ssrc="https?://[^>]*></script>'),
    re.compile(r"@font-face\s*\{[^}]*https?://[^}]*\}"),
)
IMPORT = re.compile(r"@import (?:url\()?['\"]([^'\"]+)['\"]\)?;")


def mend(out: Path) -> None:
    for file in out.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        made = text
        for found, put in REPLACED:
            made = found.sub(put, made)
        if made != text:
            file.write_text(made, encoding="utf-8")


def alone(reference: Path) -> None:
    """A reader's browser asks no other server for a reference, and none for what is not there: Debian's javadoc has no
    fonts."""
    for file in [file for file in reference.rglob("*") if file.suffix in (".html", ".css")]:
        text = file.read_text(encoding="utf-8")
        made = text
        for elsewhere in ELSEWHERE:
            made = elsewhere.sub("", made)
        for found in IMPORT.finditer(made) if file.suffix == ".css" else ():
            if not (file.parent / found[1]).is_file():
                made = made.replace(found[0], "")
        if made != text:
            file.write_text(made, encoding="utf-8")
