"""What lies in dist/: each wheel, npm package, jar and archive is opened and looked into."""

import json
import re
import tarfile
import zipfile
from dataclasses import dataclass, field
from email.parser import Parser
from functools import cached_property
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

from .metadata import wanted
from .report import Report
from .versions import SHAPE, for_python

NONE, WITHOUT = "none", "without"
"""No compiled code in it; not even the licences have to be in it."""
KINDS = (
    (r"secondme_avatar-.+\.whl", "python"),
    (r"secondme_avatar_emulator-.+\.whl", "emulator"),
    (r"secondme-avatar-node-.+\.tgz", "node"),
    (r"secondme-avatar-emulator-[a-z].+\.tgz", "emulator"),
    (rf"secondme-(avatar|avatar-emulator|avatar-widget|chat-adapter-[a-z]+)-{SHAPE}\.tgz", NONE),
    (rf"secondme-avatar-{SHAPE}\.jar", "ffi"),
    (rf"secondme-avatar-[a-z0-9]+-{SHAPE}\.jar", NONE),
    (rf"secondme-avatar(-[a-z0-9]+)?-{SHAPE}-sources\.jar", NONE),
    (rf"secondme-avatar(-[a-z0-9]+)?-{SHAPE}-javadoc\.jar", WITHOUT),
    (r"SecondMeAvatar-.+\.tar\.gz", "ffi"),
    (r"SecondMeAvatarFFI-.+\.xcframework\.zip", "ffi"),
)
"""What is handed out, by its name, and the folder of its notices in `packaging/notices`."""
# They say something of the rest, or are looked into elsewhere (maven.py).
BESIDE = r"SHA256SUMS|.+\.pom|.+\.asc|secondme-avatar-.+-bundle\.zip|.+\.cdx\.json"
EMULATOR = re.compile(r"(^|/)secondme-avatar-emulator(\.exe)?$")


def script(path: Path) -> ModuleType:
    """Returns a command of this folder as a module."""
    loader = SourceFileLoader(path.name.replace("-", "_"), str(path))
    module = module_from_spec(spec_from_loader(loader.name, loader))  # type: ignore[arg-type]
    loader.exec_module(module)
    return module


@dataclass
class Artefact:
    path: Path
    notices: str = field(default=NONE)

    @cached_property
    def files(self) -> dict[str, bytes]:
        if tarfile.is_tarfile(self.path):
            with tarfile.open(self.path) as tar:
                found = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
                return {name: file.read() for name, file in found.items() if file}
        with zipfile.ZipFile(self.path) as archive:
            return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}

    def one(self, ending: str) -> str | None:
        found = [content for name, content in self.files.items() if name.endswith(ending)]
        return found[0].decode() if len(found) == 1 else None


def artefacts(dist: Path) -> tuple[list[Artefact], list[str]]:
    """Returns what is handed out, and the names of what is not known."""
    known, unknown = [], []
    for path in sorted(path for path in dist.glob("*") if path.is_file()):
        kinds = [notices for pattern, notices in KINDS if re.fullmatch(pattern, path.name)]
        if kinds:
            known.append(Artefact(path, kinds[0]))
        elif not re.fullmatch(BESIDE, path.name):
            unknown.append(path.name)
    return known, unknown


def of_wheel(artefact: Artefact, said: dict[str, str | None]) -> list[str]:
    text = artefact.one(".dist-info/METADATA")
    if text is None:
        return ["it has no METADATA"]
    metadata = Parser().parsestr(text)
    problems, version = [], for_python(str(said["version"]))
    name, number, *_ = artefact.path.name.split("-")
    if metadata["Version"] != version or number != version:
        problems.append(f"it is version {metadata['Version']}, named {number}, and Cargo.toml says {version}")
    if metadata["Name"].replace("-", "_") != name:
        problems.append(f"it is {metadata['Name']}, and its name says {name}")
    if metadata["License-Expression"] != said["licence"]:
        problems.append(f"its licence is {metadata['License-Expression']}, and Cargo.toml says {said['licence']}")
    return problems + [f"it has no {one}" for one in ("Summary", "Requires-Python", "Keywords") if not metadata[one]]


def of_npm(artefact: Artefact, said: dict[str, str | None], there: set[str]) -> list[str]:
    content = artefact.files.get("package/package.json")
    if content is None:
        return ["it has no package/package.json"]
    package, version = json.loads(content), said["version"]
    problems = []
    wanted_name = f"{package['name'].replace('@', '').replace('/', '-')}-{version}.tgz"
    if package["version"] != version or artefact.path.name != wanted_name:
        problems.append(f"it is {package['name']} {package['version']}, and Cargo.toml says {version}")
    if package.get("license") != said["licence"]:
        problems.append(f"its licence is {package.get('license')}, and Cargo.toml says {said['licence']}")
    needed = (
        package.get("dependencies", {}) | package.get("optionalDependencies", {}) | package.get("peerDependencies", {})
    )
    for name, range_ in needed.items():
        if not re.fullmatch(r"@secondme-avatar/.+|secondme-avatar(-.+)?", name):
            continue
        if range_ != version:
            problems.append(f"it asks for {name} {range_}, and Cargo.toml says {version}")
        tarball = f"{name.replace('@', '').replace('/', '-')}-{version}.tgz"
        # npm would take it from the owner of that name.
        if name in package.get("optionalDependencies", {}) and tarball not in there:
            problems.append(f"it asks for {name}, of which no {tarball} is there")
    for entry in ("main", "types"):
        if (path := package.get(entry)) and f"package/{path.removeprefix('./')}" not in artefact.files:
            problems.append(f"its {entry}, {path}, is not in it")
    return problems


def of_jar(artefact: Artefact, said: dict[str, str | None]) -> list[str]:
    version = said["version"]
    problems = [] if version and f"-{version}" in artefact.path.name else [f"it is not version {version}"]
    if not any(name.startswith("META-INF/MANIFEST.MF") for name in artefact.files):
        problems.append("it has no manifest")
    return problems


def notices_of(artefact: Artefact) -> str:
    """Returns whose notices have to be in it. The jar for tests may bring the emulator."""
    has_emulator = artefact.notices == NONE and any(EMULATOR.search(name) for name in artefact.files)
    # npm's package for users has a script of that name, which starts the program of another package.
    return "emulator" if has_emulator and artefact.path.suffix == ".jar" else artefact.notices


def check(root: Path, dist: Path, report: Report) -> None:
    """Adds to the report what is in `dist`, or that there is nothing."""
    known, unknown = artefacts(dist) if dist.is_dir() else ([], [])
    if not known:
        report.unchecked.append(f"packages: there are none in {dist.name}/ (`make dist` or `make dist-all`)")
        return
    inside = script(root / "packaging/check-artefacts")
    said, there, problems = wanted(root), {one.path.name for one in known}, []
    for one in known:
        found = of_jar(one, said) if one.path.suffix == ".jar" else []
        if one.path.suffix == ".whl":
            found = of_wheel(one, said)
        elif one.path.suffix == ".tgz":
            found = of_npm(one, said, there)
        elif one.path.suffix in (".gz", ".zip") and f"-{said['version']}" not in one.path.name:
            found = [f"it is not version {said['version']}"]
        if one.notices != WITHOUT:
            found += inside.check(one.path, notices_of(one))
        problems += [f"{one.path.name}: {problem}" for problem in found]
    names = "versions, licences, notices, SBOMs, no path of the machine"
    report.say(f"{len(known)} packages in {dist.name}/: {names}", problems)
    report.unchecked += [f"{name} in {dist.name}/: what it is is not known" for name in unknown]
