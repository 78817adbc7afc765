"""The programs that publish, against stand-ins for the registries on this machine."""

import json
import os
import subprocess
import tempfile
import threading
import unittest
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from release import archives, maven
from tests.support import ADDON, PACKAGING, ROOT, VERSION, maven_artefacts, npm, npm_packages, stand_in

PUBLISH_NPM = archives.script(PACKAGING / "publish-npm")


class Portal:
    """Answers as Maven Central's Portal does. `states` are what it says of a deployment, one after the other."""

    def __init__(self, states: list[str]) -> None:
        heard: list[tuple[str, str, str | None, bytes]] = []
        self.heard = heard

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                heard.append((self.command, self.path, self.headers.get("Authorization"), body))
                said, status = b"", 204
                if "/upload" in self.path:
                    said, status = b"28570f16-da32-4c14-bd2e-c1acc0782365", 201
                elif "/status" in self.path:
                    state = states.pop(0) if len(states) > 1 else states[0]
                    answer = {"deploymentState": state, "errors": {"pkg:maven/x": ["no javadoc"]}}
                    said, status = json.dumps(answer).encode(), 200
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_POST = do_DELETE = answer

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def run(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        said = {
            "CENTRAL_URL": f"http://127.0.0.1:{self.server.server_port}",
            "CENTRAL_PAUSE": "0",
            "NO_PROXY": "127.0.0.1",
        }
        said |= {"CENTRAL_USERNAME": "user", "CENTRAL_PASSWORD": "pass:word", **environment}
        command = [PACKAGING / "maven-central", *map(str, arguments)]
        return subprocess.run(command, env={**os.environ, **said}, capture_output=True, text=True, check=False)


class MavenCentral(unittest.TestCase):
    def portal(self, *states: str) -> Portal:
        portal = Portal(list(states))
        self.addCleanup(portal.server.server_close)
        self.addCleanup(portal.server.shutdown)
        return portal

    def test_what_was_uploaded_is_published_when_the_portal_has_looked_at_it(self) -> None:
        portal = self.portal("VALIDATING", "VALIDATED", "VALIDATED", "PUBLISHING")
        ran = portal.run("publish", "an-id")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        status, publish = (f"/api/v1/publisher/{what}" for what in ("status?id=an-id", "deployment/an-id"))
        heard = [(method, path) for method, path, *_ in portal.heard]
        self.assertEqual(heard, [("POST", one) for one in (status, status, publish, status, status)])
        # base64 of user:pass:word
        self.assertEqual({token for *_, token, _ in portal.heard}, {"Bearer dXNlcjpwYXNzOndvcmQ="})

    def test_what_a_run_has_published_before_it_broke_off_is_not_published_again(self) -> None:
        for state in ("PUBLISHING", "PUBLISHED"):
            portal = self.portal(state)
            ran = portal.run("publish", "an-id")
            self.assertEqual(ran.returncode, 0, ran.stderr)
            self.assertEqual([path for _, path, *_ in portal.heard], ["/api/v1/publisher/status?id=an-id"])

    def test_what_the_portal_refuses_is_said(self) -> None:
        ran = self.portal("VALIDATING", "FAILED").run("publish", "an-id")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("an-id is FAILED", ran.stderr)
        self.assertIn("no javadoc", ran.stderr)
        self.assertNotIn("pass:word", ran.stderr)

    def test_a_bundle_that_is_not_signed_is_not_uploaded(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            dist = Path(folder)
            maven_artefacts(dist)
            bundle = dist / "b.zip"
            self.assertEqual(maven.bundle(dist, VERSION, bundle, None), [])
            portal = self.portal("VALIDATED")
            ran = portal.run("upload", bundle)
            self.assertEqual((ran.returncode, portal.heard), (1, []))
            self.assertIn(f"secondme-avatar-{VERSION}.jar: there is no signature of it", ran.stderr)

    def test_an_upload_waits_until_the_portal_has_looked_at_it(self) -> None:
        upload = archives.script(PACKAGING / "maven-central")
        portal = self.portal("PENDING", "VALIDATING", "VALIDATED")
        with tempfile.TemporaryDirectory() as folder:
            bundle = Path(folder, "bundle.zip")
            with zipfile.ZipFile(bundle, "w") as archive:
                archive.writestr("me/secondme/x", b"content")
            # What the check of a bundle finds has tests of its own.
            upload.maven.check, check = (lambda *_, **__: []), upload.maven.check
            self.addCleanup(setattr, upload.maven, "check", check)
            said = {"CENTRAL_URL": f"http://127.0.0.1:{portal.server.server_port}", "CENTRAL_PAUSE": "0"}
            said |= {"CENTRAL_USERNAME": "user", "CENTRAL_PASSWORD": "password", "NO_PROXY": "127.0.0.1"}
            before = dict(os.environ)
            os.environ.update(said)
            self.addCleanup(lambda: (os.environ.clear(), os.environ.update(before)))
            upload.upload(bundle)
            (_, path, _, body), *rest = portal.heard
            self.assertEqual(path, "/api/v1/publisher/upload?name=bundle&publishingType=USER_MANAGED")
            self.assertIn(bundle.read_bytes(), body)
            self.assertIn(b'name="bundle"; filename="bundle.zip"', body)
            self.assertEqual(len(rest), 3)

    def test_without_a_token_it_says_which_and_where_from(self) -> None:
        ran = self.portal("VALIDATED").run("drop", "an-id", CENTRAL_PASSWORD="")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("CENTRAL_PASSWORD are not set", ran.stderr)


class Npm(unittest.TestCase):
    def test_a_package_is_published_after_those_that_are_installed_with_it(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            dist = Path(folder)
            npm_packages(dist, peerDependencies={"secondme-avatar-emulator": VERSION})
            npm(dist, "secondme-avatar-emulator", {"optionalDependencies": {}}, {})
            order = PUBLISH_NPM.ordered(PUBLISH_NPM.manifests(dist))
        self.assertEqual(sorted(order), sorted(["secondme-avatar", "secondme-avatar-emulator", ADDON]))
        self.assertEqual(order[-1], "secondme-avatar")


class GitHub(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="secondme-avatar-github-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "dist").mkdir()
        (self.folder / "dist/SHA256SUMS").touch()
        self.state, self.heard = self.folder / "state", self.folder / "heard"

    def publish(self, tag: str, breaks: str = "") -> int:
        """Runs it against a `gh` that knows one page, and that breaks off at one of its commands."""
        page = f"""
            echo "$@" >>{self.heard}
            [ "$2" != "{breaks}" ] || exit 1
            case $2 in
            view) cat {self.state} 2>/dev/null ;;
            create) ! [ -e {self.state} ] && echo true >{self.state} ;;
            edit) echo false >{self.state} ;;
            esac"""
        stand_in(self.folder / "bin", "gh", page)
        command = [str(PACKAGING / "publish-github"), tag, "notes.md", "dist"]
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self.heard.unlink(missing_ok=True)
        ran = subprocess.run(
            command, cwd=self.folder, env={**os.environ, "PATH": path}, capture_output=True, check=False
        )
        return ran.returncode

    def commands(self) -> list[str]:
        return [line.split()[1] for line in self.heard.read_text(encoding="utf-8").splitlines()]

    def test_a_page_is_seen_when_all_its_files_are_there(self) -> None:
        self.assertEqual(self.publish("v1.2.3"), 0)
        self.assertEqual(
            self.heard.read_text(encoding="utf-8").splitlines()[1:],
            [
                "release create v1.2.3 --verify-tag --draft --title v1.2.3 --notes-file notes.md --latest",
                "release upload v1.2.3 --clobber dist/SHA256SUMS",
                "release edit v1.2.3 --draft=false",
            ],
        )

    def test_a_run_that_broke_off_is_taken_up_where_it_was(self) -> None:
        self.assertEqual(self.publish("v1.2.3", breaks="upload"), 1)
        self.assertEqual(self.commands(), ["view", "create", "upload"])
        self.assertEqual(self.publish("v1.2.3", breaks="edit"), 1)
        self.assertEqual(self.commands(), ["view", "upload", "edit"])
        self.assertEqual(self.publish("v1.2.3"), 0)
        # What users see already is not taken away from them.
        self.assertEqual(self.publish("v1.2.3"), 0)
        self.assertEqual(self.commands(), ["view"])

    def test_a_version_before_a_release_is_not_the_latest(self) -> None:
        self.assertEqual(self.publish("v1.2.3-rc.1"), 0)
        self.assertIn(" --prerelease\n", self.heard.read_text(encoding="utf-8"))


class Swift(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="secondme-avatar-swift-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.zip = self.folder / f"SecondMeAvatarFFI-{VERSION}.xcframework.zip"
        with zipfile.ZipFile(self.zip, "w") as archive:
            archive.writestr("SecondMeAvatarFFI.xcframework/Info.plist", "<plist/>")

    def run_(self, *command: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)

    def test_the_package_of_a_tag_takes_the_framework_from_the_release(self) -> None:
        url = f"https://example.org/releases/download/v{VERSION}/{self.zip.name}"
        package = self.folder / "package"
        ran = self.run_(PACKAGING / "swift-package", self.zip, url, package)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        manifest = (package / "Package.swift").read_text(encoding="utf-8")
        checksum = self.run_("sha256sum", self.zip).stdout.split()[0]
        self.assertIn(f'url: "{url}", checksum: "{checksum}"', manifest)
        # SwiftPM refuses a versioned package with such flags.
        self.assertNotIn("unsafeFlags", manifest)
        self.assertIn("unsafeFlags", (ROOT / "bindings/swift/Package.swift").read_text(encoding="utf-8"))

        repository = self.folder / "repository"
        self.run_("git", "init", "--quiet", "--bare", "--initial-branch=main", repository)
        tag = [PACKAGING / "swift-tag", package, repository, VERSION]
        self.assertEqual(self.run_(*tag, "--dry-run").returncode, 0)
        self.assertEqual(self.run_("git", "-C", repository, "tag").stdout, "")
        ran = self.run_(*tag)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertEqual(self.run_("git", "-C", repository, "tag").stdout.split(), [VERSION])
        files = self.run_("git", "-C", repository, "ls-tree", "--name-only", VERSION).stdout.split()
        self.assertLessEqual({"Package.swift", "Sources", "LICENSE-MIT", "THIRD-PARTY-NOTICES.txt"}, set(files))
        # A second time it stays as it is.
        self.assertIn("is there already", self.run_(*tag).stdout)

    def test_an_address_of_another_version_is_refused(self) -> None:
        url = f"https://example.org/releases/download/v9.9.9/{self.zip.name}"
        ran = self.run_(PACKAGING / "swift-package", self.zip, url, self.folder / "package")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("is not where", ran.stderr)


if __name__ == "__main__":
    unittest.main()
