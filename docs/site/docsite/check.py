"""``python -m docsite.check``: what can be said of the pages without laying them out, in a second, with Python alone.

Every page is on the site or left out on purpose, every link between pages leads to a file and a heading, and every
program and section that a page shows is there.
"""

import sys
from pathlib import Path

from . import pages
from .pages import MistakeError
from .render import Renderer


def main() -> int:
    mistakes = []
    try:
        site = pages.load(Path(__file__).parents[3])
    except MistakeError as mistake:
        sys.exit(f"docs: {mistake}")
    for page in site.pages.values():
        try:
            Renderer(site, "").page(page)
        except (MistakeError, ValueError) as mistake:
            mistakes.append(f"docs: {page.path}: {mistake}")
    print(*mistakes, sep="\n", file=sys.stderr, end="\n" if mistakes else "")
    return min(len(mistakes), 1)


if __name__ == "__main__":
    sys.exit(main())
