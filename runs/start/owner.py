"""One owner of a folder: an exclusive lock with a name on it, which the dead do not keep.

The kernel's lock on the file OWNER says at once whether another process of this machine, or of any
machine that shares the file system's locks, has the folder. Where locks do not reach (some network
file systems keep them to one node), the record in the file decides: who, and when last seen.
"""

import contextlib
import errno
import fcntl
import json
import os
import platform
import shutil
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from darkbattery.nvmodel.refusal import InputError

OWNER = "owner.json"
BEAT_SECONDS = 10.0  # between signs of life
SILENT_SECONDS = 60.0  # after so long without one an owner on another host is gone
# what a batch system calls a job, and how often it was started again
JOBS = (("SLURM_JOB_ID", "SLURM_RESTART_COUNT"), ("PBS_JOBID", ""), ("LSB_JOBID", ""))
# what file systems answer that have no locks
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


def partial_folder(out: Path) -> Path:
    """Where the unfinished study of the result folder `out` lives."""
    return out.with_name(out.name + ".partial")


class Owner:
    """The one process that may write into a folder; rank 0 of a world."""

    def __init__(self) -> None:
        self._file: int | None = None
        self._path: Path | None = None
        self._ended = threading.Event()

    def take(self, folder: Path) -> str | None:
        """Own `folder`, which must exist; a word on an earlier owner that is gone, if there was.

        Raises InputError where another process owns it.
        """
        path = folder / OWNER
        file, locked = _opened(path)
        known = _record(file)
        if known is not None and (locked is False or not _gone(known, path, locked is True)):
            os.close(file)
            raise InputError(
                "--out", str(folder), f"is being written by {_name(known)}; wait, or end it"
            )
        if locked is False:  # between its lock and its record
            os.close(file)
            raise InputError("--out", str(folder), "is being written by another start")
        content = json.dumps(_own_record()).encode()
        os.ftruncate(file, 0)
        os.pwrite(file, content, 0)
        os.fsync(file)
        self._file, self._path = file, path
        threading.Thread(target=self._beat, daemon=True).start()
        return None if known is None else f"{_name(known)} is gone; its place is taken"

    def release(self) -> None:
        """Own nothing; harmless where nothing is owned."""
        if self._file is None or self._path is None:
            return
        self._ended.set()
        if _is_at(self._file, self._path):
            self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = self._path = None

    def dissolve(self, folder: Path, whole: bool) -> None:
        """Release the folder of unfinished work; removed where the work is whole, or not begun."""
        self.release()
        if whole:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            file = self._file
            if file is not None:
                os.utime(file)


def _opened(path: Path) -> tuple[int, bool | None]:
    """The file, and whether this process has its lock; None where there are no locks."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return file, False
        except OSError as error:
            if error.errno not in NO_LOCKS:
                os.close(file)
                raise
            return file, None
        if _is_at(file, path):
            return file, True
        os.close(file)  # its owner took the file away meanwhile


def _is_at(file: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(file)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def _own_record() -> dict[str, Any]:
    return {
        "host": platform.node(),
        "process": os.getpid(),
        "job": _job(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _job() -> list[str] | None:
    for job, restarts in JOBS:
        if job in os.environ:
            return [job, os.environ[job], os.environ.get(restarts, "0")]
    return None


def _record(file: int) -> dict[str, Any] | None:
    try:
        known = json.loads(os.pread(file, 65536, 0))
    except ValueError:
        return None
    return known if isinstance(known, dict) else None


def _gone(known: dict[str, Any], path: Path, locked: bool) -> bool:
    """Whether the owner that wrote `known` is no more."""
    if known.get("host") == platform.node():
        return locked or not _runs(known.get("process"))
    mine, theirs = _job(), known.get("job")
    if mine is not None and isinstance(theirs, list) and mine[:2] == theirs[:2]:
        return locked or mine[2] != theirs[2]  # this job, started again elsewhere
    return _silence(path) > SILENT_SECONDS


def _runs(process: Any) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError, TypeError):
        return False
    except OSError:
        pass  # another user's
    return True


def _silence(path: Path) -> float:
    """Seconds since the file was touched, by the clock of the file system's own host."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".clock.") as now:
        return os.fstat(now.fileno()).st_mtime - path.stat().st_mtime


def _name(known: dict[str, Any]) -> str:
    job = known.get("job")
    within = f", job {job[1]}" if isinstance(job, list) and len(job) > 1 else ""
    return (
        f"process {known.get('process')} on {known.get('host')}{within} since {known.get('since')}"
    )
