"""The checks by the registries' own tools, each in the version that packaging/ pins."""

import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from .metadata import LICENCES, publish_order
from .report import Report
from .tree import workspace

VENV = ".tools/release"
NODE = "packaging/npm/node_modules/.bin"
SHELL = re.compile(rb"#!.*\b(ba)?sh\b")


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_COLOR": "1", "FORCE_COLOR": "0"}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


def said(ran: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (ran.stdout + ran.stderr).splitlines() if line.strip()]
    return " / ".join(lines[-6:])[:600]


def twine(root: Path, dist: Path, report: Report) -> None:
    wheels, program = sorted(dist.glob("*.whl")), root / VENV / "bin/twine"
    if not wheels:
        return
    if not program.is_file():
        report.without("twine", "what PyPI says to the wheels")
        return
    ran = run(root, str(program), "check", "--strict", *map(str, wheels))
    report.say(f"`twine check --strict` of {len(wheels)} wheels", [f"twine: {said(ran)}"] if ran.returncode else [])


def npm(root: Path, dist: Path, report: Report) -> None:
    """Has publint and attw look at the packages that have an interface; those of one platform have none."""
    tarballs = sorted(path for path in dist.glob("*.tgz") if re.search(r"-\d+\.\d+\.\d+[^/]*\.tgz$", path.name))
    platforms = re.compile(r"secondme-avatar-(node|emulator)-[a-z]")
    with_types = [path for path in tarballs if not platforms.match(path.name)]
    for name, paths, look in (("publint", tarballs, publint), ("attw", with_types, attw)):
        if paths and not (root / NODE / name).is_file():
            report.without(name, "what npm's users will find")
        elif paths:
            problems = [f"{name}: {path.name}: {problem}" for path in paths for problem in look(root, path)]
            report.say(f"`{name}` of {len(paths)} npm packages", problems)


def publint(root: Path, path: Path) -> list[str]:
    ran = run(root, str(root / NODE / "publint"), str(path), "--strict")
    return [said(ran)] if ran.returncode else []


def attw(root: Path, path: Path) -> list[str]:
    """Returns what a type checker would stumble over."""
    # The widget and the adapters are modules for bundlers and Node, and say so.
    only_modules = re.match(r"secondme-(avatar-widget|chat-adapter)-", path.name)
    ignored = {"node10", "node16-cjs"} if only_modules else set()
    # A script tag, and lists for tools, have no types.
    untyped = ["./widget.js", "./custom-elements.json", "./package.json"] if only_modules else []
    with tempfile.TemporaryFile() as out:
        # Into a file: of what goes into a pipe only the first 64 KiB come out. Its status counts what is ignored.
        without = ["--exclude-entrypoints", *untyped] if untyped else []
        command = [str(root / NODE / "attw"), str(path), "--format", "json", *without]
        subprocess.run(command, cwd=root, stdout=out, stderr=subprocess.STDOUT, check=False)
        out.seek(0)
        text = out.read().decode(errors="replace")
    try:
        analysis = json.loads(text)["analysis"]
    except (ValueError, KeyError):
        return [text.strip()[-300:] or "attw says nothing"]
    if not analysis.get("types"):
        return ["it has no types"]
    found = [one for one in analysis["problems"] if kind_of_resolution(one) not in ignored]
    return sorted({f"{one['kind']} ({one.get('entrypoint') or one.get('fileName')})" for one in found})


def kind_of_resolution(problem: dict) -> str | None:
    return problem.get("resolutionKind") or problem.get("resolutionOption")


def crates(root: Path, report: Report) -> None:
    """Has cargo pack the crates that are published, without compiling them, and looks for the licences in each."""
    if shutil.which("cargo") is None:
        report.without("cargo", "the crates as they are packed")
        return
    names = [f"--package={name}" for name in publish_order(root)]
    ran = run(root, "cargo", "package", "--quiet", "--locked", "--no-verify", "--allow-dirty", *names)
    if ran.returncode:
        report.wrong.append(f"cargo: {said(ran)}")
        return
    version, problems = workspace(root)["package"]["version"], []
    packed = Path(os.environ.get("CARGO_TARGET_DIR") or root / "target") / "package"
    for name in publish_order(root):
        with tarfile.open(packed / f"{name}-{version}.crate") as crate:
            there = set(crate.getnames())
        for file in (*LICENCES, "README.md", "Cargo.toml"):
            if f"{name}-{version}/{file}" not in there:
                problems.append(f"{name}-{version}.crate: there is no {file} in it")
    report.say("the crates as cargo packs them, and their licences", problems)


def last_tag(root: Path) -> str | None:
    """Returns the newest tag of a release before this commit."""
    ran = run(root, "git", "tag", "--list", "v[0-9]*", "--merged", "HEAD", "--sort=-version:refname")
    here = run(root, "git", "tag", "--points-at", "HEAD").stdout.split()
    return next((tag for tag in ran.stdout.split() if tag not in here), None)


def semver(root: Path, report: Report) -> None:
    if not (root / ".git").exists():
        report.unchecked.append("semver: this is no checkout, so there is no tag to compare with")
        return
    tag = last_tag(root)
    if tag is None:
        report.needless.append("semver: there is no tag of an earlier release to compare the Rust API with")
        return
    ran = run(root, "make", "--no-print-directory", "semver", f"BASELINE={tag}")
    report.say(f"the Rust API fits its version, beside {tag}", [f"semver: {said(ran)}"] if ran.returncode else [])


def workflows(root: Path, report: Report) -> None:
    """Has actionlint (and through it shellcheck) and zizmor look at the workflows; nothing is asked of a network."""
    if not (root / ".github/workflows").is_dir():
        return
    files = sorted(str(path.relative_to(root)) for path in (root / ".github/workflows").glob("*.yml"))
    actionlint, shellcheck = root / ".tools/bin/actionlint", root / VENV / "bin/shellcheck"
    scripts = [path for path in shell_scripts(root) if (root / path).is_file()]
    commands = [
        ("actionlint", actionlint, [f"-shellcheck={shellcheck}", "-pyflakes=", *files], f"{len(files)} workflows"),
        ("shellcheck", shellcheck, scripts, f"{len(scripts)} scripts that they run"),
    ]
    for name, program, arguments, what in commands:
        if name == "shellcheck" and not scripts:
            continue
        if not program.is_file() or not shellcheck.is_file():
            report.without(name, what)
            continue
        ran = run(root, str(program), *arguments)
        report.say(f"`{name}` of {what}", [f"{name}: {said(ran)}"] if ran.returncode else [])
    zizmor(root, files, report)


def zizmor(root: Path, files: list[str], report: Report) -> None:
    """Has zizmor look for what an attacker could use: injection, permissions, actions that are not pinned."""
    program = root / VENV / "bin/zizmor"
    if not program.is_file():
        report.without("zizmor", f"{len(files)} workflows")
        return
    ran = run(root, str(program), "--offline", "--no-progress", "--format=json", *files)
    try:
        found = json.loads(ran.stdout)
    except ValueError:
        report.wrong.append(f"zizmor: {said(ran)}")
        return
    problems = []
    for one in found:
        location = next(place for place in one["locations"] if place["symbolic"]["kind"] == "Primary")
        line = location["concrete"]["location"]["start_point"]["row"] + 1
        path = next(iter(location["symbolic"]["key"].values()))["verbatim_path"]
        problems.append(f"zizmor: {path}:{line}: {one['desc']} ({one['ident']})")
    report.say(f"`zizmor` of {len(files)} workflows", problems)


def shell_scripts(root: Path) -> list[str]:
    """Returns what in packaging/ and .ci/ is a script of a shell."""
    paths = [path for folder in ("packaging", ".ci") for path in sorted((root / folder).glob("*")) if path.is_file()]
    return [str(path.relative_to(root)) for path in paths if SHELL.match(path.read_bytes())]


USES = re.compile(r"^\s*(?:- )?uses: (?P<action>[^@\s]+)@(?P<at>\S+)(?P<comment>.*)$", re.MULTILINE)


def pins(root: Path) -> tuple[int, list[str]]:
    """Returns how many actions the workflows use, and those that are not pinned to a commit beside its version."""
    problems, count = [], 0
    for path in sorted((root / ".github/workflows").glob("*.yml")):
        for use in USES.finditer(path.read_text(encoding="utf-8")):
            count += 1
            if not re.fullmatch(r"[0-9a-f]{40}", use["at"]):
                problems.append(f"{path.relative_to(root)}: {use['action']} is not pinned to a commit: {use['at']}")
            elif not re.fullmatch(r"\s+# v\d+(\.\d+){2}", use["comment"]):
                problems.append(f"{path.relative_to(root)}: {use['action']} does not say which version its commit is")
    return count, problems
