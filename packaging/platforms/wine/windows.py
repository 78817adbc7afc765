"""What Windows has of its own: two kinds of event loop, paths, and Ctrl-C.

Run by `python/try-wheels` beside the programs of the READMEs, where the system is Windows or Wine.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from secondme_avatar import AvatarClient, Visitor

assert sys.platform == "win32"

# Under Wine no process can send Ctrl-C or Ctrl-Break to another that has no window. At a Ctrl-C Windows runs C's
# handler on a thread of its own; a thread of the program's does so here.
WAITS = """
import signal, sys, threading
from secondme_avatar import Visitor
from secondme_avatar.sync import AvatarClient

def interrupt():
    sys.stdin.readline()
    signal.raise_signal(signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
with AvatarClient() as client:
    chat = client.open(Visitor.for_user("web", "waits"))
    print("open", flush=True)
    try:
        for event in chat.events():
            pass
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


async def talk(store: Path) -> None:
    async with AvatarClient(store=str(store)) as client:
        chat = await client.open(Visitor.for_user("web", store.stem))
        assert (await chat.ask("Hello")).text == "You said: Hello"


with tempfile.TemporaryDirectory() as folder:
    for loop in (asyncio.ProactorEventLoop, asyncio.SelectorEventLoop):
        store = Path(folder, "a folder", f"{loop.__name__} 张三.db")
        store.parent.mkdir(exist_ok=True)
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(talk(store))
        assert store.stat().st_size > 0

command = [sys.executable, "-W", "error", "-c", WAITS]
pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
with subprocess.Popen(command, env=os.environ, **pipes) as child:
    assert child.stdout.readline() == "open\n"
    said, _ = child.communicate("now\n")
assert (said, child.returncode) == ("interrupted\n", 0)
