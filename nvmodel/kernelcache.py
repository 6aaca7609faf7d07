"""How kernels are compiled, and where they are kept: beside the code, else elsewhere, else nowhere.

numba refuses to import a module whose kernels it cannot cache. An installation that only its owner
may write to, or a home that nobody may, must not end the program: it compiles anew.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
from numba.core.dispatcher import Dispatcher

from darkbattery.nvmodel.refusal import InputError

NAME = "darkbattery"

# floating-point numbers as in C: a division by zero is an infinity, no exception
KERNEL: dict[str, Any] = {"cache": True, "error_model": "numpy"}
# no wrapper for Python around kernels that only kernels call
INNER: dict[str, Any] = {"error_model": "numpy", "no_cpython_wrapper": True}


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _candidates() -> Iterator[Path]:
    """Folders of this user, the lasting ones first."""
    if "XDG_CACHE_HOME" in os.environ:
        yield Path(os.environ["XDG_CACHE_HOME"]) / NAME
    with contextlib.suppress(RuntimeError):  # a user without a home
        yield Path.home() / ".cache" / NAME
    try:
        shared = Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"
    except OSError:
        return
    # nobody else may have put code there
    if not shared.exists() or shared.stat().st_uid == os.getuid():
        yield shared


def choose(source: Path) -> str:
    """Have numba keep kernels where it can; says where.

    `source` is a folder of the program's code. A folder named by NUMBA_CACHE_DIR comes first.
    """
    named = numba.config.CACHE_DIR
    if named and _writable(Path(named)):
        return str(named)
    if not named and _writable(source / "__pycache__"):
        return f"beside the code ({source.parent})"
    for folder in _candidates():
        if _writable(folder):
            numba.config.CACHE_DIR = str(folder)
            return str(folder)
    # without a place to write to, kernels that ask to be cached are not
    Dispatcher.enable_caching = lambda _: None  # type: ignore[method-assign, assignment]
    return "nowhere: no folder can be written to; every start compiles"


def refuse_uncompiled() -> None:
    """Raise InputError where numba is told to compile nothing.

    Random numbers are made of machine words that Python does not have; errors of division differ.
    """
    if numba.config.DISABLE_JIT:
        raise InputError("NUMBA_DISABLE_JIT", 1, "kernels must be compiled; unset it")


WHERE = choose(Path(__file__).parent)
