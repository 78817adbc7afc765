"""A copy of the sources to plant mistakes in, and packages made of nothing but what is looked at."""

import atexit
import io
import json
import re
import shutil
import tarfile
import tempfile
import unittest
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import lru_cache
from pathlib import Path

from release import archives, platforms, tree, versions
from release.report import Report

PACKAGING = Path(__file__).resolve().parents[1]
ROOT = PACKAGING.parent

COMMAND = archives.script(PACKAGING / "release-check")
TODAY = date(2030, 1, 2)
VERSION = versions.current(ROOT)


LOOKED_AT = (r".*(Cargo\.toml|pyproject\.toml|package\.json|pom\.xml|README\.md|Package\.swift|LICENSE-\w+)",)
LOOKED_AT += (r"CHANGELOG\.md|CONTRIBUTING\.md|changelog\.d/.*|\.github/.*|packaging/[^/]*",)


@lru_cache
def copy_of_the_sources() -> Path:
    """Returns a folder with those of the repository's files that are looked at, and no repository."""
    copy = Path(tempfile.mkdtemp(prefix="secondme-avatar-release-"))
    atexit.register(shutil.rmtree, copy)
    names = {path for path, *_ in versions.texts(ROOT)}
    names |= {name for name in tree.files(ROOT) if re.fullmatch("|".join(LOOKED_AT), name)}
    for name in names:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy / name, follow_symlinks=False)
    return copy


class OfACopy(unittest.TestCase):
    """Tests that plant mistakes in one copy of the sources, and take each out again."""

    root: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.root = copy_of_the_sources()

    @contextmanager
    def file(self, path: str, text: str | None) -> Iterator[None]:
        """Has a file say something else for a while, or not be there."""
        where = self.root / path
        before = where.read_bytes() if where.exists() else None
        where.parent.mkdir(parents=True, exist_ok=True)
        where.unlink(missing_ok=True)
        if text is not None:
            where.write_text(text, encoding="utf-8")
        try:
            yield
        finally:
            where.unlink(missing_ok=True)
            if before is not None:
                where.write_bytes(before)

    @contextmanager
    def planted(self, path: str, old: str, new: str) -> Iterator[None]:
        """Replaces the first of what a file says."""
        text = (self.root / path).read_text(encoding="utf-8")
        self.assertIn(old, text, f"{path} no longer says what the mistake is made of")
        with self.file(path, text.replace(old, new, 1)):
            yield

    def sources(self, tag: str | None = None) -> Report:
        report = Report()
        COMMAND.sources(self.root, report, tag, TODAY)
        return report

    def finds(self, *complaints: str, tag: str | None = None) -> None:
        """Holds that the check says exactly this, and nothing else."""
        self.assertEqual(sorted(self.sources(tag).wrong), sorted(complaints))


LICENCES = {name: (ROOT / name).read_bytes() for name in ("LICENSE-MIT", "LICENSE-APACHE")}


def linked_in(notices: str) -> dict[str, bytes]:
    folder = ROOT / "packaging/notices" / notices
    return {name: (folder / name).read_bytes() for name in ("THIRD-PARTY-NOTICES.txt", "sbom.cdx.json")}


def archive(path: Path, files: dict[str, bytes]) -> Path:
    """Writes a zip or a tarball, by the name."""
    if path.suffix in (".tgz", ".gz"):
        with tarfile.open(path, "w:gz") as tar:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    else:
        with zipfile.ZipFile(path, "w") as zip_:
            for name, content in files.items():
                zip_.writestr(name, content)
    return path


def wheel(dist: Path, *, version: str = VERSION, **changes: bytes | None) -> Path:
    """Writes a wheel of the package. `changes` are files that it has otherwise, or has not."""
    version = versions.for_python(version)
    info = f"secondme_avatar-{version}.dist-info"
    metadata = "Metadata-Version: 2.4\nName: secondme-avatar\nSummary: s\nKeywords: k\nRequires-Python: >=3.10\n"
    metadata += f"License-Expression: MIT OR Apache-2.0\nVersion: {version}\n"
    metadata += "Description-Content-Type: text/markdown\n\n# A wheel\n"
    files: dict[str, bytes | None] = {**LICENCES, **linked_in("python"), **changes}
    content = {f"{info}/licenses/{name}": data for name, data in files.items() if data is not None}
    content[f"{info}/METADATA"] = metadata.encode()
    return archive(dist / f"secondme_avatar-{version}-cp310-abi3-manylinux_2_17_x86_64.whl", content)


def npm(dist: Path, name: str, manifest: dict, files: dict[str, bytes]) -> Path:
    """Writes an npm package."""
    said = {"name": name, "version": VERSION, "license": "MIT OR Apache-2.0", **manifest}
    content = {**LICENCES, **files, "package.json": json.dumps(said).encode()}
    path = dist / f"{name.replace('@', '').replace('/', '-')}-{VERSION}.tgz"
    return archive(path, {f"package/{file}": data for file, data in content.items()})


ADDON = "@secondme-avatar/node-linux-x64-gnu"


def npm_packages(dist: Path, **changes: object) -> list[Path]:
    """Writes npm's package for users and that of one platform. `changes` are of the manifest of the first."""
    manifest = {
        "main": "./lib/index.js",
        "types": "./lib/index.d.ts",
        "optionalDependencies": {ADDON: VERSION},
        **changes,
    }
    lib = {"lib/index.js": b"module.exports = {}\n", "lib/index.d.ts": b"export {}\n"}
    addon = {"main": "a.node", "os": ["linux"], "cpu": ["x64"]}
    return [
        npm(dist, "secondme-avatar", manifest, lib),
        npm(dist, ADDON, addon, {"a.node": b"\x7fELF", **linked_in("node")}),
    ]


POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>me.secondme</groupId>
  <artifactId>secondme-avatar</artifactId>
  <version>{version}</version>
  <name>secondme-avatar</name>
  <description>Talk with a SecondMe AI avatar</description>
  <url>https://second.me</url>
  <licenses><license><name>MIT</name><url>https://opensource.org/license/mit</url></license></licenses>
  <developers><developer><name>The authors</name></developer></developers>
  <scm><connection>scm:git:https://e.org/r.git</connection><developerConnection>scm:git:https://e.org/r.git\
</developerConnection><url>https://e.org/r</url></scm>
  <dependencies><dependency><groupId>net.java.dev.jna</groupId><artifactId>jna</artifactId>\
<version>5.19.1</version></dependency></dependencies>
</project>
"""


def maven_artefacts(dist: Path) -> None:
    """Writes what `make dist` lays into dist/ for Maven's artefact of the library."""
    name = f"secondme-avatar-{VERSION}"
    (dist / f"{name}.pom").write_text(POM.format(version=VERSION), encoding="utf-8")
    inside = {"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\n", **LICENCES}
    archive(dist / f"{name}.jar", {**inside, **linked_in("ffi")})
    archive(dist / f"{name}-sources.jar", inside)
    archive(
        dist / f"{name}-javadoc.jar", {"META-INF/MANIFEST.MF": inside["META-INF/MANIFEST.MF"], "index.html": b"<p>"}
    )


def whole_release(dist: Path) -> None:
    """Writes all that a release hands out, by its names; in the jars lie the platforms' folders."""
    for platform, (tag, _) in platforms.PLATFORMS.items():
        tag = tag.replace(r"\d+", "11")
        (dist / f"secondme_avatar-{versions.for_python(VERSION)}-cp310-abi3-{tag}.whl").touch()
        (dist / f"secondme_avatar_emulator-{versions.for_python(VERSION)}-py3-none-{tag}.whl").touch()
        for part in ("node", "emulator"):
            (dist / f"secondme-avatar-{part}-{platform}-{VERSION}.tgz").touch()
    for name in ("avatar", "avatar-emulator", "avatar-widget", "chat-adapter-feishu", "chat-adapter-dingtalk"):
        (dist / f"secondme-{name}-{VERSION}.tgz").touch()
    for name in ("secondme-avatar", *(f"secondme-avatar-{part}" for part in ("java", "slf4j", "testing"))):
        for ending in (".pom", ".jar", "-sources.jar", "-javadoc.jar"):
            (dist / f"{name}-{VERSION}{ending}").touch()
    (dist / f"secondme-avatar-bom-{VERSION}.pom").touch()
    (dist / f"SecondMeAvatarFFI-{VERSION}.xcframework.zip").touch()
    folders = [folder for _, folder in platforms.PLATFORMS.values() if folder]
    archive(dist / f"secondme-avatar-{VERSION}.jar", {f"{one}/libsecondme_avatar_ffi.so": b"" for one in folders})
    natives = {f"{TESTING_NATIVES}/{one}/secondme-avatar-emulator": b"" for one in folders}
    archive(dist / f"secondme-avatar-testing-{VERSION}.jar", natives)


TESTING_NATIVES = "me/secondme/avatar/testing/natives"


def stand_in(folder: Path, name: str, script: str) -> Path:
    """Writes a program that answers in another's place, in Bash."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/usr/bin/env bash\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path
