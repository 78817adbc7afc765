"""What was built and tried, when and how: `tried.json`, from which the tables in the pages are written (`table`)."""

import datetime
import json
import os
import platform
from pathlib import Path

TRIED = Path(__file__).parent / "tried.json"


def record(subject: str, part: str, *, how: str, what: str) -> None:
    """Writes down that a part (`python`, `node`, `jar`, `checked`, …) of a target or of a runtime was tried now."""
    tried = read()
    tried.setdefault(subject, {})[part] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "by": by(),
        "how": how,
        "what": what,
    }
    text = json.dumps(tried, indent=2, ensure_ascii=False, sort_keys=True)
    TRIED.write_text(text + "\n", encoding="utf-8")


def read() -> dict:
    return json.loads(TRIED.read_text(encoding="utf-8")) if TRIED.exists() else {}


def forget(subject: str, part: str) -> None:
    """What fails now has no record any more."""
    tried = read()
    if tried.get(subject, {}).pop(part, None):
        TRIED.write_text(json.dumps(tried, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def by() -> str:
    """Which kind of machine did it."""
    if runner := os.environ.get("RUNNER_OS"):
        return f"a hosted runner ({runner} {os.environ.get('RUNNER_ARCH', '')})".replace(" )", ")")
    release = platform.freedesktop_os_release() if platform.system() == "Linux" else {}
    name = release.get("PRETTY_NAME", platform.system()).replace("GNU/Linux ", "")
    return f"{name}, {platform.machine()}"
