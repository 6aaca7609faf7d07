"""Clean stops: signals and the clock ask, the work ends after its present blocks."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# what a batch system or a person sends first; SIGUSR1 is Slurm's --signal
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class Stopped(Exception):  # noqa: N818 - an outcome, not an error
    """Raised on every rank when the single runs were stopped before their end."""


class StopRequest:
    """Whether this process was asked to stop."""

    def __init__(self, time_limit: float | None = None) -> None:
        self._until = None if time_limit is None else time.monotonic() + time_limit
        self.reason: str | None = None

    @property
    def requested(self) -> bool:
        """True from the first signal on, or when the time is over."""
        if self.reason is None and self._until is not None and time.monotonic() > self._until:
            self.reason = "time limit"
        return self.reason is not None

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.reason is not None and number == signal.SIGINT:
            raise KeyboardInterrupt  # asked twice: now
        self.reason = signal.Signals(number).name


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
