"""Refuses subinterpreters. It is imported before the native module, whose classes and threads belong to the main
interpreter; Python's own error would not say what to do."""

from __future__ import annotations

import importlib
from typing import Any


def _subinterpreters() -> Any:
    for name in ("_interpreters", "_xxsubinterpreters"):  # Before Python 3.13 the second.
        try:
            return importlib.import_module(name)
        except ImportError:
            pass
    return None  # Without the means to make one, there are none.


_found = _subinterpreters()
if _found is not None and _found.get_current() != _found.get_main():
    raise ImportError(
        "secondme_avatar runs in the main interpreter only: use it there, or in a process of its own (under mod_wsgi, "
        "set `WSGIApplicationGroup %{GLOBAL}`)"
    )
