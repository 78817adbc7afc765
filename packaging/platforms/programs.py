"""The READMEs' programs, played in a place with the packages that lie in a folder. Each says what it has done."""

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from places import Place
from places import pip as pip_wheel
from targets import ROOT, program

EXPECTED = "I'm the avatar of Ada Lovelace"
JVM_PROGRAMS = {"Kotlin": ("lib", "QuickstartKt"), "Java": ("lib-java", "Quickstart")}
"""What `jar-program` has built: the class path, and the class."""


def python(where: Place, dist: Path) -> str:
    shutil.copy(pip_wheel(), dist / "tools")
    wheel = f"/dist/tools/{pip_wheel().name}"
    return said(where, dist, where.python, "/repo/python/try-wheels", "/dist", wheel, *where.python_programs)


def node(where: Place, dist: Path) -> str:
    if there := where.node_there():
        command = ["node", str(ROOT / "node/tools/check-packages.mjs"), str(dist)]
        settings = {**where.environment(), "THERE": json.dumps(there)}
        return last(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=settings).stdout.decode())
    return said(where, dist, where.node, "/repo/node/tools/check-packages.mjs", "/dist")


def jar(where: Place, dist: Path) -> str:
    """The emulator and the JVM both run there."""
    target = where.target
    emulator = dist / "tools" / program(target, "secondme-avatar-emulator")
    built = ROOT / "target" / target["rust"] / "dist" / emulator.name
    shutil.copy(built, emulator)
    serve = where.command(f"/dist/tools/{emulator.name}", "--json", "--until-stdin-ends", "--brain", "demo", dist=dist)
    with subprocess.Popen(serve, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as service:
        try:
            ready = json.loads(service.stdout.readline())
            threading.Thread(target=service.stdout.read, daemon=True).start()
            settings = {"SECONDME_API_KEY": ready["api_key"], "SECONDME_BASE_URL": ready["base_url"]}
            options = ["-Xint"] if where.is_foreign else []
            for language, (jars, main) in JVM_PROGRAMS.items():
                command = [where.java, *options, "-cp", f"/dist/java/{jars}/*", main]
                ran = where.run(*command, dist=dist, environment=settings, capture_output=True)
                # Java 17 for Windows prints in the code page of the system.
                heard = ran.stdout.decode(errors="replace")
                if EXPECTED not in heard:
                    sys.exit(f"the {language} program has said: {heard}")
        finally:
            service.stdin.close()
    version = java_version(where, dist)
    return f"the jars come out of a Maven repository and talk: the Kotlin and the Java program; JDK {version}"


def java_version(where: Place, dist: Path) -> str:
    return where.run(where.java, "-version", dist=dist, capture_output=True).stderr.decode().split('"')[1]


def said(where: Place, dist: Path, *command: str) -> str:
    """What a command prints last; the rest goes through."""
    return last(where.output(*command, dist=dist))


def last(text: str) -> str:
    *lines, line = text.strip().splitlines()
    for before in lines:
        print(f"  {before}", flush=True)
    return line


PARTS = {"python": python, "node": node, "jar": jar}
