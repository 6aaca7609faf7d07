"""Clean stops: signals and the clock ask, the work ends after its present blocks."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# what a batch system or a person sends first; SIGUSR1 is Slurm's --signal
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
TIME_LIMIT = "time limit"
CALLBACKS = "llvmlite"  # whose callbacks lose what is raised in them
AGAIN_SECONDS = 0.02  # after which a request that found the program there comes again
LOST_SECONDS = 5.0  # after which a block that is still there must have lost what was raised in it


class Stopped(Exception):  # noqa: N818 - an outcome, not an error
    """Raised on every rank when the work was stopped before its end."""


class StopRequest:
    """Whether this process was asked to stop."""

    def __init__(self, time_limit: float | None = None) -> None:
        self._until = None if time_limit is None else time.monotonic() + time_limit
        self._at_once = False
        self._raised = False
        self.reason: str | None = None

    @property
    def requested(self) -> bool:
        """True from the first signal on, or when the time is over."""
        if self.reason is None and self._until is not None and time.monotonic() > self._until:
            self.reason = TIME_LIMIT
        return self.reason is not None

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Within the block a request raises Stopped where it finds the program.

        For work that has no blocks to end after: one long average, a fit. Compiled kernels end
        first. Blocks may stand within each other.
        """
        if self.requested:
            raise Stopped
        outer, self._at_once = self._at_once, True
        self._ring()
        before = signal.signal(signal.SIGALRM, self._receive)
        try:
            yield
        except Exception as error:
            if self._raised:  # numba makes an error of its own of what it finds while it compiles
                raise Stopped from error
            raise
        finally:
            self._at_once, self._raised = outer, False
            if not outer or self.reason is not None:
                signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, before)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within the block, inside one that ends at once, requests change nothing."""
        outer, self._at_once = self._at_once, False
        try:
            yield
        finally:
            self._at_once = outer

    def _ring(self) -> None:
        """Have the clock send its request."""
        if self._until is not None:
            left = max(self._until - time.monotonic(), 1e-3)
            signal.setitimer(signal.ITIMER_REAL, left)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.reason is not None and number == signal.SIGINT:
            raise KeyboardInterrupt  # asked twice: now
        if number != signal.SIGALRM:
            self.reason = signal.Signals(number).name
        elif self.reason is None:
            self.reason = TIME_LIMIT
        if not self._at_once:
            return
        if _in_callback(frame):
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
            return
        self._raised = True
        signal.setitimer(signal.ITIMER_REAL, LOST_SECONDS)
        raise Stopped


def _in_callback(frame: FrameType | None) -> bool:
    """Whether what is raised at this place of the program may be lost."""
    while frame is not None:
        if frame.f_globals.get("__name__", "").split(".")[0] == CALLBACKS:
            return True
        frame = frame.f_back
    return False


@contextmanager
def stop_on_signals(time_limit: float | None = None) -> Iterator[StopRequest]:
    """A StopRequest that listens to SIGTERM, SIGINT and SIGUSR1 within the block."""
    request = StopRequest(time_limit)
    before = {number: signal.signal(number, request._receive) for number in STOPPING}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
