"""The files of a source tree."""

import os
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

BUILT = {".git", ".tools", "target", "node_modules", "dist", ".build", "build"}


def files(root: Path) -> list[str]:
    """Returns the paths of all files that belong to the sources: those that git knows or would take."""
    if (root / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.split("\0")
        return sorted({name for name in names if name and (root / name).is_file()})
    return sorted(walked(root))


def walked(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in BUILT]
        for name in names:
            yield (Path(folder) / name).relative_to(root).as_posix()


def workspace(root: Path) -> dict:
    return tomllib.loads((root / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]


def crates(root: Path) -> dict[str, dict]:
    """Returns the manifests of the workspace's crates, by their paths."""
    paths = [f"{member}/Cargo.toml" for member in workspace(root)["members"]]
    return {path: tomllib.loads((root / path).read_text(encoding="utf-8")) for path in paths}


def published(root: Path) -> dict[str, dict]:
    """Returns the manifests of the crates that are handed out on crates.io."""
    return {path: one for path, one in crates(root).items() if one["package"].get("publish", True)}
