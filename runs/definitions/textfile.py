"""One file that a command writes: whole, where nothing stands yet, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from darkbattery.nvmodel.refusal import InputError


def usable_file(out: Path, replace: bool) -> None:
    """Refuse, before any work, a place where no file can be put; a folder is never replaced."""
    with refused_writing(out):
        if out.is_dir():
            raise InputError("--out", str(out), "is a folder; give the name of a file")
        if out.exists() and not replace:
            raise InputError("--out", str(out), "exists already; give --replace or another name")
        if not out.absolute().parent.is_dir():
            raise InputError("--out", str(out), "is in a folder that does not exist")


def write_whole(out: Path, text: str) -> None:
    """Write aside and rename, so that a file that exists is whole; InputError if it cannot be."""
    aside = out.with_name(f".{out.name}.part")
    with refused_writing(out):
        try:
            aside.write_text(text, encoding="utf-8")
            aside.replace(out)
        finally:
            aside.unlink(missing_ok=True)


@contextmanager
def refused_writing(out: Path) -> Iterator[None]:
    """What the system refuses within is a refusal of `--out`."""
    try:
        yield
    except OSError as error:
        raise InputError("--out", str(out), f"cannot be written: {error.strerror}") from None
