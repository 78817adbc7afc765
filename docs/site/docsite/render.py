"""A page of the repository, as Sphinx reads it, and as programs for models do.

Two marks, which a code host does not show, are filled in:

- ``<!-- tabs -->`` … ``<!-- /tabs -->`` around a list of links to programs, or to pages of which the first block of
  code in the language is meant: the programs themselves, a tab for each language.
- ``<!-- sections -->`` … ``<!-- /sections -->`` around a list of links to headings of other pages: what stands there.

``<!-- references -->`` is where the table of the API references stands.
"""

import posixpath
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from . import markdown
from .markdown import Part
from .pages import MistakeError, Page, Site

MARK = re.compile(r"^<!-- (tabs|sections) -->\n(.*?)^<!-- /\1 -->$", re.DOTALL | re.MULTILINE)
# A picture with another one for dark pages.
PICTURE = re.compile(
    r"^<picture>\n *<source media=\"\(prefers-color-scheme: dark\)\" srcset=\"(?P<dark>[^\"]+)\">\n"
    r" *<img alt=\"(?P<alt>[^\"]+)\" src=\"(?P<light>[^\"]+)\">\n</picture>$",
    re.MULTILINE,
)
REFERENCES = "<!-- references -->"
ENTRY = re.compile(r"^[-*] \[(?P<label>[^\]]+)\]\((?P<target>[^)\s]+)(?: \"(?P<language>\w+)\")?\)", re.MULTILINE)
# What languages are called behind a fence, and by their files' endings.
FENCES = {"Rust": "rust", "Python": "python", "Node": "js", "Kotlin": "kotlin", "Java": "java", "Swift": "swift"}
# What Pygments calls what it does not know by the name on our pages.
LEXERS = {"mjs": "js", "cjs": "js", "jsx": "jsx", "kts": "kotlin", "svg": "xml", "lock": "text", "jsonl": "json"}
IMAGES = (".png", ".svg", ".jpg")


@dataclass
class Renderer:
    """Renders pages, and gathers what they need beside themselves."""

    site: Site
    references: str
    """The table of the API references."""
    is_for_models: bool = False
    sources: set[str] = field(default_factory=set)
    """Files and folders of the repository that pages lead to, and that are no pages."""
    images: set[str] = field(default_factory=set)
    headings: dict[str, set[str]] = field(default_factory=dict)
    """The anchors of the pages that links lead to."""
    external: dict[str, set[str]] = field(default_factory=dict)
    """Addresses elsewhere, and the pages that have them."""

    def page(self, page: Page) -> str:
        """The whole page."""
        text = self.site.read(page.path)
        made, at = [], 0
        for mark in MARK.finditer(text):
            made.append(self.converted(text[at : mark.start()], page.path, page))
            made.append(self.tabs(mark[2], page) if mark[1] == "tabs" else self.included(mark[2], page))
            at = mark.end()
        made.append(self.converted(text[at:], page.path, page))
        whole = "\n".join(made).replace(REFERENCES, self.references)
        # Several packages are called as the project is: the page of each is of its language.
        return re.sub(
            rf"\A# {self.site.title}$", f"# {page.label or self.site.title}", whole, count=1, flags=re.MULTILINE
        )

    def converted(self, text: str, of: str, page: Page) -> str:
        """Text of one page for another (or the same): its links lead where they led."""
        return "\n".join(
            self.code(part)
            if part.is_code
            else self.pictures(
                markdown.with_links(part.text, lambda target, is_image: self.link(target, is_image, of, page)), of, page
            )
            for part in markdown.parts(text)
        )

    def pictures(self, prose: str, of: str, page: Page) -> str:
        """The prose with pictures that follow the page's light and dark."""

        def shown(picture: re.Match[str]) -> str:
            alt = picture["alt"]
            light, dark = (self.link(picture[theme], True, of, page) for theme in ("light", "dark"))
            if self.is_for_models:
                return f"![{alt}]({light})"
            return "\n\n".join(
                f"```{{image}} {path}\n:alt: {alt}\n:class: only-{theme}\n```"
                for path, theme in ((light, "light"), (dark, "dark"))
            )

        made = PICTURE.sub(shown, prose)
        if "<picture" in made:
            raise MistakeError(f"{of} has a picture that is not written as docsite reads it (render.py)")
        return made

    def code(self, part: Part) -> str:
        text = part.text
        if part.language == "rust":
            # What rustdoc hides.
            lines = [line for line in text.splitlines() if not re.match(r"^ *# |^ *#$", line)]
            text = "\n".join(lines).strip("\n")
        return markdown.fenced(Part(text, True, part.info, part.indent), part.language)

    def link(self, target: str, is_image: bool, of: str, page: Page) -> str:
        """Where the link of a page leads, seen from a page of the site."""
        if re.match(r"^[a-z][a-z0-9+.-]*:", target):
            if not is_image:
                self.external.setdefault(target, set()).add(of)
            return target
        path, _, heading = target.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(of), unquote(path))) if path else of
        if heading and path in self.site.pages and heading not in self.anchors(path):
            raise MistakeError(f"{of} leads to {path}#{heading}, and there is no such heading")
        to, behind = self.destination(path, of, is_image), f"#{heading}" if heading else ""
        if path == page.path and not is_image:
            return behind or self.seen_from(page, to)
        return self.seen_from(page, to) + behind

    def anchors(self, path: str) -> set[str]:
        if path not in self.headings:
            text = self.site.read(path)
            # What is included brings its headings along.
            shown = [
                entry["label"]
                for mark in MARK.finditer(text)
                if mark[1] == "sections"
                for entry in ENTRY.finditer(mark[2])
            ]
            self.headings[path] = markdown.anchors(text) | {markdown.anchor(label) for label in shown}
        return self.headings[path]

    def destination(self, path: str, of: str, is_image: bool) -> str:
        pages, tracked = self.site.pages, self.site.tracked
        for candidate in (path, f"{path}/README.md", "README.md" if path == "." else ""):
            if candidate in pages:
                return f"{pages[candidate].name}.{'html.md' if self.is_for_models else 'md'}"
        if path not in tracked and not self.site.is_folder(path):
            raise MistakeError(f"{of} leads to {path}, which is not there")
        if is_image or path.endswith(IMAGES):
            self.images.add(path)
            return f"images/{path}"
        self.sources.add(path)
        if self.is_for_models:
            return f"source/{path}" if path in tracked else f"source/{path}/index.html"
        return f"source/{path}.md" if path in tracked else f"source/{path}/index.md"

    def seen_from(self, page: Page, to: str) -> str:
        return posixpath.relpath(to, posixpath.dirname(page.name) or ".")

    def tabs(self, entries: str, page: Page) -> str:
        """The programs that a list leads to, a tab for each."""
        made = []
        for entry in ENTRY.finditer(entries):
            label, target = entry["label"], entry["target"]
            path, _, heading = target.partition("#")
            path = posixpath.normpath(posixpath.join(posixpath.dirname(page.path), path))
            block = self.program(path, heading, entry["language"] or FENCES.get(label, ""), page)
            where = f"From [`{path}`]({self.link(target, False, page.path, page)})."
            shown = markdown.fenced(block, block.info)
            if self.is_for_models:
                made.append(f"{label}:\n\n{shown}\n")
            else:
                made.append(f"````````{{tab-item}} {label}\n:sync: {label.lower()}\n\n{shown}\n\n{where}\n````````\n")
        if not made:
            raise MistakeError(f"{page.path} has tabs without an entry")
        inner = "\n".join(made)
        return inner if self.is_for_models else f"`````````{{tab-set}}\n{inner}`````````\n"

    def program(self, path: str, heading: str, language: str, page: Page) -> Part:
        """A file, or the first block of code of its language below a heading of a page."""
        if path not in self.site.tracked:
            raise MistakeError(f"{page.path} shows {path}, which is not there")
        text = self.site.read(path)
        if not path.endswith(".md"):
            # What quiets a linter of this repository is of no use to a reader.
            lines = [line for line in text.splitlines() if not line.startswith("#![allow(clippy::")]
            return Part("\n".join(lines).strip("\n"), True, lexer(path))
        try:
            below = markdown.section(text, heading)
        except ValueError as error:
            raise MistakeError(f"{page.path} shows {path}: {error}") from error
        for part in markdown.parts(below):
            if part.is_code and part.language == language:
                shown = self.code(Part(part.text, True, part.info))
                return next(part for part in markdown.parts(shown) if part.is_code)
        raise MistakeError(f"{page.path} shows {path}#{heading}, which has no block of {language}")

    def included(self, entries: str, page: Page) -> str:
        """What stands below the headings that a list leads to."""
        made = []
        for entry in ENTRY.finditer(entries):
            path, _, heading = entry["target"].partition("#")
            path = posixpath.normpath(posixpath.join(posixpath.dirname(page.path), path))
            try:
                text = markdown.section(self.site.read(path), heading)
            except (OSError, ValueError) as error:
                raise MistakeError(f"{page.path} shows {path}#{heading}: {error}") from error
            where = self.link(entry["target"], False, page.path, page)
            made.append(f"## {entry['label']}\n\n{self.converted(text, path, page)}\n\nFrom [`{path}`]({where}).\n")
        return "\n".join(made)


def lexer(path: str) -> str:
    """The language of a file."""
    ending = posixpath.splitext(path)[1].removeprefix(".")
    known = {
        "rs": "rust",
        "py": "python",
        "swift": "swift",
        "kt": "kotlin",
        "java": "java",
        "sh": "bash",
        "yml": "yaml",
    }
    return known.get(ending) or LEXERS.get(ending, ending)
