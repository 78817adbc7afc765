"""Mistakes planted in what is handed out: wheels, npm packages, jars, and Maven Central's bundle."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import zipfile
from pathlib import Path

from release import archives, maven, platforms
from release.report import Report
from release.versions import for_python
from tests.support import (
    ADDON,
    PACKAGING,
    POM,
    ROOT,
    TESTING_NATIVES,
    VERSION,
    archive,
    linked_in,
    maven_artefacts,
    npm_packages,
    wheel,
    whole_release,
)

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


class WholeRelease(OfDist):
    def setUp(self) -> None:
        super().setUp()
        whole_release(self.dist)

    def lacks(self, *wanted: str) -> None:
        """Holds that exactly this is said to be missing, and that the release does not go on."""
        self.assertEqual(sorted(platforms.missing(ROOT, self.dist, VERSION)), sorted(wanted))
        report = Report(everything=True)
        platforms.check(ROOT, self.dist, VERSION, report)
        self.assertEqual(report.status(in_ci=False), 3 if wanted else 0, report.lines())

    def test_a_release_of_which_nothing_lacks(self) -> None:
        self.lacks()

    def test_a_platform_that_is_not_there(self) -> None:
        for path in [*self.dist.glob("*macosx_11_11_arm64.whl"), *self.dist.glob("*-darwin-arm64-*.tgz")]:
            path.unlink()
        wheels = [f"the wheel of secondme_avatar{one} for darwin-arm64" for one in ("", "_emulator")]
        self.lacks(*wheels, *(f"npm's package of {part} for darwin-arm64" for part in ("node", "emulator")))

    def test_a_file_that_is_for_every_platform(self) -> None:
        # What a release is for users, by the names that the pages tell them.
        names = ["secondme-avatar-bom.pom", "SecondMeAvatarFFI.xcframework.zip"]
        names += [f"secondme-avatar{part}.tgz" for part in ("", "-emulator", "-widget")]
        names += [f"secondme-chat-adapter-{name}.tgz" for name in ("feishu", "dingtalk")]
        # Without a jar of natives more lacks than the jar: that is another test.
        endings = (".pom", "-sources.jar", "-javadoc.jar")
        names += [f"secondme-avatar{part}{end}" for part in ("", "-java", "-slf4j", "-testing") for end in endings]
        names += ["secondme-avatar-java.jar", "secondme-avatar-slf4j.jar"]
        for name in names:
            with self.subTest(name):
                file = self.dist / re.sub(r"(-sources|-javadoc)?\.", rf"-{VERSION}\1.", name, count=1)
                file.rename(self.dist / "elsewhere")
                self.lacks(file.name)
                (self.dist / "elsewhere").rename(file)

    def test_what_a_release_is_for_the_jvm_is_known_by_its_name(self) -> None:
        folder = self.dist / "jvm"
        folder.mkdir()
        for name in maven.artefacts(ROOT, VERSION):
            (folder / name).touch()
        known, unknown = archives.artefacts(folder)
        self.assertEqual(unknown, [])
        self.assertIn(f"secondme-avatar-slf4j-{VERSION}.jar", [one.path.name for one in known])

    def test_a_jar_without_a_platform(self) -> None:
        for name, prefix in ((f"{NAME}.jar", ""), (f"secondme-avatar-testing-{VERSION}.jar", f"{TESTING_NATIVES}/")):
            with self.subTest(name):
                whole = archives.Artefact(self.dist / name).files
                others = {one: data for one, data in whole.items() if "win32-aarch64" not in one}
                archive(self.dist / name, others)
                self.lacks(f"{prefix}win32-aarch64/ in {name}")
                # A folder of that name elsewhere in the jar is not where it is looked for.
                archive(self.dist / name, {**others, "x/win32-aarch64/program": b""})
                self.lacks(f"{prefix}win32-aarch64/ in {name}")
                archive(self.dist / name, whole)

    def test_make_lays_what_a_release_asks_for(self) -> None:
        text = (ROOT / "bindings/kotlin.mk").read_text(encoding="utf-8")
        laid = re.findall(r"(secondme-avatar[a-z0-9-]*):", text.split("\nJVM := ")[1].split("\n\n")[0])
        asked = {
            name.removesuffix(f"-{VERSION}.pom") for name in maven.artefacts(ROOT, VERSION) if name.endswith(".pom")
        }
        self.assertEqual(set(laid), asked)


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

    def test_a_pom_that_names_no_repository_before_there_is_one(self) -> None:
        without = re.search(r"<scm>.*?</scm>", POM.format(version=VERSION), re.DOTALL)
        self.assertIsNotNone(without)
        self.bundle(pom=(without[0], ""))
        self.assertEqual(len(maven.check(self.zip, signed=False)), 3)
        self.assertEqual(maven.check(self.zip, signed=False, has_repository=False), [])

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

    def test_a_bom_that_names_what_is_not_in_the_bundle(self) -> None:
        ours = "<dependency><groupId>me.secondme</groupId><artifactId>{}</artifactId><version>1</version></dependency>"
        both = ours.format("secondme-avatar") + ours.format("secondme-avatar-java")
        managed = f"<dependencyManagement><dependencies>{both}</dependencies></dependencyManagement>"
        bom = POM.format(version=VERSION).replace("<artifactId>secondme-avatar<", "<artifactId>secondme-avatar-bom<")
        bom = bom.replace("<name>", f"<packaging>pom</packaging>{managed}<name>", 1)
        (self.dist / f"secondme-avatar-bom-{VERSION}.pom").write_text(bom, encoding="utf-8")
        self.bundle()
        pom = f"me/secondme/secondme-avatar-bom/{VERSION}/secondme-avatar-bom-{VERSION}.pom"
        complaint = f"{pom}: it names secondme-avatar-java, which is not in the bundle"
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
