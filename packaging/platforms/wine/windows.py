"""What Windows has of its own: two kinds of event loop, paths, and Ctrl-C.

Run by `python/try-wheels` beside the programs of the READMEs, where the system is Windows or Wine.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from secondme_avatar import AvatarClient, Visitor

assert sys.platform == "win32"

# Ctrl-Break is what one process may send to another; a program may treat it as Ctrl-C, and this one does.
WAITS = """
import signal
from secondme_avatar import Visitor
from secondme_avatar.sync import AvatarClient

signal.signal(signal.SIGBREAK, signal.default_int_handler)
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
group = subprocess.CREATE_NEW_PROCESS_GROUP
with subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, text=True, creationflags=group) as child:
    assert child.stdout.readline() == "open\n"
    child.send_signal(signal.CTRL_BREAK_EVENT)
    assert child.stdout.read() == "interrupted\n"
assert child.returncode == 0
