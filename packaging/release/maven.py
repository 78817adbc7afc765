"""The bundle that Maven Central takes: made from what lies in dist/, and held against the rules of its Portal."""

import hashlib
import io
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from .metadata import BOM, POM

CHECKSUMS = ("md5", "sha1", "sha256", "sha512")
"""Central asks for the first two."""
NEEDED = ("md5", "sha1")
BESIDE = re.compile(r"\.(md5|sha1|sha256|sha512|asc)$")
# A bundle is the same bytes from the same files: a zip cannot say an earlier day.
THEN = (1980, 1, 1, 0, 0, 0)
LIMIT = 1024**3
"""What the Portal takes at most, in bytes."""
FIELDS = (
    "groupId",
    "artifactId",
    "version",
    "name",
    "description",
    "url",
    "licenses/license/name",
    "licenses/license/url",
    "developers/developer/name",
    "scm/connection",
    "scm/developerConnection",
    "scm/url",
)
"""What a pom has to say. Central counts a licence without an address as none."""


def of(project: ElementTree.Element, path: str) -> str | None:
    return project.findtext("/".join(POM + name for name in path.split("/")))


def managed(project: ElementTree.Element) -> list[str]:
    """Returns the artefacts of a pom's own group whose version it says to others."""
    group = of(project, "groupId") or of(project, "parent/groupId")
    ours = project.iterfind(f"{POM}dependencyManagement/{POM}dependencies/{POM}dependency")
    return [str(of(one, "artifactId")) for one in ours if of(one, "groupId") == group]


def artefacts(root: Path, version: str) -> list[str]:
    """Returns the files that a release hands out for Maven: the BOM's, and those of all that it names."""
    project = ElementTree.fromstring((root / BOM).read_text(encoding="utf-8"))
    endings = (".pom", ".jar", "-sources.jar", "-javadoc.jar")
    jars = [f"{name}-{version}{ending}" for name in managed(project) for ending in endings]
    return [f"{of(project, 'artifactId')}-{version}.pom", *jars]


def parts(pom: Path) -> list[Path]:
    """Returns the pom and what has to lie beside it."""
    project = ElementTree.fromstring(pom.read_text(encoding="utf-8"))
    if of(project, "packaging") == "pom":
        return [pom]
    return [pom, *(pom.with_name(f"{pom.stem}{ending}.jar") for ending in ("", "-sources", "-javadoc"))]


def sign(path: Path, key: str) -> bytes:
    """Returns the signature by gpg. The passphrase, if the key has one, comes from MAVEN_GPG_PASSPHRASE."""
    command = ["gpg", "--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase-fd", "0", "--local-user", key]
    command += ["--armor", "--detach-sign", "--output", "-", str(path)]
    passphrase = os.environ.get("MAVEN_GPG_PASSPHRASE", "").encode()
    return subprocess.run(command, input=passphrase, stdout=subprocess.PIPE, check=True).stdout


def bundle(dist: Path, version: str, out: Path, key: str | None) -> list[str]:
    """Writes the bundle. Returns what is missing for it; then nothing is written."""
    poms = sorted(dist.glob(f"secondme-avatar*-{version}.pom"))
    if not poms:
        return [f"there is no pom of version {version} in {dist}"]
    files = [path for pom in poms for path in parts(pom)]
    if missing := [f"{path.name} is not in {dist}" for path in files if not path.is_file()]:
        return missing
    content: dict[str, bytes] = {}
    for pom in poms:
        project = ElementTree.fromstring(pom.read_text(encoding="utf-8"))
        group, name = str(of(project, "groupId")), str(of(project, "artifactId"))
        folder = "/".join([*group.split("."), name, version])
        for path in parts(pom):
            data = path.read_bytes()
            content[f"{folder}/{path.name}"] = data
            content |= {
                f"{folder}/{path.name}.{kind}": hashlib.new(kind, data).hexdigest().encode() for kind in CHECKSUMS
            }
            if key:
                content[f"{folder}/{path.name}.asc"] = sign(path, key)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(content.items()):
            archive.writestr(zipfile.ZipInfo(name, THEN), data, zipfile.ZIP_DEFLATED)
    return []


def check(path: Path, *, signed: bool, has_repository: bool = True) -> list[str]:
    """Returns the rules of the Portal that a bundle breaks. As long as there is no repository, no pom can name it."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    problems = (
        [] if path.stat().st_size <= LIMIT else [f"{path.name}: it is larger than the Portal takes, {LIMIT} bytes"]
    )
    files = sorted(name for name in content if not BESIDE.search(name))
    for name in files:
        problems += [f"{name}: {problem}" for problem in of_file(name, content, signed=signed)]
    poms = [name for name in files if name.endswith(".pom")]
    if not poms:
        problems.append(f"{path.name}: there is no pom in it")
    for name in poms:
        problems += [f"{name}: {problem}" for problem in of_pom(name, content, has_repository=has_repository)]
    if signed and shutil.which("gpg"):
        problems += signatures(files, content)
    return problems


def of_file(name: str, content: dict[str, bytes], *, signed: bool) -> list[str]:
    problems = []
    for kind in CHECKSUMS:
        sum_ = content.get(f"{name}.{kind}")
        if sum_ is None and kind in NEEDED:
            problems.append(f"there is no {kind} of it")
        elif sum_ is not None and sum_.decode().strip() != hashlib.new(kind, content[name]).hexdigest():
            problems.append(f"its {kind} is of another file")
    if signed and f"{name}.asc" not in content:
        problems.append("there is no signature of it")
    version = PurePosixPath(name).parent.name
    if f"-{version}" not in PurePosixPath(name).name:
        problems.append(f"it does not lie in the folder of its version, {version}")
    if "SNAPSHOT" in version:
        problems.append("a SNAPSHOT is not released")
    return problems


def of_pom(name: str, content: dict[str, bytes], *, has_repository: bool) -> list[str]:
    project = ElementTree.fromstring(content[name].decode())
    asked = [field for field in FIELDS if has_repository or not field.startswith("scm/")]
    problems = [f"it has no {field}, which Maven Central asks for" for field in asked if not of(project, field)]
    group, artefact, version = (of(project, field) or "" for field in FIELDS[:3])
    wanted = f"{group.replace('.', '/')}/{artefact}/{version}/{artefact}-{version}"
    if name != f"{wanted}.pom":
        problems.append(f"it is {group}:{artefact}:{version}, and does not lie there")
    if project.find(f"{POM}parent") is not None:
        problems.append("it has a parent, which users would need as well")
    for one in project.iterfind(f"{POM}dependencies/{POM}dependency"):
        if not of(one, "version"):
            problems.append(f"its dependency {of(one, 'artifactId')} has no version")
        elif str(of(one, "version")).endswith("SNAPSHOT"):
            problems.append(f"its dependency {of(one, 'artifactId')} is a SNAPSHOT")
    for one in managed(project):
        if f"{group.replace('.', '/')}/{one}/{version}/{one}-{version}.pom" not in content:
            problems.append(f"it names {one}, which is not in the bundle")
    if of(project, "packaging") != "pom":
        for ending in ("", "-sources", "-javadoc"):
            jar = content.get(f"{wanted}{ending}.jar")
            if jar is None:
                problems.append(f"there is no {artefact}-{version}{ending}.jar beside it")
            elif not zipfile.is_zipfile(io.BytesIO(jar)):
                problems.append(f"{artefact}-{version}{ending}.jar is no jar")
    return problems


def signatures(files: list[str], content: dict[str, bytes]) -> list[str]:
    """Returns the files whose signature is not by a key of this machine, or of another file."""
    problems = []
    with tempfile.TemporaryDirectory() as scratch:
        file, signature = Path(scratch, "file"), Path(scratch, "file.asc")
        for name in files:
            if f"{name}.asc" not in content:
                continue
            file.write_bytes(content[name])
            signature.write_bytes(content[f"{name}.asc"])
            command = ["gpg", "--batch", "--quiet", "--verify", str(signature), str(file)]
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
            if ran.returncode != 0:
                said = ran.stderr.strip().splitlines()
                problems.append(f"{name}: its signature does not hold: {said[-1] if said else 'gpg says nothing'}")
    return problems
