"""Mistakes that the registries' own tools find. They are passed over where `make release-tools` was not run."""

import shutil
import subprocess
import tempfile
import unittest
from datetime import date
from pathlib import Path

from release import archives, changelog, tools, versions
from release.report import Report
from tests.support import ROOT, VERSION, archive, npm, npm_packages, wheel

TWINE, ZIZMOR = ROOT / tools.VENV / "bin/twine", ROOT / tools.VENV / "bin/zizmor"
PUBLINT, ATTW = ROOT / tools.NODE / "publint", ROOT / tools.NODE / "attw"
TOWNCRIER = ROOT / tools.VENV / "bin/towncrier"
ACTIONLINT = ROOT / ".tools/bin/actionlint"
WORKFLOW = """\
name: w
on: [pull_request]
permissions: {{}}
jobs:
  j:
    runs-on: {machine}
    steps:
      - run: {run}
"""


def needs(*programs: Path):
    return unittest.skipUnless(all(one.is_file() for one in programs), "make release-tools was not run")


class OfAFolder(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="secondme-avatar-tools-")
        self.addCleanup(folder.cleanup)
        self.folder, self.report = Path(folder.name), Report()

    def complaint(self) -> str:
        self.assertEqual(len(self.report.wrong), 1, self.report.lines())
        return self.report.wrong[0]


class Packages(OfAFolder):
    @needs(TWINE)
    def test_a_wheel_whose_page_pypi_would_refuse(self) -> None:
        path = wheel(self.folder)
        tools.twine(ROOT, self.folder, self.report)
        self.assertEqual(self.report.wrong, [])
        files = archives.Artefact(path).files
        info = f"secondme_avatar-{versions.for_python(VERSION)}.dist-info/METADATA"
        # Without a text there is no page.
        archive(path, {**files, info: files[info].replace(b"# A wheel\n", b"")})
        tools.twine(ROOT, self.folder, self.report)
        self.assertIn("`long_description` missing", self.complaint())

    @needs(PUBLINT, ATTW)
    def test_an_npm_package_that_leads_to_files_that_are_not_in_it(self) -> None:
        npm_packages(self.folder)
        tools.npm(ROOT, self.folder, self.report)
        self.assertEqual(self.report.wrong, [])
        npm_packages(self.folder, exports={".": {"types": "./lib/index.d.ts", "default": "./lib/main.js"}})
        tools.npm(ROOT, self.folder, self.report)
        publint = [one for one in self.report.wrong if one.startswith(f"publint: secondme-avatar-{VERSION}.tgz: ")]
        self.assertEqual(len(publint), 1, self.report.wrong)
        self.assertIn("./lib/main.js", publint[0])

    @needs(PUBLINT, ATTW)
    def test_an_npm_package_whose_types_say_another_kind_of_module(self) -> None:
        # Modules by `type`, and types of CommonJS.
        exports = {".": {"types": "./lib/index.d.cts", "default": "./lib/index.js"}}
        manifest = {"type": "module", "main": "./lib/index.js", "types": "./lib/index.d.cts", "exports": exports}
        lib = {"lib/index.js": b"export default 1\n", "lib/index.d.cts": b"declare const one: number\nexport = one\n"}
        npm(self.folder, "secondme-avatar", manifest, lib)
        tools.npm(ROOT, self.folder, self.report)
        self.assertTrue(any(one.startswith("attw: ") for one in self.report.wrong), self.report.lines())


class Changelog(OfAFolder):
    @needs(TOWNCRIER)
    def test_a_section_out_of_fragments(self) -> None:
        (self.folder / "packaging").mkdir()
        for path in ("towncrier.toml", "packaging/changelog.jinja"):
            shutil.copyfile(ROOT / path, self.folder / path)
        start = "# Changelog\n\n<!-- The sections of the versions begin here. -->\n"
        (self.folder / "CHANGELOG.md").write_text(f"{start}\n## 0.1.0 - 2026-01-01\n\n- First.\n", encoding="utf-8")
        fragments = {"b.fixed.md": "A mend.\n", "a.added.md": "A call ([page](../docs/x.md)),\nin two lines.\n"}
        fragments["many.added.md"] = "- One.\n- Two.\n"
        (self.folder / "changelog.d").mkdir()
        for name, text in fragments.items():
            (self.folder / "changelog.d" / name).write_text(text, encoding="utf-8")
        self.assertEqual(changelog.of_fragments(self.folder), [])
        for command in (
            ["git", "init", "--quiet"],
            [TOWNCRIER, "build", "--yes", "--version=0.2.0", "--date=2026-02-03"],
        ):
            subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
        added = "- One.\n- Two.\n- A call ([page](docs/x.md)),\n  in two lines.\n"
        section = f"## 0.2.0 - 2026-02-03\n\n### Added\n\n{added}\n### Fixed\n\n- A mend.\n"
        said = (self.folder / "CHANGELOG.md").read_text(encoding="utf-8")
        self.assertEqual(said, f"{start}\n{section}\n## 0.1.0 - 2026-01-01\n\n- First.\n")
        _, problems, undecided = changelog.check(self.folder, "0.2.0", releasing=True, today=date(2026, 2, 3))
        self.assertEqual((problems, undecided), ([], []))
        self.assertEqual(changelog.notes(self.folder, "0.2.0"), section.split("\n\n", 1)[1])


class Workflows(OfAFolder):
    def workflow(self, run: str, machine: str = "ubuntu-24.04") -> Report:
        """Has the tools look at one workflow and one script, in a tree of their own."""
        (self.folder / ".github/workflows").mkdir(parents=True)
        text = WORKFLOW.format(run=run, machine=machine)
        (self.folder / ".github/workflows/w.yml").write_text(text, encoding="utf-8")
        for place in (".tools", "packaging/npm"):
            (self.folder / place).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / place).symlink_to(ROOT / place)
        tools.workflows(self.folder, self.report)
        return self.report

    @needs(ACTIONLINT, ZIZMOR)
    def test_a_workflow_without_a_mistake(self) -> None:
        self.assertEqual(self.workflow("echo all is well").wrong, [])

    @needs(ACTIONLINT, ZIZMOR)
    def test_a_machine_that_does_not_exist(self) -> None:
        self.workflow("echo all is well", machine="ubuntu-1.0")
        self.assertIn('actionlint: .github/workflows/w.yml:6:14: label "ubuntu-1.0" is unknown', self.complaint())

    @needs(ACTIONLINT, ZIZMOR)
    def test_a_step_into_which_the_title_of_a_pull_request_gets(self) -> None:
        self.workflow('echo "${{ github.event.pull_request.title }}"')
        found = "\n".join(self.report.wrong)
        self.assertIn("zizmor: .github/workflows/w.yml:8: ", found)
        self.assertIn("(template-injection)", found)
        self.assertIn("is potentially untrusted", found)

    @needs(ACTIONLINT, ZIZMOR)
    def test_a_script_that_the_workflows_run(self) -> None:
        (self.folder / "packaging").mkdir()
        (self.folder / "packaging/step").write_text("#!/bin/sh\nrm -rf $1/\n", encoding="utf-8")
        self.workflow("echo all is well")
        self.assertIn("SC2086", self.complaint())


if __name__ == "__main__":
    unittest.main()
