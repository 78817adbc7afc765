"""The table of what is built: targets.json, which Node's tools read as well."""

import json
import platform
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGETS = json.loads((Path(__file__).parent / "targets.json").read_text(encoding="utf-8"))
VERSION = next(
    line.split('"')[1]
    for line in (ROOT / "Cargo.toml").read_text(encoding="utf-8").splitlines()
    if line.startswith("version = ")
)


def named(name: str) -> dict:
    for target in TARGETS:
        if target["name"] == name:
            return target
    sys.exit(f"there is no target {name} in packaging/platforms/targets.json: {' '.join(t['name'] for t in TARGETS)}")


def here() -> dict:
    """The one for this machine."""
    system = {"Linux": "linux", "Darwin": "darwin", "Windows": "win32"}.get(platform.system())
    cpu = {"x86_64": "x64", "AMD64": "x64", "aarch64": "arm64", "arm64": "arm64", "ARM64": "arm64"}.get(
        platform.machine()
    )
    libc = ("glibc" if platform.libc_ver()[0] == "glibc" else "musl") if system == "linux" else None
    for target in TARGETS:
        npm = target["npm"]
        if (npm["os"], npm["cpu"], npm.get("libc")) == (system, cpu, libc):
            return target
    sys.exit(f"there is no target for {platform.system()} {platform.machine()} in packaging/platforms/targets.json")


def library(target: dict, crate: str) -> str:
    """What cargo calls a library there."""
    system = target["npm"]["os"]
    if system == "win32":
        return f"{crate}.dll"
    return f"lib{crate}.{'dylib' if system == 'darwin' else 'so'}"


def program(target: dict, name: str) -> str:
    return f"{name}.exe" if target["npm"]["os"] == "win32" else name
