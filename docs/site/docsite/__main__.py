"""``python -m docsite --out FOLDER --api FOLDER --work FOLDER [--url URL]``"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from . import links, llms, mended, pages, references, sources
from .pages import MistakeError, Site
from .render import Renderer

ROOT = Path(__file__).parents[3]
HERE = ROOT / "docs" / "site"


def main() -> int:
    options = argparse.ArgumentParser(prog="docsite")
    options.add_argument("--out", type=Path, required=True, help="where the site is written")
    options.add_argument("--api", type=Path, required=True, help="where the API references are")
    options.add_argument("--work", type=Path, required=True, help="a folder for what is between")
    options.add_argument("--url", default="", help="the site's address, with a slash at its end")
    given = options.parse_args()
    out, work = given.out.resolve(), given.work.resolve()
    try:
        site = pages.load(ROOT)
        renderer = stage(site, given.api, work / "pages")
        fresh = work / "site"
        shutil.rmtree(fresh, ignore_errors=True)
        built = subprocess.run(
            [sys.executable, "-m", "sphinx", "--jobs", "auto", "--fail-on-warning", "--keep-going", "--quiet",
             "--conf-dir", str(HERE), "--doctree-dir", str(work / "doctrees"), str(work / "pages"), str(fresh)],
            check=False,
        )  # fmt: skip
        if built.returncode:
            return built.returncode
        mended.mend(fresh)
        beside(site, renderer, given.api, fresh, given.url)
        wrong, external, looked_at = links.broken(fresh)
    except MistakeError as mistake:
        sys.exit(f"docs: {mistake}")
    (work / "external-links.txt").write_text("\n".join(sorted(external)) + "\n", encoding="utf-8")
    if wrong:
        print("links that lead nowhere:", *wrong, sep="\n", file=sys.stderr)
        return 1
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(fresh, out)
    there = ", ".join(one.language for one in references.built(given.api)) or "none"
    print(f"{given.out}: {len(site.pages)} pages, {looked_at} links that lead somewhere, references: {there}")
    print(f"{work / 'external-links.txt'}: {len(external)} addresses elsewhere, not asked for")
    return 0


def stage(site: Site, api: Path, to: Path) -> Renderer:
    """Writes what Sphinx reads. Files that are as they were keep their times, so that Sphinx passes them over."""
    renderer = Renderer(site, references.table(api))
    texts = {f"{page.name}.md": renderer.page(page) for page in site.pages.values()}
    texts["index.md"] += "".join(
        "\n\n".join(["", f"```{{toctree}}\n:hidden:\n:caption: {section.caption}\n", ""]).rstrip("\n")
        + "\n"
        + "\n".join(entry(page.label, page.name) for page in section.pages if page.name != "index")
        + "\n```\n"
        for section in site.sections
    )
    texts |= {f"{name}.md": text for name, text in sources.pages(site, renderer.sources).items()}
    for name, text in texts.items():
        place = to / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.is_file() or place.read_text(encoding="utf-8") != text:
            place.write_text(text, encoding="utf-8")
    for image in renderer.images:
        (to / "images" / image).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(site.root / image, to / "images" / image)
    kept = {to / name for name in texts} | {to / "images" / image for image in renderer.images}
    for file in [file for file in to.rglob("*") if file.is_file()]:
        if file not in kept:
            file.unlink()
    renderer.sources = {name.removeprefix("source/") for name in texts if name.startswith("source/")}
    return renderer


def entry(label: str | None, name: str) -> str:
    return f"{label} <{name}>" if label else name


def beside(site: Site, renderer: Renderer, api: Path, out: Path, url: str) -> None:
    """What is not Sphinx's: the references, the files as they are, and the pages for models."""
    for one in references.built(api):
        shutil.copytree(api / one.folder, out / "api" / one.folder)
        mended.alone(out / "api" / one.folder)
    for name in renderer.sources:
        path = name.removesuffix(".md")
        if path in site.tracked and not path.endswith(sources.NOT_AS_IT_IS):
            shutil.copy2(site.root / path, out / "source" / path)
    for image in renderer.images:
        (out / "images" / image).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(site.root / image, out / "images" / image)
    models = Renderer(site, renderer.references.replace("](raw:", "]("), is_for_models=True)
    (out / ".nojekyll").touch()
    llms.write(site, {page: models.page(page) for page in site.pages.values()}, out, url)


if __name__ == "__main__":
    sys.exit(main())
