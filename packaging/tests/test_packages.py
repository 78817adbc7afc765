"""Mistakes planted in what is handed out: wheels, npm packages, jars, and Maven Central's bundle."""

import hashlib
import os
import shutil
import subprocess
import tempfile
import unittest
import zipfile
from pathlib import Path

from release import archives, maven, platforms
from release.report import Report
from release.versions import for_python
from tests.support import ADDON, PACKAGING, POM, ROOT, VERSION, archive, linked_in, maven_artefacts, npm_packages, wheel

NEXT = "9.9.9"
NAME = f"secondme-avatar-{VERSION}"
FOLDER = f"me/secondme/secondme-avatar/{VERSION}"


class OfDist(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="secondme-avatar-dist-")
        self.addCleanup(folder.cleanup)
        self.dist = Path(folder.name)

    def report(self) -> Report:
        report = Report()
        archives.check(ROOT, self.dist, report)
        return report

    def finds(self, *complaints: str) -> None:
        self.assertEqual(sorted(self.report().wrong), sorted(complaints))


class Packages(OfDist):
    def test_packages_without_a_mistake(self) -> None:
        wheel(self.dist)
        npm_packages(self.dist)
        maven_artefacts(self.dist)
        self.finds()

    def test_an_empty_folder_is_said_to_be_not_checked(self) -> None:
        self.assertIn("there are none", self.report().unchecked[0])

    def test_a_file_of_which_nothing_is_known(self) -> None:
        wheel(self.dist)
        (self.dist / "secondme.exe").write_bytes(b"MZ")
        self.assertEqual(self.report().unchecked, [f"secondme.exe in {self.dist.name}/: what it is is not known"])

    def test_a_wheel_of_another_version(self) -> None:
        path = wheel(self.dist, version=NEXT)
        python = for_python(VERSION)
        self.finds(f"{path.name}: it is version {NEXT}, named {NEXT}, and Cargo.toml says {python}")

    def test_a_wheel_without_a_licence_and_one_without_the_list_of_what_is_linked_in(self) -> None:
        path = wheel(self.dist, **{"LICENSE-MIT": None})
        self.finds(f"{path.name}: there is no LICENSE-MIT in it, or another one than the repository's")
        wheel(self.dist, **{"sbom.cdx.json": b"{}"})
        self.finds(f"{path.name}: there is no sbom.cdx.json in it, or another one than the repository's")

    def test_a_wheel_with_a_path_of_the_machine_that_built_it(self) -> None:
        path = wheel(self.dist, **{"_native.abi3.so": b"\x7fELF index.crates.io-1949/tokio/src/lib.rs"})
        (complaint,) = self.report().wrong
        self.assertTrue(complaint.startswith(f"{path.name}: "), complaint)
        self.assertIn("holds a path of this machine", complaint)

    def test_an_npm_package_that_asks_for_a_platform_that_was_not_built(self) -> None:
        npm_packages(self.dist)
        other = "@secondme-avatar/node-darwin-arm64"
        npm_packages(self.dist, optionalDependencies={ADDON: VERSION, other: VERSION})
        tarball = f"secondme-avatar-node-darwin-arm64-{VERSION}.tgz"
        self.finds(f"{NAME}.tgz: it asks for {other}, of which no {tarball} is there")

    def test_an_npm_package_that_asks_for_another_version_of_ours(self) -> None:
        npm_packages(self.dist, peerDependencies={"secondme-avatar-emulator": NEXT})
        self.finds(f"{NAME}.tgz: it asks for secondme-avatar-emulator {NEXT}, and Cargo.toml says {VERSION}")

    def test_an_npm_package_without_what_it_says_it_begins_with(self) -> None:
        npm_packages(self.dist, main="./lib/main.js")
        self.finds(f"{NAME}.tgz: its main, ./lib/main.js, is not in it")

    def test_an_npm_package_under_another_licence(self) -> None:
        npm_packages(self.dist, license="UNLICENSED")
        self.finds(f"{NAME}.tgz: its licence is UNLICENSED, and Cargo.toml says MIT OR Apache-2.0")

    def test_a_jar_that_brings_the_emulator_without_its_notices(self) -> None:
        maven_artefacts(self.dist)
        inside = archives.Artefact(self.dist / f"{NAME}-sources.jar").files
        jar = f"secondme-avatar-testing-{VERSION}.jar"
        program = {"natives/linux-x86-64/secondme-avatar-emulator": b"\x7fELF"}
        archive(self.dist / jar, {**inside, **program})
        missing = "in it, or another one than the repository's"
        self.finds(
            f"{jar}: there is no THIRD-PARTY-NOTICES.txt {missing}", f"{jar}: there is no sbom.cdx.json {missing}"
        )
        archive(self.dist / jar, {**inside, **program, **linked_in("emulator")})
        self.finds()


class Platforms(OfDist):
    def test_a_platform_that_is_not_there(self) -> None:
        for tag in ("manylinux_2_17_x86_64.manylinux2014_x86_64", "macosx_11_0_arm64", "win_amd64"):
            for project in ("secondme_avatar-{}-cp310-abi3-{}.whl", "secondme_avatar_emulator-{}-py3-none-{}.whl"):
                (self.dist / project.format(for_python(VERSION), tag)).touch()
        for name in ("linux-x64-gnu", "darwin-arm64", "win32-x64-msvc"):
            for part in ("node", "emulator"):
                (self.dist / f"secondme-avatar-{part}-{name}-{VERSION}.tgz").touch()
        (self.dist / f"SecondMeAvatarFFI-{VERSION}.xcframework.zip").touch()
        folders = [folder for _, folder in platforms.PLATFORMS.values() if folder]
        inside = {f"{folder}/lib": b"" for folder in folders if folder != "darwin-x86-64"}
        archive(self.dist / f"{NAME}.jar", inside)
        there = {"linux-x64-gnu", "darwin-arm64", "win32-x64-msvc"}
        wanted = [
            f"{what} for {name}"
            for name in set(platforms.PLATFORMS) - there
            for what in (
                "the wheel of secondme_avatar",
                "the wheel of secondme_avatar_emulator",
                "npm's package of node",
                "npm's package of emulator",
            )
        ]
        wanted.append("the library for darwin-x86-64 in the jar")
        self.assertEqual(sorted(platforms.missing(self.dist, VERSION)), sorted(wanted))
        report = Report(everything=True)
        platforms.check(self.dist, VERSION, report)
        self.assertEqual(report.status(in_ci=False), 3)


class Bundle(OfDist):
    def setUp(self) -> None:
        super().setUp()
        maven_artefacts(self.dist)
        self.zip = self.dist / f"{NAME}-bundle.zip"

    def bundle(self, key: str | None = None, **changes: str) -> None:
        """Makes a bundle out of a pom in which something is replaced."""
        text = POM.format(version=VERSION)
        for old, new in changes.values() if isinstance(changes, dict) and changes else []:
            self.assertIn(old, text)
            text = text.replace(old, new)
        (self.dist / f"{NAME}.pom").write_text(text, encoding="utf-8")
        self.assertEqual(maven.bundle(self.dist, VERSION, self.zip, key), [])

    def changed(self, name: str, content: bytes | None) -> None:
        """Has a file of the bundle say something else, or not be there."""
        with zipfile.ZipFile(self.zip) as archive_:
            files = {one: archive_.read(one) for one in archive_.namelist()}
        self.assertIn(name, files)
        files = {one: content if one == name else data for one, data in files.items()}
        archive(self.zip, {one: data for one, data in files.items() if data is not None})

    def test_a_bundle_without_a_mistake_is_the_same_bytes_twice(self) -> None:
        self.bundle()
        first = hashlib.sha256(self.zip.read_bytes()).hexdigest()
        self.assertEqual(maven.check(self.zip, signed=False), [])
        self.bundle()
        self.assertEqual(hashlib.sha256(self.zip.read_bytes()).hexdigest(), first)

    def test_what_lacks_in_dist(self) -> None:
        (self.dist / f"{NAME}-javadoc.jar").unlink()
        missing = maven.bundle(self.dist, VERSION, self.zip, None)
        self.assertEqual(missing, [f"{NAME}-javadoc.jar is not in {self.dist}"])
        self.assertFalse(self.zip.exists())
        self.assertEqual(
            maven.bundle(self.dist, NEXT, self.zip, None), [f"there is no pom of version {NEXT} in {self.dist}"]
        )

    def test_a_pom_without_what_central_asks_for(self) -> None:
        for field, old in (
            ("description", "<description>Talk with a SecondMe AI avatar</description>"),
            ("licenses/license/url", "<url>https://opensource.org/license/mit</url>"),
            ("developers/developer/name", "<name>The authors</name>"),
            ("scm/connection", "<connection>scm:git:https://e.org/r.git</connection>"),
        ):
            with self.subTest(field):
                self.bundle(pom=(old, ""))
                complaint = f"{FOLDER}/{NAME}.pom: it has no {field}, which Maven Central asks for"
                self.assertEqual(maven.check(self.zip, signed=False), [complaint])

    def test_a_pom_with_a_parent_and_dependencies_that_are_not_released(self) -> None:
        pom = f"{FOLDER}/{NAME}.pom"
        self.bundle(pom=("<modelVersion>", "<parent><artifactId>p</artifactId></parent><modelVersion>"))
        self.assertEqual(
            maven.check(self.zip, signed=False), [f"{pom}: it has a parent, which users would need as well"]
        )
        self.bundle(pom=("<version>5.19.1</version>", "<version>5.20-SNAPSHOT</version>"))
        self.assertEqual(maven.check(self.zip, signed=False), [f"{pom}: its dependency jna is a SNAPSHOT"])
        self.bundle(pom=("<version>5.19.1</version>", ""))
        self.assertEqual(maven.check(self.zip, signed=False), [f"{pom}: its dependency jna has no version"])

    def test_a_checksum_that_is_missing_and_one_of_another_file(self) -> None:
        self.bundle()
        jar = f"{FOLDER}/{NAME}.jar"
        self.changed(f"{jar}.md5", None)
        self.assertEqual(maven.check(self.zip, signed=False), [f"{jar}: there is no md5 of it"])
        self.bundle()
        self.changed(f"{jar}.sha1", b"0" * 40)
        self.assertEqual(maven.check(self.zip, signed=False), [f"{jar}: its sha1 is of another file"])

    def test_a_jar_of_the_sources_that_is_missing(self) -> None:
        self.bundle()
        for ending in ("", ".md5", ".sha1", ".sha256", ".sha512"):
            self.changed(f"{FOLDER}/{NAME}-sources.jar{ending}", None)
        complaint = f"{FOLDER}/{NAME}.pom: there is no {NAME}-sources.jar beside it"
        self.assertEqual(maven.check(self.zip, signed=False), [complaint])

    @unittest.skipUnless(shutil.which("gpg"), "gpg is not installed")
    def test_signatures_that_are_missing_or_of_another_file(self) -> None:
        home = tempfile.TemporaryDirectory(prefix="gpg-")
        self.addCleanup(home.cleanup)
        self.addCleanup(subprocess.run, ["gpgconf", "--homedir", home.name, "--kill", "all"], check=False)
        os.environ["GNUPGHOME"] = home.name
        self.addCleanup(os.environ.pop, "GNUPGHOME")
        options = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "secret"]
        subprocess.run([*options, "--quick-gen-key", "tests@localhost", "ed25519"], check=True, capture_output=True)
        os.environ["MAVEN_GPG_PASSPHRASE"] = "secret"
        self.addCleanup(os.environ.pop, "MAVEN_GPG_PASSPHRASE")
        self.bundle(key="tests@localhost")
        self.assertEqual(maven.check(self.zip, signed=True), [])
        with zipfile.ZipFile(self.zip) as archive_:
            of_the_pom = archive_.read(f"{FOLDER}/{NAME}.pom.asc")
        self.changed(f"{FOLDER}/{NAME}.jar.asc", of_the_pom)
        (complaint,) = maven.check(self.zip, signed=True)
        self.assertTrue(complaint.startswith(f"{FOLDER}/{NAME}.jar: its signature does not hold: "), complaint)
        self.changed(f"{FOLDER}/{NAME}.jar.asc", None)
        self.assertEqual(maven.check(self.zip, signed=True), [f"{FOLDER}/{NAME}.jar: there is no signature of it"])


class Checksums(OfDist):
    def test_sums_and_lists_of_all_that_lies_there(self) -> None:
        wheel(self.dist)
        for _ in range(2):
            subprocess.run([PACKAGING / "checksums", self.dist], check=True, capture_output=True)
        sums = (self.dist / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
        names = sorted(line.split("  ")[1] for line in sums)
        lists = [f"{NAME}-{kind}.cdx.json" for kind in ("emulator", "ffi", "node", "python")]
        self.assertEqual(names, sorted([*lists, *(path.name for path in self.dist.glob("*.whl"))]))
        command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
        subprocess.run(command, cwd=self.dist, check=True)
        self.finds()


if __name__ == "__main__":
    unittest.main()
