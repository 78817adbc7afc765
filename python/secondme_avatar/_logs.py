"""The core's log, in Python's ``logging``."""

from __future__ import annotations

import atexit
import logging
import os
import threading

from . import _native
from ._queues import BATCH, ThreadQueue

_ROOT = "secondme_avatar"
_TRACE = 5
_LEVELS = {
    "ERROR": logging.ERROR,
    "WARN": logging.WARNING,
    "INFO": logging.INFO,
    "DEBUG": logging.DEBUG,
    "TRACE": _TRACE,
}

_lock = threading.Lock()
_listener: _Listener | None = None

logging.getLogger(_ROOT).addHandler(logging.NullHandler())


class _Listener(threading.Thread):
    """Waits for records in Python, not in the core: a thread that the interpreter ends at its exit must not stand in
    frames of another language."""

    def __init__(self, queue: ThreadQueue, logs: _native.Logs) -> None:
        super().__init__(name="secondme-avatar-log", daemon=True)
        self._queue, self._logs = queue, logs
        self._process = os.getpid()

    def run(self) -> None:
        while True:
            records = self._logs.drain(self._queue.native, BATCH)
            if lost := self._logs.lost():
                logging.getLogger(_ROOT).warning(
                    "%d lines of the log were lost: they came faster than they were taken", lost
                )
            if records is None:
                self._queue.wait(self._logs.ticket)
            elif not records:
                return
            for level, name, message in records or ():
                logging.getLogger(name).log(_LEVELS[level], "%s", message)

    def end(self) -> None:
        if os.getpid() != self._process:
            return  # A forked child has a copy of this, and no such thread.
        self._logs.finish()
        self.join(timeout=2)


def begin() -> None:
    """Begins to pass the core's log on, once in a process; a forked child does so for itself.

    What is passed on is decided now: by ``SECONDME_LOG``, or by the level of the logger ``secondme_avatar``.
    """
    global _listener
    with _lock:
        if _listener is not None:
            return
        logger = logging.getLogger(_ROOT)
        wanted = os.environ.get("SECONDME_LOG")
        if wanted is not None:
            if logger.level == logging.NOTSET:
                logger.setLevel(_TRACE)
            if not _is_heard(logger):
                logger.addHandler(logging.StreamHandler())
        queue = ThreadQueue()
        logs = _native.Logs.install(f"{_ROOT}={_level(logger)}")
        if logs is None:
            return
        _listener = _Listener(queue, logs)
        _listener.start()
        atexit.register(_listener.end)


def _forget_the_parent() -> None:
    """In a forked child: the parent's thread is not here, and its lock may be held for ever."""
    global _listener, _lock
    _listener, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_the_parent)


def _level(logger: logging.Logger) -> str:
    level = logger.getEffectiveLevel()
    return next((name.lower() for name, value in _LEVELS.items() if value <= level), "trace")


def _is_heard(logger: logging.Logger) -> bool:
    own = any(not isinstance(handler, logging.NullHandler) for handler in logger.handlers)
    return own or logging.getLogger().hasHandlers()
