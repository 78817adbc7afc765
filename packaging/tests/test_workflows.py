"""What the workflow of a release runs, as far as that can be run without what it builds."""

import fnmatch
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import ClassVar

from tests.support import PACKAGING, ROOT, stand_in

RELEASE = ROOT / ".github/workflows/release.yml"


def job(name: str) -> str:
    """Returns the text of a job."""
    text = RELEASE.read_text(encoding="utf-8").split("\njobs:\n")[1]
    return re.search(rf"^  {name}:\n(?:(?:    .*)?\n)+", text, re.MULTILINE)[0]


class OfTheTag(unittest.TestCase):
    """make takes TAG from the environment, and the workflow has it there for all of its jobs."""

    @unittest.skipUnless(shutil.which("make"), "make is not installed")
    def command(self, name: str) -> str:
        """Returns what the job's `make release-check` would run on a tag."""
        (line,) = re.findall(r"run: (make release-check\b.*)", job(name))
        environment = {**os.environ, "TAG": "v1.2.3"}
        shell = ["bash", "-ec", line.replace("make ", "make --dry-run ", 1)]
        ran = subprocess.run(shell, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        (command,) = (one for one in ran.stdout.splitlines() if re.search(r"packaging/release-check\b", one))
        return command

    def test_a_job_that_has_built_nothing_does_not_ask_for_all_of_it(self) -> None:
        self.assertIn("TAG: ${{", RELEASE.read_text(encoding="utf-8"))
        self.assertNotIn("--tag", self.command("check"))

    def test_the_job_that_has_all_of_it_does(self) -> None:
        self.assertIn("--tag v1.2.3", self.command("assemble"))


class Attested(unittest.TestCase):
    """Each package that holds compiled code, with the list of what is linked in."""

    CODE: ClassVar = {
        "secondme_avatar-1.2.3-cp310-abi3-manylinux_2_17_x86_64.whl": "python",
        "secondme-avatar-node-linux-x64-gnu-1.2.3.tgz": "node",
        "secondme-avatar-1.2.3.jar": "ffi",
        "SecondMeAvatarFFI-1.2.3.xcframework.zip": "ffi",
        "SecondMeAvatar-1.2.3-linux-x86_64.tar.gz": "ffi",
        "secondme_avatar_emulator-1.2.3-py3-none-manylinux_2_17_x86_64.whl": "emulator",
        "secondme-avatar-emulator-linux-x64-gnu-1.2.3.tgz": "emulator",
        "secondme-avatar-testing-1.2.3.jar": "emulator",
    }
    NO_CODE = (
        "secondme-avatar-java-1.2.3.jar",
        "secondme-avatar-slf4j-1.2.3.jar",
        "secondme-avatar-1.2.3-sources.jar",
        "secondme-avatar-testing-1.2.3-javadoc.jar",
        "secondme-avatar-emulator-1.2.3.tgz",
    )

    def test_every_package_that_holds_code_and_no_other(self) -> None:
        step = re.compile(r"uses: actions/attest-sbom@.*?subject-path: (.*?)sbom-path: (\w+)\.cdx\.json", re.DOTALL)
        lists = [(subjects.strip("|\n ").split(), name) for subjects, name in step.findall(job("attest"))]
        self.assertEqual({name for _, name in lists}, set(self.CODE.values()))

        def of(package: str) -> list[str]:
            found = []
            for subjects, name in lists:
                wanted = [one for one in subjects if not one.startswith("!")]
                others = [one[1:] for one in subjects if one.startswith("!")]
                is_of = [any(fnmatch.fnmatch(f"dist/{package}", one) for one in those) for those in (wanted, others)]
                found += [name] if is_of == [True, False] else []
            return found

        self.assertEqual({package: of(package) for package in self.CODE}, {p: [n] for p, n in self.CODE.items()})
        self.assertEqual({package: of(package) for package in self.NO_CODE}, {package: [] for package in self.NO_CODE})


class BuildHere(unittest.TestCase):
    """The machines of the release, by what their `uname` and `rustc` say."""

    def natives(self, system: str, machine: str, host: str) -> tuple[int, list[str]]:
        """Has `build-here natives` lay its files, with stand-ins for what compiles them. Returns those files."""
        with tempfile.TemporaryDirectory(prefix="secondme-avatar-build-here-") as name:
            root, tools = Path(name), Path(name, "tools")
            (root / "packaging").mkdir()
            shutil.copyfile(PACKAGING / "build-here", root / "packaging/build-here")
            (root / "packaging/build-here").chmod(0o755)
            (root / "packaging/version").write_text("print('1.2.3')\n", encoding="utf-8")
            stand_in(root / "packaging", "remap", ":")
            stand_in(tools, "uname", f'[ "$1" = -s ] && echo {system} || echo {machine}')
            stand_in(tools, "rustc", f"printf 'rustc 1.95.0\\nbinary: rustc\\nhost: {host}\\nrelease: 1.95.0\\n'")
            names = ("libsecondme_avatar_ffi.dylib", "secondme_avatar_ffi.dll", "libsecondme_avatar_ffi.so")
            names += ("secondme-avatar-emulator", "secondme-avatar-emulator.exe")
            stand_in(
                tools,
                "cargo",
                f"mkdir -p target/size target/dist; cd target; touch {{size,dist}}/{{{','.join(names)}}}",
            )
            stand_in(tools, "strip", ":")
            environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
            environment.pop("CARGO_TARGET_DIR", None)
            command = [root / "packaging/build-here", "natives"]
            ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            found = (path.relative_to(root).as_posix() for path in (root / "dist").rglob("*") if path.is_file())
            return ran.returncode, sorted(found)

    def test_each_machine_lays_its_files_into_the_folder_of_its_own_system_and_processor(self) -> None:
        machines = {
            "win32-aarch64": ("MINGW64_NT-10.0-26100", "x86_64", "aarch64-pc-windows-msvc"),
            "win32-x86-64": ("MINGW64_NT-10.0-26100", "x86_64", "x86_64-pc-windows-msvc"),
            "darwin-aarch64": ("Darwin", "arm64", "aarch64-apple-darwin"),
            "darwin-x86-64": ("Darwin", "x86_64", "x86_64-apple-darwin"),
            "linux-aarch64": ("Linux", "aarch64", "aarch64-unknown-linux-gnu"),
        }
        for folder, (system, machine, host) in machines.items():
            with self.subTest(folder):
                status, files = self.natives(system, machine, host)
                self.assertEqual(status, 0)
                self.assertEqual({path.split("/")[3] for path in files}, {folder})
                self.assertEqual(len(files), 2, files)

    def test_a_machine_for_which_nothing_is_handed_out(self) -> None:
        self.assertEqual(self.natives("Linux", "riscv64", "riscv64gc-unknown-linux-gnu"), (1, []))


if __name__ == "__main__":
    unittest.main()
