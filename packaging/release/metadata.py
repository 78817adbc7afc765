"""What the packages say of themselves, in the sources: the same everywhere, and all that a registry asks for."""

import json
import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

from .tree import crates, published, workspace

POM = "{http://maven.apache.org/POM/4.0.0}"
PARENT = "bindings/kotlin/pom.xml"
BOM = "bindings/kotlin/bom/pom.xml"
"""Names all that is handed out for Maven."""
LICENCES = ("LICENSE-APACHE", "LICENSE-MIT")
WHEELS = ("python/pyproject.toml", "python/emulator/pyproject.toml")
PLAIN = tuple(f"node/{name}/package.json" for name in ("chat-adapter-feishu", "chat-adapter-dingtalk", "widget"))
"""npm packages without anything compiled."""
NPM = ("node/package.json", "node/emulator/package.json", *PLAIN)


def toml(path: Path) -> dict:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def text(root: Path, path: str) -> str:
    return (root / path).read_text(encoding="utf-8")


def wanted(root: Path) -> dict[str, str | None]:
    """Returns what all packages have to say. An address that is not set may stand in no package."""
    shared = workspace(root)["package"]
    return {
        "version": shared["version"],
        "licence": shared["license"],
        "homepage": shared.get("homepage"),
        "repository": shared.get("repository"),
        "issues": workspace(root).get("metadata", {}).get("issues"),
    }


def crate(package: dict, shared: dict) -> dict:
    # crates.io has no place for the issues.
    names = {"version": "version", "licence": "license", "homepage": "homepage", "repository": "repository"}
    said = {ours: package.get(theirs) for ours, theirs in names.items()}
    return {ours: shared.get(names[ours]) if value == {"workspace": True} else value for ours, value in said.items()}


def wheel(project: dict) -> dict:
    urls = project.get("urls", {})
    # The version comes from Cargo.toml: `dynamic`.
    return {
        "licence": project.get("license"),
        "homepage": urls.get("Homepage"),
        "repository": urls.get("Repository"),
        "issues": urls.get("Issues"),
    }


def address(value: str | dict | None) -> str | None:
    """Returns the address in one of npm's two forms: a text, or an object with the folder beside it."""
    url = value.get("url") if isinstance(value, dict) else value
    return url and re.sub(r"^git\+|\.git$", "", url)


def npm(package: dict) -> dict:
    return {
        "version": package.get("version"),
        "licence": package.get("license"),
        "homepage": package.get("homepage"),
        "repository": address(package.get("repository")),
        "issues": address(package.get("bugs")),
    }


def pom(project: ElementTree.Element) -> dict:
    def of(*path: str) -> str | None:
        return project.findtext("/".join(POM + name for name in path))

    return {
        "version": of("version"),
        "licence": " OR ".join(one.text or "" for one in project.iterfind(f"{POM}licenses/{POM}license/{POM}name")),
        "homepage": of("url"),
        "repository": of("scm", "url"),
        "issues": of("issueManagement", "url"),
    }


def said(root: Path) -> dict[str, dict]:
    shared = workspace(root)["package"]
    packages = {path: crate(one["package"], shared) for path, one in published(root).items()}
    packages |= {path: wheel(toml(root / path)["project"]) for path in WHEELS}
    packages |= {path: npm(json.loads(text(root, path))) for path in NPM}
    # The modules inherit from it.
    packages[PARENT] = pom(ElementTree.fromstring(text(root, PARENT)))
    return packages


def agree(root: Path) -> list[str]:
    problems, all_say = [], wanted(root)
    for path, what in said(root).items():
        for name, value in what.items():
            if value != all_say[name]:
                problems.append(f"{path}: its {name} is {value}, and Cargo.toml says {all_say[name]}")
    return problems


def licences(root: Path) -> tuple[int, list[str]]:
    """Returns how many packages take their licences from beside their manifest, and where these are not."""
    paths = [*published(root), *WHEELS, *PLAIN]
    problems = [
        f"{path}: there is no {licence} beside it that says what the repository's says, so none in the package"
        for path in paths
        for licence in LICENCES
        if not same((root / path).with_name(licence), root / licence)
    ]
    return len(paths), problems


def same(copy: Path, original: Path) -> bool:
    return copy.is_file() and copy.read_bytes() == original.read_bytes()


def lacking(said: dict, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if not said.get(name)]


def of_crates(root: Path) -> list[str]:
    problems, private = [], {one["package"]["name"] for one in crates(root).values()}
    private -= {one["package"]["name"] for one in published(root).values()}
    shared = workspace(root)
    for path, manifest in published(root).items():
        package = manifest["package"]
        for name in lacking(package, ("description", "license", "homepage", "keywords", "categories", "rust-version")):
            problems.append(f"{path}: it has no {name}, which crates.io shows")
        # A keyword or a category more is refused when it is too late.
        problems += [
            f"{path}: more than five {name}" for name in ("keywords", "categories") if len(package.get(name, [])) > 5
        ]
        readme = package.get("readme", "README.md")
        if not (root / path).parent.joinpath(readme).is_file():
            problems.append(f"{path}: there is no {readme}, which crates.io shows")
        for kind in ("dependencies", "dev-dependencies", "build-dependencies"):
            for name, value in manifest.get(kind, {}).items():
                # One with a version is looked for on crates.io, those of the tests too.
                inherits = isinstance(value, dict) and value.get("workspace")
                what = shared["dependencies"].get(name) if inherits else value
                has_version = isinstance(what, str) or "version" in (what or {})
                if name in private and has_version:
                    problems.append(f"{path}: {name}, of its {kind}, is not published, and has a version")
    return problems


def of_wheels(root: Path) -> list[str]:
    names = ("name", "description", "readme", "requires-python", "license", "license-files", "keywords", "classifiers")
    problems = []
    for path in WHEELS:
        project = toml(root / path)["project"]
        problems += [f"{path}: it has no {name}, which PyPI shows" for name in lacking(project, (*names, "urls"))]
        readme = project.get("readme", "README.md")
        if not (root / path).with_name(readme).is_file():
            problems.append(f"{path}: there is no {readme}, which PyPI shows")
    return problems


def of_npm(root: Path) -> list[str]:
    names = ("name", "description", "license", "homepage", "keywords", "files", "main", "types")
    problems = []
    for path in NPM:
        package = json.loads(text(root, path))
        problems += [
            f"{path}: it has no {name}, which npm or a type checker asks for" for name in lacking(package, names)
        ]
        if not (root / path).with_name("README.md").is_file():
            problems.append(f"{path}: there is no README.md, which npm shows")
        if package.get("private"):
            problems.append(f"{path}: it is private, so npm publishes it not")
    return problems


def of_pom(root: Path) -> list[str]:
    """What the parent gives all modules. The whole of it is looked for in the poms that are handed out (maven.py)."""
    project = ElementTree.fromstring(text(root, PARENT))
    paths = ("url", "licenses/license/name", "licenses/license/url", "developers/developer/name")
    problems = []
    for path in paths:
        if not project.findtext("/".join(POM + name for name in path.split("/"))):
            problems.append(f"{PARENT}: it has no {path}, which Maven Central asks for")
    return problems


def complete(root: Path) -> list[str]:
    """Returns what a registry asks for or shows, and a package does not say."""
    return of_crates(root) + of_wheels(root) + of_npm(root) + of_pom(root)


def addresses(root: Path) -> list[str]:
    """Returns what only the person who publishes can say."""
    undecided = []
    if not wanted(root)["repository"]:
        why = "npm's provenance, Maven Central's scm and the attestations name one"
        undecided.append(f"Cargo.toml: no `repository` under [workspace.package]: {why}")
    if not wanted(root)["issues"]:
        undecided.append("Cargo.toml: no `issues` under [workspace.metadata]")
    return undecided


def publish_order(root: Path) -> list[str]:
    """Returns the crates that are published, each after those that it and its tests depend on."""
    manifests = {one["package"]["name"]: one for one in published(root).values()}
    needs = {
        name: {
            other
            for kind in ("dependencies", "dev-dependencies", "build-dependencies")
            for other in manifest.get(kind, {})
            if other in manifests
        }
        for name, manifest in manifests.items()
    }
    ordered: list[str] = []
    while needs:
        ready = sorted(name for name, others in needs.items() if others <= set(ordered))
        if not ready:
            raise ValueError(f"these crates need each other: {', '.join(sorted(needs))}")
        ordered += ready
        needs = {name: others for name, others in needs.items() if name not in ready}
    return ordered
