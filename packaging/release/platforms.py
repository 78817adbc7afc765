"""What a release hands out, for which platforms, and which of it is in dist/."""

import json
import re
from pathlib import Path

from . import maven
from .archives import Artefact
from .metadata import NPM
from .report import Report
from .versions import for_python

PLATFORMS = {
    "linux-x64-gnu": (r"manylinux_2_17_x86_64", "linux-x86-64"),
    "linux-arm64-gnu": (r"manylinux_2_17_aarch64", "linux-aarch64"),
    # A jar has one folder for both of Linux's C libraries.
    "linux-x64-musl": (r"musllinux_1_2_x86_64", None),
    "linux-arm64-musl": (r"musllinux_1_2_aarch64", None),
    "darwin-x64": (r"macosx_\d+_\d+_x86_64", "darwin-x86-64"),
    "darwin-arm64": (r"macosx_\d+_\d+_arm64", "darwin-aarch64"),
    "win32-x64-msvc": (r"win_amd64", "win32-x86-64"),
    "win32-arm64-msvc": (r"win_arm64", "win32-aarch64"),
}
"""By npm's name: the tag of the wheels, and the folder in the jars."""
JARS = {"secondme-avatar": "", "secondme-avatar-testing": "me/secondme/avatar/testing/natives/"}
"""Those with something compiled in them, and where in them the platforms' folders are."""


def for_all(root: Path, version: str) -> list[str]:
    """Returns the files that are for every platform: npm's packages that users ask for, Maven's, the XCFramework."""
    packages = [json.loads((root / path).read_text(encoding="utf-8"))["name"] for path in NPM]
    tarballs = [f"{name}-{version}.tgz" for name in packages]
    return [*tarballs, *maven.artefacts(root, version), f"SecondMeAvatarFFI-{version}.xcframework.zip"]


def missing(root: Path, dist: Path, version: str) -> list[str]:
    """Returns what a release hands out and is not there."""
    names = [path.name for path in dist.iterdir()]
    jars = {name: dist / f"{name}-{version}.jar" for name in JARS}
    inside = {name: list(Artefact(jar).files) if jar.is_file() else [] for name, jar in jars.items()}
    python, lacking = for_python(version), [name for name in for_all(root, version) if name not in names]
    for platform, (tag, folder) in PLATFORMS.items():
        for project in ("secondme_avatar", "secondme_avatar_emulator"):
            if not any(re.match(rf"{project}-{re.escape(python)}-.+[-.]{tag}[.]", name) for name in names):
                lacking.append(f"the wheel of {project} for {platform}")
        for part in ("node", "emulator"):
            if f"secondme-avatar-{part}-{platform}-{version}.tgz" not in names:
                lacking.append(f"npm's package of {part} for {platform}")
        for name, prefix in JARS.items():
            if folder and not any(one.startswith(f"{prefix}{folder}/") for one in inside[name]):
                lacking.append(f"{prefix}{folder}/ in {jars[name].name}")
    return lacking


def check(root: Path, dist: Path, version: str, report: Report) -> None:
    """Adds what of a release is there, where there is something of it."""
    if not dist.is_dir() or not any(dist.iterdir()):
        return
    lacking = missing(root, dist, version)
    if not lacking:
        whole = f"{len(PLATFORMS)} platforms: wheels, npm packages, what is in the jars"
        report.checked.append(f"{whole}; {len(for_all(root, version))} files for all of them")
    elif report.everything:
        report.unchecked += [f"platforms: {what} is not there" for what in lacking]
    else:
        report.unchecked.append(
            f"platforms: {len(lacking)} packages of a release are not there (with TAG they are named)"
        )
