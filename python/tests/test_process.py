"""The interpreter's exit, forks, signals, and threads that do not let go of the GIL."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from secondme_avatar import AvatarClient, Conversation
from secondme_avatar.testing import Emulator

Script = Callable[[str], list[str]]

RUNS = int(os.environ.get("EXIT_RUNS", "2"))
"""How often each way out is taken with each interpreter: `make bench-python` takes more."""


def interpreters() -> dict[str, str]:
    """Every CPython at hand that the package is for, by its version."""
    names = [sys.executable, *(f"python3.{minor}" for minor in range(10, 20))]
    paths = [shutil.which(name) for name in names]
    paths += map(str, Path.home().glob(".pyenv/versions/3.*/bin/python3"))
    ask = "import sys; print(sys.implementation.name, *sys.version_info[:2])"
    found: dict[str, str] = {}
    for path in filter(None, paths):
        said = subprocess.run([path, "-c", ask], capture_output=True, text=True, check=False).stdout.split()
        if said[:2] == ["cpython", "3"] and int(said[2]) >= 10:
            found.setdefault(f"3.{said[2]}", path)
    return found


INTERPRETERS = interpreters()

FLOOD = {"script": {"rules": [{"when": "any", "then": [{"frame": {"type": "news"}}] * 3000}]}}

WAYS_OUT = {
    "the loop ends": """
        async def main():
            client = AvatarClient()
            chat = await client.open(Visitor.for_user("test", "ada"))
            listening = asyncio.create_task(listen(chat.events()))
            asking = asyncio.create_task(chat.ask("Hello"))
            stream = chat.stream("And?")
            chat.on("unknown")(lambda event: None)
            await anext(client.events())
            print("done", flush=True)
        asyncio.run(main())
    """,
    "an exit within the loop": """
        async def main():
            global client, chat
            client = AvatarClient()
            chat = await client.open(Visitor.for_user("test", "ada"))
            await chat.send("Hello")
            async for event in client.events():
                print("done", flush=True)
                sys.exit(0)
        asyncio.run(main())
    """,
    "threads that still listen": """
        client = sync.AvatarClient()
        chat = client.open(Visitor.for_user("test", "ada"))
        for events in chat.events(), client.events():
            threading.Thread(target=all, args=((True for _ in events),), daemon=True).start()
        chat.send("Hello")
        next(client.events())
        print("done", flush=True)
    """,
    "a loop in a thread": """
        opened = threading.Event()
        async def main():
            client = AvatarClient()
            chat = await client.open(Visitor.for_user("test", "ada"))
            await chat.send("Hello")
            opened.set()
            await listen(client.events())
        threading.Thread(target=asyncio.run, args=(main(),), daemon=True).start()
        opened.wait()
        print("done", flush=True)
    """,
}

BEGIN = """
import asyncio, sys, threading
from secondme_avatar import AvatarClient, Visitor, sync
async def listen(events):
    async for event in events:
        pass
"""


@pytest.mark.parametrize("version", INTERPRETERS)
@pytest.mark.parametrize("way_out", WAYS_OUT)
def test_an_exit_with_open_conversations_is_clean_and_quick(
    version: str, way_out: str, emulator: Emulator, tmp_path: Path
) -> None:
    emulator.sync.settings(brain=FLOOD, quota_per_minute=10_000)
    program = tmp_path / "program.py"
    lines = WAYS_OUT[way_out].splitlines()
    program.write_text(BEGIN + "\n".join(line[8:] for line in lines), encoding="utf-8")
    for _ in range(RUNS):
        ended = subprocess.run(
            [INTERPRETERS[version], str(program)], capture_output=True, text=True, timeout=30, check=False
        )
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")


def test_a_forked_child_is_told_and_does_not_hang(emulator: Emulator, script: Script) -> None:
    program = script("""
import asyncio, os, sys
from secondme_avatar import AvatarClient, MisuseError, Visitor, sync
client = sync.AvatarClient()
chat = client.open(Visitor.for_user("test", "ada"))
events = chat.events()
theirs = AvatarClient()
calls = [lambda: chat.ask("Hello"), lambda: next(events), client.stats, lambda: chat.state,
         lambda: asyncio.run(theirs.open(Visitor.for_user("test", "ada"))), client.close]
child = os.fork()
if child == 0:
    for call in calls:
        try:
            call()
        except MisuseError as error:
            print("refused", str(error).split(":")[0], flush=True)
    del client, chat, events, calls
    sys.exit(0)
_, status = os.waitpid(child, 0)
print("child", status, chat.ask("Hello").text)
client.close()
""")
    ended = subprocess.run(program, capture_output=True, text=True, timeout=30, check=False)
    refusal = "refused this client was made before the process was forked, and its connections did not come along"
    *refusals, end = ended.stdout.splitlines()
    assert len(refusals) == 6
    assert all(line.startswith(refusal) for line in refusals)
    assert (end, ended.stderr, ended.returncode) == ("child 0 You said: Hello", "", 0)


def test_a_fork_before_the_first_client_harms_nothing(emulator: Emulator, script: Script) -> None:
    program = script("""
import multiprocessing
from secondme_avatar import Visitor, sync
def work(name):
    with sync.AvatarClient() as client:
        return client.open(Visitor.for_user("test", name)).ask("Hello").text
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(work, ["ada", "grace"]))
""")
    ended = subprocess.run(program, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.stdout, ended.stderr) == ("['You said: Hello', 'You said: Hello']\n", "")


FORKS = {
    "a client in use": """
        client = sync.AvatarClient()
        chat = client.open(Visitor.for_user("test", "ada"))
        chat.ask("Hello")
    """,
    "a client that is closed": """
        with sync.AvatarClient() as client:
            client.open(Visitor.for_user("test", "ada")).ask("Hello")
        del client
    """,
    "a client that was refused": """
        try:
            sync.AvatarClient(base_url="nonsense://")
        except MisuseError:
            pass
    """,
    "a client with callbacks in an event loop": """
        client = AvatarClient()
        client.on("reply")(print)
        async def use():
            await client.open(Visitor.for_user("test", "ada"))
        asyncio.run(use())
    """,
    "a client that logs": """
        logging.basicConfig(level="DEBUG", stream=io.StringIO())
        client = sync.AvatarClient()
        client.open(Visitor.for_user("test", "ada"))
    """,
}

FORKING = """
import asyncio, gc, io, logging, multiprocessing, os, sys
from secondme_avatar import AvatarClient, MisuseError, Visitor, sync

def work(name):
    with sync.AvatarClient() as client:
        client.open(Visitor.for_user("test", name)).ask("Hello")
    async def use():
        async with AvatarClient() as client:
            heard = []
            client.on("reply")(lambda event: heard.append(event.text))
            text = (await (await client.open(Visitor.for_user("test", name))).ask("Hello")).text
            assert heard == [text]
            return text
    return asyncio.run(use())
"""


@pytest.mark.parametrize("parent", FORKS)
def test_a_forked_child_makes_clients_of_its_own(parent: str, emulator: Emulator, script: Script) -> None:
    lines = "\n".join(line[8:] for line in FORKS[parent].splitlines())
    program = script(f"""{FORKING}{lines}
for generation in "child", "grandchild":
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        if generation == "child":
            with multiprocessing.get_context("fork").Pool(2) as pool:
                print(pool.map(work, ["grace", "mary"]))
            print(work("eve"), flush=True)
        os._exit(os.waitstatus_to_exitcode(status))
    print(work(generation), flush=True)
gc.collect()
""")
    ended = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    said = "You said: Hello\n"
    assert (ended.stdout, ended.stderr, ended.returncode) == (
        f"{said}{said}['{said[:-1]}', '{said[:-1]}']\n{said}",
        "",
        0,
    )


def test_a_server_that_loads_the_program_before_it_forks_its_workers(emulator: Emulator, script: Script) -> None:
    """As gunicorn does with --preload, and celery with its prefork pool."""
    program = script(f"""{FORKING}
client = AvatarClient()  # At import, for all requests: not in a worker.
def answer(request):
    try:
        return asyncio.run(client.open(Visitor.for_user("test", "ada")))
    except MisuseError as error:
        assert "after the fork" in str(error)
        return work(request)
workers = []
for number in range(2):
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        for request in "ab":
            os.write(writing, (answer(f"{{number}}{{request}}") + ";").encode())
        os._exit(0)
    os.close(writing)
    workers.append((pid, reading))
for pid, reading in workers:
    assert os.waitpid(pid, 0)[1] == 0
    print(os.read(reading, 1000).decode())
""")
    ended = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.stdout, ended.stderr) == ("You said: Hello;You said: Hello;\n" * 2, "")


@pytest.mark.parametrize(
    "waiting",
    [
        "chat.ask('Hello')",
        "next(chat.stream('Hello'))",
        "next(iter(client.events()))",
        "asyncio.run(never())",
    ],
)
def test_ctrl_c_works_at_once(waiting: str, emulator: Emulator, script: Script) -> None:
    emulator.sync.settings(reply_delay="60m")
    program = script(f"""
import asyncio, threading
from secondme_avatar import AvatarClient, Visitor, sync
client = sync.AvatarClient()
chat = client.open(Visitor.for_user("test", "ada"))
async def never():
    ours = AvatarClient()
    chat = await ours.open(Visitor.for_user("test", "grace"))
    await chat.ask("Hello")
def tell():
    print("waiting", flush=True)
try:
    tell()
    {waiting}
except KeyboardInterrupt:
    print("interrupted", chat.state)
""")
    process = started_in_the_background(program)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    if "events" not in waiting:
        emulator.sync.wait_until(lambda state: state["calls"].get("message/send"))
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10)[0] == "interrupted live\n"


def test_ctrl_c_does_not_wait_for_callbacks_that_run(emulator: Emulator, script: Script) -> None:
    program = script("""
import asyncio
from secondme_avatar import AvatarClient, Visitor
async def main():
    async with AvatarClient() as client:
        @client.on("reply")
        async def _(event):
            print("running", flush=True)
            await asyncio.sleep(60)
        await (await client.open(Visitor.for_user("test", "ada"))).ask("Hello")
        await asyncio.sleep(60)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted")
""")
    process = started_in_the_background(program)
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10)[0] == "interrupted\n"
    assert time.monotonic() - begun < 3  # A close waits 5 s for callbacks otherwise.


def started_in_the_background(program: list[str]) -> "subprocess.Popen[str]":
    """Starts it as a shell does in the background: with an interrupt that is ignored, which the program inherits. It
    takes Python's own way with interrupts again, so that this says nothing about how the tests were started."""
    again = "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    again += "runpy.run_path(sys.argv[1], run_name='__main__')"
    shell = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", program[0], "-c", again, *program[1:]]
    return subprocess.Popen(shell, stdout=subprocess.PIPE, text=True)


async def test_a_thread_that_keeps_the_gil_delays_no_ping(
    client: AvatarClient, chat: Conversation, emulator: Emulator
) -> None:
    before = (await emulator.journal())["next"]
    keeps_the_gil = ctypes.PyDLL(None).usleep
    client.advance_clock(15)  # A ping is due.
    keeps_the_gil(1_000_000)  # Nothing of Python runs meanwhile.
    let_go = time.time() * 1000
    entries = (await emulator.journal(before, wait=10))["entries"]
    pings = [entry["atMs"] for entry in entries if entry["what"] == "frame-in" and entry["frame"]["type"] == "ping"]
    assert pings
    assert pings[0] < let_go - 500
