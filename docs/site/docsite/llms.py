"""The pages for programs that read them with a model.

``llms.txt`` is as https://llmstxt.org has it, ``llms-full.txt`` has all pages, and each is Markdown beside its HTML.
"""

from pathlib import Path

from . import markdown
from .pages import Page, Site


def write(site: Site, texts: dict[Page, str], out: Path, url: str) -> None:
    """Puts them beside the site; ``url`` is the site's address, or empty: then links are relative."""
    lines = [f"# {site.title}", "", f"> {site.summary}", ""]
    whole = [f"# {site.title}", "", site.summary, ""]
    for section in site.sections:
        lines += [f"## {section.caption}", ""]
        for page in section.pages:
            text = texts[page]
            place = out / f"{page.name}.html.md"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
            about = markdown.summary(text)
            lines.append(
                f"- [{page.label or markdown.title(text)}]({url}{page.name}.html.md)" + (f": {about}" if about else "")
            )
            whole += ["", f"<!-- {page.path} -->", "", text.strip(), ""]
        lines.append("")
    (out / "llms.txt").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    (out / "llms-full.txt").write_text("\n".join(whole), encoding="utf-8")
