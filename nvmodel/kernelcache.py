"""How kernels are compiled, and where they are kept: beside the code, else elsewhere, else nowhere.

numba refuses to import a module whose kernels it cannot cache. An installation that only its owner
may write to, or a home that nobody may, must not end the program: it compiles anew. Processes that
share a folder compile in turn: 64 ranks that start with nothing compile each kernel once.
"""

import contextlib
import os
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numba
from llvmlite import ir
from numba import types
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher
from numba.extending import intrinsic

from darkbattery.nvmodel.refusal import InputError

NAME = "darkbattery"

# minor versions of numba whose insides `compiling` knows: others compile in their own way, longer
KNOWN_INSIDES = range(62, 69)
PARTS: dict[str, Any] = {}
with contextlib.suppress(ImportError):
    if numba.version_info.short[1] in KNOWN_INSIDES:
        from darkbattery.nvmodel.compiling import PartCompiler

        PARTS = {"pipeline_class": PartCompiler}

# floating-point numbers as in C: a division by zero is an infinity, no exception
KERNEL: dict[str, Any] = {"cache": True, "error_model": "numpy"}
# no wrapper for Python around kernels that only kernels call
INNER: dict[str, Any] = {"error_model": "numpy", "no_cpython_wrapper": True, **PARTS}
# nor any count of references to the arrays of a tuple, of kernels that make none
UNCOUNTED: dict[str, Any] = {**INNER, "_nrt": False}


@intrinsic
def apart(typingctx: Any) -> Any:
    """Say of the kernel it stands in that its arrays do not overlap.

    The compiler else asks so before each loop, of each pair of rows: as much work as the loop.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        for argument in builder.function.args:
            if isinstance(argument.type, ir.PointerType):
                argument.add_attribute("noalias")
        return context.get_dummy_value()

    return types.void(), codegen


LOCKS = "darkbattery.locks"  # beside the kernels: a byte of it is locked for each that is compiled
MOST_WAIT, ASKED_EVERY = 60.0, 0.02  # seconds for one that another process compiles

fcntl: Any
try:
    import fcntl
except ImportError:  # no such locks here: every process compiles
    fcntl = None


class Turns(FunctionCache):
    """numba's cache of one kernel, whose processes compile it one after the other, that is, once.

    A process that finds nothing locks the kernel's byte, looks again, compiles, saves and unlocks;
    the system unlocks for one that dies. Without locks (a file system that has none, a process that
    takes too long) kernels are compiled as ever.
    """

    # closing any of a file's descriptors gives up all locks that a process has on it: one, kept
    _files: ClassVar[dict[str, int]] = {}

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What is kept for a signature, by now."""
        found = super().load_overload(sig, target_context)
        if found is not None or not self._take_turn():
            return found
        found = super().load_overload(sig, target_context)
        if found is not None:
            self._end_turn()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a kernel that was compiled here."""
        try:
            super().save_overload(sig, data)
        finally:
            self._end_turn()

    @property
    def _byte(self) -> int:
        kernel = f"{self._py_func.__module__}.{self._py_func.__qualname__}"
        return zlib.crc32(kernel.encode())

    def _take_turn(self) -> bool:
        if fcntl is None:
            return False
        try:
            self._impl.locator.ensure_cache_path()
            if self.cache_path not in self._files:
                path = os.path.join(self.cache_path, LOCKS)
                self._files[self.cache_path] = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return False
        last = time.monotonic() + MOST_WAIT
        while time.monotonic() < last:
            try:
                fcntl.lockf(
                    self._files[self.cache_path], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self._byte
                )
                return True
            except (BlockingIOError, PermissionError):
                time.sleep(ASKED_EVERY)
            except OSError:
                return False
        return False

    def _end_turn(self) -> None:
        if fcntl is not None and self.cache_path in self._files:
            with contextlib.suppress(OSError):
                fcntl.lockf(self._files[self.cache_path], fcntl.LOCK_UN, 1, self._byte)


def _keep(dispatcher: Any) -> None:
    ours = dispatcher.py_func.__module__.startswith(f"{NAME}.")
    dispatcher._cache = (Turns if ours else FunctionCache)(dispatcher.py_func)


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


Dispatcher.enable_caching = _keep  # type: ignore[method-assign, assignment]
WHERE = choose(Path(__file__).parent)
