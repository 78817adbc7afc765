"""The example of the module runs as it stands."""

import subprocess
import sys
import textwrap
from pathlib import Path

import secondme_avatar.desk
from secondme_avatar.testing import Emulator


def test_the_example_of_the_module_runs(emulator: Emulator, tmp_path: Path) -> None:
    text = secondme_avatar.desk.__doc__ or ""
    program = textwrap.dedent(text[text.index("    import asyncio") : text.index("``secondme_avatar.desk.matrix``")])
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path
    )
    assert done.stdout.splitlines() == [
        "to ada: You said: Hello",
        "to ada: Bob has joined and answers you in person.",
        "for operators: Ada has said with the avatar so far:",
        "Ada: Hello",
        "My Assistant: You said: Hello",
    ]
