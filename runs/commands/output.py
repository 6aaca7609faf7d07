"""Output that never ends the work: any encoding, and a reader that may go away."""

import contextlib
import io
import os
from typing import Any, TextIO

from darkbattery.runs.terminal.letters import plainly


class Forgiving(io.TextIOBase):
    """Writes through to a text stream; what cannot be encoded is written plainly.

    Once the reader is gone (a closed pipe) everything is dropped.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gone = False

    def write(self, text: str) -> int:
        """Write `text`; its length, whatever became of it."""
        if not self._gone:
            try:
                self._stream.write(self._encodable(text))
            except (BrokenPipeError, ValueError):
                self._go_silent()
        return len(text)

    def flush(self) -> None:
        """Flush, if somebody still reads."""
        if not self._gone:
            try:
                self._stream.flush()
            except (BrokenPipeError, ValueError):
                self._go_silent()

    def _encodable(self, text: str) -> str:
        encoding = self._stream.encoding or "ascii"
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            return plainly(text, encoding)
        return text

    def _go_silent(self) -> None:
        self._gone = True
        # so that the interpreter's own last flush finds a place to write to
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream below."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """That of the stream below."""
        return self._stream.errors

    def isatty(self) -> bool:
        """Whether a person reads."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """That of the stream below."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Always."""
        return True


def forgiving(stream: Any) -> Any:
    """`stream`, made forgiving; None (no such stream) becomes one that drops everything."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    return Forgiving(stream)
