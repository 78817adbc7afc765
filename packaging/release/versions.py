"""The one version: it stands in Cargo.toml, and every other place is written from it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path

from .tree import files, workspace

SHAPE = r"\d+\.\d+\.\d+(?:-(?:alpha|beta|rc)\.\d+)?"
"""What may be a version. Other endings are written differently by crates.io, npm, PyPI and Maven."""
OURS = r"secondme-(?:avatar|chat-adapter)[a-z-]*"


def for_python(version: str) -> str:
    """Returns the version as PyPI writes it: 0.2.0-rc.1 is 0.2.0rc1 there."""
    release, _, rest = version.partition("-")
    kind, _, number = rest.partition(".")
    return release + {"alpha": "a", "beta": "b"}.get(kind, kind) + number


@dataclass(frozen=True)
class Pattern:
    """Where a version stands: in the files that match, as the group of the expression."""

    files: tuple[str, ...]
    expression: str
    python: bool = False

    def of(self, version: str) -> str:
        return for_python(version) if self.python else version


def pattern(*names: str, before: str, after: str = "", python: bool = False) -> Pattern:
    shape = r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?" if python else SHAPE
    return Pattern(names, f"{before}({shape}){after}", python)


TEXTS = (
    "*.md",
    "*.xml",
    "*.kts",
    "*.kt",
    "*.swift",
    "*.py",
    "*.ts",
    "*.mjs",
    "*.mk",
    "*.yml",
    "*.toml",
    "*.rs",
    "*.html",
)
XML = rf"<groupId>me\.secondme</groupId>\s*<artifactId>{OURS}</artifactId>\s*<version>"
PATTERNS = [
    pattern("Cargo.toml", before=r'^\[workspace\.package\]\nversion = "', after='"'),
    pattern("Cargo.toml", before=rf'^{OURS} = \{{ path = "[^"]+", version = "', after='"'),
    # A package that has no source is of this repository. The fuzz targets have no version.
    pattern("*Cargo.lock", before=rf'^name = "(?!secondme-avatar-fuzz"){OURS}"\nversion = "', after=r'"\n(?!source)'),
    pattern("*package.json", before=rf'\A\{{\s*"name": "@?{OURS}",\s*"version": "', after='"'),
    pattern("*package-lock.json", before=rf'\A\{{\s*"name": "@?{OURS}",\s*"version": "', after='"'),
    pattern("*package-lock.json", before=rf'^    "": \{{\s*"name": "@?{OURS}",\s*"version": "', after='"'),
    pattern("*package.json", "*package-lock.json", before=rf'^ +"{OURS}": "', after='",?$'),
    pattern("*sbom.cdx.json", before=r'"name": "secondme-avatar[^"]*",\s*"version": "', after='"'),
    pattern("*pom.xml", *TEXTS, before=XML, after="</version>"),
    pattern(*TEXTS, before=rf"me\.secondme:{OURS}:"),
    pattern("*.gradle.kts", before=r'^version = "', after='"'),
    pattern("*.gradle.kts", before=r'\bversionName = "', after='"'),
    pattern(
        "*.kt",
        "*.swift",
        "*.ts",
        "*.java",
        before=r"""\b(?:VERSION|static let version)(?:: String)? = ["']""",
        after="[\"']",
    ),
    # The names of what is handed out.
    pattern(*TEXTS, "*check-jar", "*.sh", before=rf"{OURS}-"),
    pattern(*TEXTS, "*.sh", before="SecondMeAvatar(?:FFI)?-"),
    pattern(*TEXTS, before=r"secondme_avatar(?:_emulator)?-", python=True),
    pattern(*TEXTS, before=rf"{OURS}@"),
    pattern(*TEXTS, before=rf"{OURS}==", python=True),
    pattern("docs/survey.md", before=r'^survey = "', after='"'),
]
SOME = re.compile(r"\d\.\d+\.\d")
"""What stands in each file that says a version: most files say none, and are passed over."""
PAST = ("CHANGELOG.md", "changelog.d/*", "findings/*", "packaging/release/*", "packaging/tests/*")
"""What may name another version: it tells of the past, or makes mistakes to find."""
MUST_SAY = (
    "Cargo.toml",
    "Cargo.lock",
    "fuzz/Cargo.lock",
    "bindings/kotlin/pom.xml",
    "bindings/kotlin/avatar/src/main/kotlin/me/secondme/avatar/AvatarClient.kt",
    "bindings/kotlin/android/build.gradle.kts",
    "bindings/swift/Sources/SecondMeAvatar/AvatarClient.swift",
    "node/package.json",
    "node/package-lock.json",
    "node/emulator/package.json",
    "node/widget/package.json",
    "node/chat-adapter-feishu/package.json",
    "node/chat-adapter-dingtalk/package.json",
    "node/ts/version.ts",
    "python/sbom.cdx.json",
    "python/emulator/sbom.cdx.json",
    "packaging/notices/node/sbom.cdx.json",
    "packaging/notices/ffi/sbom.cdx.json",
)
"""The places that a program or a registry reads."""


@dataclass(frozen=True)
class Place:
    path: str
    line: int
    says: str
    wanted: str


def current(root: Path) -> str:
    return workspace(root)["package"]["version"]


def any_of(names: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(translate(name) for name in names))


OF_THE_PAST = any_of(PAST)
BY_ENDING = [
    (any_of(names), [one for one in PATTERNS if one.files == names]) for names in {one.files for one in PATTERNS}
]


def matching(path: str) -> list[Pattern]:
    found = [] if OF_THE_PAST.match(path) else [these for names, these in BY_ENDING if names.match(path)]
    return [one for these in found for one in these]


def texts(root: Path) -> Iterator[tuple[str, str, list[Pattern]]]:
    for path in files(root):
        # What a link leads to is looked at where it lies.
        if not (patterns := matching(path)) or (root / path).is_symlink():
            continue
        text = (root / path).read_text(encoding="utf-8")
        if SOME.search(text):
            yield path, text, patterns


def places(root: Path, version: str) -> list[Place]:
    """Returns each place that says a version of ours, and what it should say."""
    return [
        Place(path, text.count("\n", 0, found.start(1)) + 1, found[1], one.of(version))
        for path, text, patterns in texts(root)
        for one in patterns
        for found in re.finditer(one.expression, text, re.MULTILINE)
    ]


def check(root: Path) -> tuple[int, list[str]]:
    """Returns in how many places the version stands, and those that say another, or none."""
    version = current(root)
    found = places(root, version)
    problems = [
        f"{one.path}:{one.line}: it says version {one.says}, and Cargo.toml says {version}"
        for one in found
        if one.says != one.wanted
    ]
    silent = set(MUST_SAY) - {one.path for one in found}
    return len(found), problems + [f"{path}: it does not say the version any more" for path in sorted(silent)]


def write(root: Path, version: str) -> list[str]:
    """Writes the version into every place. Returns the paths of the files that changed."""
    if not re.fullmatch(SHAPE, version):
        raise ValueError(
            f"{version} is not a version: three numbers, and for a version before a release -alpha.N, -beta.N or -rc.N"
        )
    changed = []
    for path, text, patterns in texts(root):
        new = text
        for one in patterns:
            wanted = one.of(version)
            new = re.sub(one.expression, lambda found, wanted=wanted: in_place(found, wanted), new, flags=re.MULTILINE)
        if new != text:
            (root / path).write_text(new, encoding="utf-8")
            changed.append(path)
    return changed


def in_place(found: re.Match[str], wanted: str) -> str:
    start, end = found.start(1) - found.start(), found.end(1) - found.start()
    return found[0][:start] + wanted + found[0][end:]
