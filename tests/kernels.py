"""Compile the kernels that tests need before they start: `python -m tests.kernels`.

Workers that come to the same kernel at the same time compile it once each, and those of noisy runs
take a minute. Here cases of `tests.frozen` that share kernels are found by one process.
"""

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

from darkbattery.runs.definitions.definition import shipped_definitions
from tests.frozen import CASES, find

# by the beginning of a case's name, those that take longest first
TOGETHER = (
    ("jumps: noise", "one run: noise"),  # detuned: complex amplitudes
    ("jumps: protocol",),
    ("jumps", "one run"),
    ("Wigner", "moments"),
    ("averages", "steady"),
)
PROCESSES = 2


def groups() -> list[list[str]]:
    """Names of cases that are no shipped definition, each in the first group that it belongs to."""
    left = [name for name in CASES if name not in shipped_definitions()]
    found = []
    for beginnings in TOGETHER:
        found.append([name for name in left if name.startswith(beginnings)])
        left = [name for name in left if name not in found[-1]]
    assert not left, left
    return found


def compile_for(names: Iterable[str]) -> None:
    """By finding these cases."""
    for name in names:
        find(name)


def main() -> None:
    """Every group, longest first, side by side."""
    with ProcessPoolExecutor(PROCESSES) as pool:
        for _ in pool.map(compile_for, groups()):
            pass


if __name__ == "__main__":
    main()
