"""The files of the repository that pages lead to, as pages: there is no code host to lead to yet."""

import posixpath

from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from . import markdown
from .markdown import Part
from .pages import Site
from .render import lexer

# A browser would show these as pages of the site.
NOT_AS_IT_IS = (".html", ".htm")
HEAD = "---\norphan: true\nnosearch: true\n---\n\n"


def pages(site: Site, wanted: set[str]) -> dict[str, str]:
    """Their texts, by their names on the site; those of folders lead to what is in them."""
    made: dict[str, str] = {}
    waiting = sorted(wanted)
    while waiting:
        path = waiting.pop()
        name = f"source/{path}" if path in site.tracked else f"source/{path}/index"
        if name in made:
            continue
        if path in site.tracked:
            made[name] = of_file(site, path)
        else:
            made[name], inside = of_folder(site, path)
            waiting += inside
    return made


def of_file(site: Site, path: str) -> str:
    base = posixpath.basename(path)
    try:
        text = site.read(path)
    except UnicodeDecodeError:
        return f"{HEAD}# {base}\n\n`{path}` is not text: [the file as it is](raw:{base}).\n"
    language = lexer(path)
    try:
        get_lexer_by_name(language)
    except ClassNotFound:
        language = "bash" if text.startswith("#!") else "text"
    block = markdown.fenced(Part(text.rstrip("\n"), True), language)
    raw = "" if path.endswith(NOT_AS_IT_IS) else f", [the file as it is](raw:{base})"
    return f"{HEAD}# {base}\n\n`{path}`{raw}\n\n{block}\n"


def of_folder(site: Site, path: str) -> tuple[str, list[str]]:
    """A list of what is in a folder, and what of it needs a page."""
    inside = sorted({file[len(path) + 1 :].split("/")[0] for file in site.tracked if file.startswith(f"{path}/")})
    lines, needed = [], []
    for name in inside:
        below = f"{path}/{name}"
        if below in site.pages or f"{below}/README.md" in site.pages:
            page = site.pages.get(below) or site.pages[f"{below}/README.md"]
            lines.append(f"- [{name}]({posixpath.relpath(page.name, f'source/{path}')}.md)")
        elif below in site.tracked:
            lines.append(f"- [{name}]({name}.md)")
            needed.append(below)
        else:
            lines.append(f"- [{name}/]({name}/index.md)")
            needed.append(below)
    return f"{HEAD}# {path}\n\n" + "\n".join(lines) + "\n", needed
