"""What the pages promise, beside what the packages' metadata says."""

import json
import re
from pathlib import Path

from .metadata import toml
from .tree import workspace


def number(value: str) -> str:
    """Returns the number of `>=3.10`, and the like."""
    return re.sub(r"^[^\d]*", "", value)


def promises(root: Path) -> list[tuple[str, str, str, str]]:
    """Returns what to look for: a page, an expression, what its group has to be, and the file that decides."""
    rust = workspace(root)["package"]["rust-version"]
    cli = toml(root / "cli/Cargo.toml")["package"]["rust-version"]
    python = number(toml(root / "python/pyproject.toml")["project"]["requires-python"])
    node = number(json.loads((root / "node/package.json").read_text(encoding="utf-8"))["engines"]["node"])
    pom = (root / "bindings/kotlin/pom.xml").read_text(encoding="utf-8")
    jdk = (re.search(r"<kotlin.compiler.jvmTarget>(\d+)<", pom) or ["", ""])[1]
    swift = (root / "bindings/swift/Package.swift").read_text(encoding="utf-8")
    macos, ios = ((re.search(rf"\.{system}\(\.v(\d+)\)", swift) or ["", ""])[1] for system in ("macOS", "iOS"))
    licence = workspace(root)["package"]["license"]
    return [
        ("CONTRIBUTING.md", r"library and the emulator need Rust ([\d.]*\d)", rust, "Cargo.toml"),
        ("CONTRIBUTING.md", r"command line needs ([\d.]*\d)", cli, "cli/Cargo.toml"),
        ("README.md", r"needs Rust ([\d.]*\d) or newer", cli, "cli/Cargo.toml"),
        ("README.md", r"CPython ([\d.]*\d) or newer", python, "python/pyproject.toml"),
        ("python/README.md", r"CPython ([\d.]*\d) or newer", python, "python/pyproject.toml"),
        ("README.md", r"Node (\d+) or newer", node, "node/package.json"),
        ("node/README.md", r"Node (\d+) or newer", node, "node/package.json"),
        ("bindings/kotlin/README.md", r"JDK (\d+) or newer", jdk, "bindings/kotlin/pom.xml"),
        ("bindings/swift/README.md", r"iOS (\d+), macOS \d+", ios, "bindings/swift/Package.swift"),
        ("bindings/swift/README.md", r"iOS \d+, macOS (\d+)", macos, "bindings/swift/Package.swift"),
        ("README.md", r"(MIT or Apache-2\.0), as you like", licence.replace(" OR ", " or "), "Cargo.toml"),
    ]


def check(root: Path) -> tuple[int, list[str]]:
    """Returns how many promises were looked at, and those that the metadata does not keep."""
    problems, looked_at = [], promises(root)
    for page, expression, wanted, source in looked_at:
        said = re.findall(expression, (root / page).read_text(encoding="utf-8"))
        problems += [f"{page}: it says {one}, and {source} says {wanted}" for one in said if one != wanted]
        if not said:
            problems.append(f"{page}: it no longer says what {source} says, {wanted}: nothing matches {expression}")
    return len(looked_at), problems
