"""A change of form keeps what small studies gave: see `tests.frozen`."""

import numpy as np
import pytest

from tests.frozen import CASES, Found, find, kept, machine, machines

KEPT = kept()
BITS = machine() in machines()

# Two processors round differently in the last digit, and adaptive steps carry that on: what is
# asked is far below any of the engines' tolerances, and above what rounding makes of it. A burst
# grows from 1/N, and with it the rounding of another processor.
HERE, ELSEWHERE = 1e-9, 1e-6
SAME = HERE if machine() == machines()[0] else ELSEWHERE
# zero but for an integrator's error, of energies per spin: of 1
ZERO = "excitation_balance"


def changed(found: Found, before: Found, bits: bool = BITS, same: float = SAME) -> list[str]:
    """What differs from what was written down, by name."""
    different = [
        f"{name}: digest"
        for name in {**before.digests, **found.digests}
        if (name in found.digests) != (name in before.digests)
        or (bits and found.digests.get(name) != before.digests.get(name))
    ]
    for name in {**before.numbers, **found.numbers}:
        was, now = before.numbers.get(name), found.numbers.get(name)
        if was is None or now is None or was.shape != now.shape:
            different.append(f"{name}: there, or not, or of another length")
            continue
        # zeros are as exact as the largest of the numbers beside them
        least = 1.0 if name.endswith(ZERO) else 0.0
        scale = np.max(np.abs(was), initial=least, where=np.isfinite(was))
        if not np.allclose(now, was, rtol=same, atol=same * scale, equal_nan=True):
            with np.errstate(invalid="ignore"):
                different.append(f"{name}: by {np.nanmax(np.abs(now - was)):.2g} of {scale:.2g}")
    return different


def test_every_case_is_written_down():
    assert list(KEPT) == list(CASES)  # else: python -m tests.frozen


@pytest.mark.parametrize("name", CASES)
def test_numbers_are_those_written_down(name):
    assert changed(find(name), KEPT[name]) == []


def test_a_changed_bit_and_a_changed_number_are_seen():
    name = "jumps: T = 0, table"
    before, found = KEPT[name], Found()
    for counts in before.digests:
        found.digests[counts] = "another"
    found.numbers.update({k: v * (1 + 1e-8) for k, v in before.numbers.items()})
    different = changed(found, before, bits=True, same=HERE)
    assert len(different) == len(before.digests) + sum(
        bool(np.any(v)) for v in before.numbers.values()
    )


def test_whole_numbers_are_compared_to_the_bit():
    if not BITS:
        pytest.skip(f"written down elsewhere than on {machine()}: numbers alone are compared")
