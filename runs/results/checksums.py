"""SHA256SUMS of a result folder, as `sha256sum -c` reads it: a changed byte is noticed."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from darkbattery.nvmodel.refusal import InputError

CHECKSUMS = "SHA256SUMS"


def write_checksums(folder: Path, names: Iterable[str]) -> None:
    """Write the checksums of those of the files `names` that are there."""
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in names if (folder / name).is_file()]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def verify(folder: Path, names: Iterable[str]) -> None:
    """Refuse a folder of which one of the files `names` is not as it was written.

    A file that is not there must not be listed, and the other way round.
    """
    try:
        lines = (folder / CHECKSUMS).read_text("ascii").splitlines()
        listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except (OSError, ValueError):
        raise _refused(folder, f"cannot be checked: {CHECKSUMS} is missing or damaged") from None
    for name in names:
        present = (folder / name).is_file()
        if name in listed and not present:
            raise _refused(folder, f"is not whole: {name} is missing")
        if present and _sha256(folder / name) != listed.get(name):
            raise _refused(folder, f"{name} was changed or damaged, or {CHECKSUMS} was")


def _refused(folder: Path, reason: str) -> InputError:
    return InputError("result folder", str(folder), reason)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
