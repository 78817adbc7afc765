"""Which locked files are looked up for known vulnerabilities, and what of the answers counts as checked."""

import contextlib
import io
import json
import os
import tempfile
import unittest
from pathlib import Path

from release import archives, tree
from tests.support import PACKAGING, ROOT, stand_in


class Advisories(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="secondme-avatar-advisories-")
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.advisories = archives.script(PACKAGING / "advisories")
        self.advisories.ROOT = self.root
        before = os.environ["PATH"]
        os.environ["PATH"] = f"{self.root / '.tools/bin'}{os.pathsep}{before}"
        self.addCleanup(os.environ.__setitem__, "PATH", before)

    def locks(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def answers(self, program: str, answer: object, status: int = 0) -> None:
        """Has a tool answer this, whatever it is asked; what it is asked lies in a file of its name."""
        said = json.dumps(answer)
        stand_in(
            self.root / ".tools/bin",
            program,
            f"echo \"$@\" >>{self.root}/.tools/{program}\ncat <<'X'\n{said}\nX\nexit {status}",
        )

    def asked(self, program: str) -> str:
        return (self.root / ".tools" / program).read_text(encoding="utf-8")

    def run_(self) -> tuple[int, str]:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = self.advisories.main()
        return status, out.getvalue()

    def test_a_file_of_pips_is_found_by_its_hashes_whatever_its_name_is(self) -> None:
        self.locks("tools/some.txt", "idna==3.10 \\\n    --hash=sha256:12f6\n")
        self.locks("tools/notes.txt", "idna==3.10\n")
        self.answers("pip-audit", {"dependencies": [{"name": "idna", "version": "3.10", "vulns": []}]})
        self.assertEqual(self.run_(), (0, "clean        tools/some.txt\n"))
        self.assertIn(f"--requirement={self.root}/tools/some.txt", self.asked("pip-audit"))

    def test_a_package_that_pip_audit_passes_over_is_not_clean(self) -> None:
        self.locks("python/dist.txt", "idna==3.10 \\\n    --hash=sha256:12f6\n")
        skipped = {"name": "idna", "skip_reason": "could not be found on PyPI"}
        self.answers("pip-audit", {"dependencies": [skipped, {"name": "six", "version": "1.17.0", "vulns": []}]})
        status, said = self.run_()
        self.assertEqual(status, 3)
        self.assertIn("NOT CHECKED  python/dist.txt: idna: not checked: could not be found on PyPI\n", said)
        known = {"name": "six", "version": "1.17.0", "vulns": [{"id": "PYSEC-0"}]}
        self.answers("pip-audit", {"dependencies": [skipped, known]}, status=1)
        status, said = self.run_()
        self.assertEqual(status, 1)
        self.assertIn("six 1.17.0: PYSEC-0", said)
        self.assertIn("idna: not checked", said)

    def test_gos_modules_are_asked_for(self) -> None:
        self.locks("packaging/go/go.mod", "module m\n")
        self.answers("osv-scanner", {"results": []})
        self.assertEqual(self.run_(), (0, "clean        packaging/go/go.mod\n"))
        self.assertIn(f"--lockfile={self.root}/packaging/go/go.mod", self.asked("osv-scanner"))
        vulnerable = {"package": {"name": "golang.org/x/sys"}, "vulnerabilities": [{"id": "GO-0"}]}
        self.answers("osv-scanner", {"results": [{"packages": [vulnerable]}]}, status=1)
        status, said = self.run_()
        self.assertEqual(status, 1)
        self.assertIn("golang.org/x/sys: GO-0", said)
        self.answers("osv-scanner", {}, status=127)
        self.assertEqual(self.run_()[0], 3)

    def test_no_locked_file_of_the_repository_is_passed_over(self) -> None:
        self.advisories.ROOT = ROOT
        looked_at = {path.relative_to(ROOT).as_posix() for _, path in self.advisories.checks()}
        names = ("packaging/release.txt", "packaging/cargo.txt", "packaging/go/go.txt", "packaging/platforms/tools.txt")
        self.assertLessEqual({*names, "cli/tests/clients/wheels.txt", "packaging/go/go.mod"}, looked_at)
        # What other tools of these languages lock in: none is there, or it is looked at.
        kinds = ("go.mod", "Cargo.lock", "package-lock.json", "pom.xml", "yarn.lock", "pnpm-lock.yaml", "bun.lock")
        kinds += ("poetry.lock", "uv.lock", "Pipfile.lock", "pylock.toml", "gradle.lockfile", "Package.resolved")
        kinds += ("Gemfile.lock", "deno.lock")
        there = {name for name in tree.files(ROOT) if name.rsplit("/", 1)[-1] in kinds}
        self.assertEqual(there - looked_at, set())


if __name__ == "__main__":
    unittest.main()
