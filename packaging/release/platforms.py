"""The platforms that a release is for, and which of them are in dist/."""

import re
from pathlib import Path

from .archives import Artefact
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
"""By npm's name: the tag of the wheels, and the folder in the jar."""


def missing(dist: Path, version: str) -> list[str]:
    """Returns what a release hands out and is not there."""
    names = [path.name for path in dist.iterdir()]
    jar = dist / f"secondme-avatar-{version}.jar"
    inside = Artefact(jar).files if jar.is_file() else {}
    python, lacking = for_python(version), []
    for platform, (tag, folder) in PLATFORMS.items():
        for project in ("secondme_avatar", "secondme_avatar_emulator"):
            if not any(re.match(rf"{project}-{re.escape(python)}-.+[-.]{tag}[.]", name) for name in names):
                lacking.append(f"the wheel of {project} for {platform}")
        for part in ("node", "emulator"):
            if f"secondme-avatar-{part}-{platform}-{version}.tgz" not in names:
                lacking.append(f"npm's package of {part} for {platform}")
        if folder and not any(name.startswith(f"{folder}/") for name in inside):
            lacking.append(f"the library for {folder} in the jar")
    if f"SecondMeAvatarFFI-{version}.xcframework.zip" not in names:
        lacking.append("the XCFramework")
    return lacking


def check(dist: Path, version: str, report: Report) -> None:
    """Adds which platforms are there, where there is something of one."""
    if not dist.is_dir() or not any(dist.iterdir()):
        return
    lacking = missing(dist, version)
    if not lacking:
        report.checked.append(f"{len(PLATFORMS)} platforms: wheels, npm packages, the jar's libraries, the XCFramework")
    elif report.everything:
        report.unchecked += [f"platforms: {what} is not there" for what in lacking]
    else:
        report.unchecked.append(
            f"platforms: {len(lacking)} packages of a release are not there (with TAG they are named)"
        )
