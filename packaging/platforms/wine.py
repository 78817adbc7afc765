"""Windows, as far as Wine is it. Two parts that Wine 8 or the Python at hand lacks are made here: a
bcryptprimitives.dll (`wine/bcryptprimitives.c`) and a python3.dll, which hands on to python312.dll as that of a
CPython from python.org does. npm runs outside, and installs what it would install there.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import places

MINGW = "x86_64-w64-mingw32"


class Wine(places.Place):
    """The paths are this machine's: Wine shows them as drive Z."""

    says = "Wine 8 with a bcryptprimitives.dll of our own; not Windows"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.is_foreign = False
        self.python_programs = ["/repo/packaging/platforms/wine/windows.py"]
        self.python, self.node = str(self.root / "python/python.exe"), str(self.root / "node/node.exe")
        self.java = str(self.root / "java/bin/java.exe")

    def how(self) -> str:
        return self.says

    def prepare(self) -> "Wine":
        places.need("wine", f"{MINGW}-gcc", "mvn")
        if not self.ready.exists():
            shutil.rmtree(self.root, ignore_errors=True)
            self.root.mkdir(parents=True)
            places.node(self.name, self.root / "node")
            places.java(self.name, self.root / "java")
            self.make()
            self.ready.touch()
        return self

    def make(self) -> None:
        subprocess.run(["wineboot", "--init"], check=True, env=self.environment(), stderr=subprocess.DEVNULL)
        system = self.root / "prefix/drive_c/windows/system32/bcryptprimitives.dll"
        source = Path(__file__).parent / "wine/bcryptprimitives.c"
        subprocess.run([f"{MINGW}-gcc", "-shared", "-O1", "-o", system, source, "-ladvapi32"], check=True)
        places.cpython_of_maven("windows-x86_64", self.root / "python")
        # What a virtual environment begins with, which this CPython lacks too: the interpreter itself does as well,
        # where its libraries are found (`environment`).
        shutil.copy(self.root / "python/python.exe", self.root / "python/lib/venv/scripts/nt/python.exe")
        # `platform` does without it; with it, it asks for a part of Windows that Wine 8 does not have, and dies.
        (self.root / "python/lib/_wmi.pyd").unlink()
        self.forward()

    def forward(self) -> None:
        """python3.dll: every name of the stable ABI that python312.dll has."""
        folder = self.root / "python"
        said = subprocess.run(
            [f"{MINGW}-objdump", "-p", folder / "python312.dll"], check=True, capture_output=True, text=True
        ).stdout
        names = re.findall(r"\[ *\d+\] (?:\+base\[ *\d+\] +\w+ )?(_?Py\w+)$", said, re.MULTILINE)
        definition = self.root / "python3.def"
        exports = "".join(f"  {name}=python312.{name}\n" for name in sorted(set(names)))
        definition.write_text(f"LIBRARY python3.dll\nEXPORTS\n{exports}")
        subprocess.run([f"{MINGW}-gcc", "-shared", "-nostdlib", "-o", folder / "python3.dll", definition], check=True)

    def environment(self) -> dict[str, str]:
        wine = {"WINEPREFIX": str(self.root / "prefix"), "WINEDEBUG": "-all", "NODE_SKIP_PLATFORM_CHECK": "1"}
        wine["WINEPATH"] = f"Z:{self.root / 'python'}".replace("/", "\\")
        # Before 3.15 Python writes into a pipe in the code page of the system, which has no emoji.
        return {**os.environ, **wine, "PYTHONUTF8": "1"}

    def node_there(self) -> dict:
        """npm's requests to a registry end with `connect UNKNOWN` under Wine 8."""
        return {"node": ["wine", self.node], "os": "win32", "cpu": "x64"}

    def output(self, *command: str, dist: Path) -> str:
        """Under Wine Python can write into pipes alone."""
        ran = subprocess.run(self.command(*command, dist=dist), input=b"", capture_output=True)
        sys.stderr.write(ran.stderr.decode(errors="replace"))
        ran.check_returncode()
        return ran.stdout.decode()

    def command(self, *command: str, dist: Path, environment: dict[str, str] | None = None) -> list[str]:
        moved = {"/repo": str(places.ROOT), "/dist": str(dist)}
        arguments = [
            re.sub(r"^(/repo|/dist)(?=/|$)", lambda found: moved[found[0]], part) for part in map(str, command)
        ]
        settings = {**self.environment(), **(environment or {})}
        changed = {name: value for name, value in settings.items() if os.environ.get(name) != value}
        return ["env", *(f"{name}={value}" for name, value in changed.items()), "wine", *arguments]
