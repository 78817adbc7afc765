"""Headings keep the anchors that a code host gives them, so that a link to one is good in both places."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def keep(_app: Sphinx, doctree: nodes.document) -> None:
    for section in doctree.findall(nodes.section):
        slug = section.get("slug")
        if slug and slug not in section["ids"]:
            section["ids"].insert(0, slug)


def setup(app: Sphinx) -> dict[str, Any]:
    # Before Sphinx takes note of where the headings are (500).
    app.connect("doctree-read", keep, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
