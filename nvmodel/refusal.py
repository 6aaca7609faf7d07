"""How bad input is refused: one line with the field, the value and what is allowed.

Numbers, names, lists and output times are checked here once, for every engine.
"""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, TypeGuard, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

T = TypeVar("T")
MOST_NAMES = 30  # told in a refusal; all observables are in docs/observables.md
# in whatever unit: no product of a rate, a time and squares of spin numbers overflows below these
MOST_TIME = 1e100
MOST_RATE = 1e100


class InputError(ValueError):
    """Raised at the boundary for input that cannot be simulated.

    The message is always one line, ``field = value: what is allowed``, so that a command
    line can show it as it stands.

    >>> raise InputError("nbar", -1.0, "must be a finite number >= 0")
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: nbar = -1.0: must be a finite number >= 0
    """

    def __init__(self, field: str, value: object, allowed: str) -> None:
        try:
            shown = repr(value)
        except (ValueError, RecursionError):  # more than 4300 digits, or nested without end
            shown = f"({type(value).__name__} too long to show)"
        if len(shown) > 80:
            shown = shown[:77] + "..."
        super().__init__(f"{field} = {shown}: {allowed}".replace("\n", " "))
        self.field = field

    def within(self, table: str) -> InputError:
        """The same refusal of a field that stands in a table: its name before the field's."""
        return _received(f"{table}.{self.field}", f"{table}.{self}")

    def without(self, table: str) -> InputError:
        """The same refusal where the field's table is not named."""
        start = f"{table}."
        return _received(self.field.removeprefix(start), str(self).removeprefix(start))

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        # rank 0 hands its refusals to the other ranks
        return _received, (self.field, str(self))


class NotComputedError(InputError, KeyError):
    """What a solution does not hold; a KeyError too, as mappings raise it."""

    # a KeyError would show its message in quotes
    __str__ = ValueError.__str__


def refused_sizes(sizes: tuple[int, int], allowed: str) -> InputError:
    """The refusal of battery and charger for their numbers of spins.

    >>> print(refused_sizes((2, 3), "take fewer spins"))
    n_battery, n_charger = (2, 3): take fewer spins
    """
    return InputError("n_battery, n_charger", sizes, allowed)


def refused_memory(
    field: str, value: object, what: str, doubles: float, most: float, advice: str
) -> InputError:
    """The refusal of a field for the memory that `doubles` numbers would take.

    >>> print(refused_memory("times", 101, "a table", 1e9, 1e8, "take fewer"))
    times = 101: needs a table of 8 GB, at most 0.8; take fewer
    """
    text = f"needs {what} of {8e-9 * doubles:.2g} GB, at most {8e-9 * most:.2g}; {advice}"
    return InputError(field, value, text)


@contextmanager
def within(table: str) -> Iterator[None]:
    """Refusals in this block are of fields that stand in a table.

    >>> with within("model"):
    ...     raise InputError("nbar", -1.0, "must be a finite number >= 0")
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: model.nbar = -1.0: must be a finite number >= 0
    """
    try:
        yield
    except InputError as error:
        raise error.within(table) from None


def _received(field: str, message: str) -> InputError:
    error = InputError.__new__(InputError)
    ValueError.__init__(error, message)
    error.field = field
    return error


def is_real(value: object) -> TypeGuard[float]:
    """Whether `value` is one real number: of Python or numpy, no boolean, text or array.

    >>> [is_real(one) for one in (2, 2.0, True, "2", [2], 2 + 0j)]
    [True, True, False, False, False, False]
    """
    # the kinds of Python by name: asking a class of numbers takes ten times as long
    if type(value) in (float, int):
        return True
    return isinstance(value, Real) and not isinstance(value, bool)


def whole_number(field: str, value: object, least: int, most: int | None = None) -> int:
    """Return `value` as an int, or refuse it.

    Floats with an integral value are taken (TOML writes :math:`10^{16}` as ``1e16``); booleans are
    not.

    >>> whole_number("n_battery", 1e3, least=1)
    1000
    """
    if type(value) is int and least <= value and (most is None or value <= most):
        return value
    span = f"a whole number >= {least}" if most is None else f"a whole number, {least} to {most}"
    if not is_real(value) or not (isinstance(value, Integral) or math.isfinite(value)):
        raise InputError(field, value, f"must be {span}")
    number = int(value)
    if number != value or number < least or (most is not None and number > most):
        raise InputError(field, value, f"must be {span}")
    return number


def finite_number(
    field: str,
    value: object,
    least: float,
    exclusive: bool = False,
    most: float = sys.float_info.max,
) -> float:
    """Return `value` as a float from `least` (if exclusive: above it) to `most`, or refuse it.

    >>> finite_number("gamma", 2, least=0.0, exclusive=True)
    2.0
    """
    if type(value) is float and least <= value <= most and not (exclusive and value == least):
        return value
    allowed = f"must be a finite number {'>' if exclusive else '>='} {least:g}"
    if most < sys.float_info.max:
        allowed += f", at most {most:g}"
    number = _as_float(field, value, allowed)
    if not least <= number <= most or (exclusive and number == least):
        raise InputError(field, value, allowed)
    return number


def known_name(field: str, value: object, known: Iterable[str]) -> str:
    """Return `value` if it is one of `known`; otherwise refuse it and name the nearest.

    >>> known_name("observables", "power", ["power", "ergotropy"])
    'power'
    """
    names = list(known)
    if isinstance(value, str) and value in names:
        return value
    text = value if isinstance(value, str) else ""
    near = nearest(text, names)
    told = ", ".join(names[:MOST_NAMES])
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    hint = f"unknown; did you mean {near!r}?" if near else f"unknown; known: {told}{more}"
    raise InputError(field, value, hint)


def nearest(text: str, names: Iterable[str]) -> str | None:
    """That of the names which `text` may have been meant to be.

    >>> nearest("powr", ["power", "ergotropy"])
    'power'
    """
    near = difflib.get_close_matches(text, list(names), n=1, cutoff=0.5)
    return near[0] if near else None


def number_between(field: str, value: object, least: float, most: float) -> float:
    """Return `value` as a float from `least` to `most` (both allowed), or refuse it.

    >>> number_between("polarisation", 1, -1.0, 1.0)
    1.0
    """
    if type(value) is float and least <= value <= most:
        return value
    allowed = f"must be a number from {least:g} to {most:g}"
    number = _as_float(field, value, allowed)
    if not least <= number <= most:
        raise InputError(field, value, allowed)
    return number


def listed_items(field: str, values: object, kind: type[T]) -> tuple[T, ...]:
    """Return a list as a tuple, or refuse what is no list of such items.

    >>> listed_items("names", ["a", 2], str)
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: names[1] = 2: must be a str
    """
    try:
        found: tuple[Any, ...] = tuple(values)  # type: ignore[arg-type]
    except TypeError:
        raise InputError(field, values, f"must be a list of {kind.__name__}") from None
    for i, item in enumerate(found):
        if not isinstance(item, kind):
            raise InputError(f"{field}[{i}]", item, f"must be a {kind.__name__}")
    return found


def listed_numbers(field: str, values: object) -> NDArray[np.float64]:
    """Return a list of numbers as an array, or refuse it.

    numpy by itself would take texts, booleans and masked values as well.

    >>> listed_numbers("waits", (1, 0.5))
    array([1. , 0.5])
    """
    allowed = "must be a list of numbers"
    if isinstance(values, (list, tuple)):
        for i, one in enumerate(values):
            if not is_real(one):
                raise InputError(f"{field}[{i}]", one, "must be a number")
    if np.ma.is_masked(values):
        raise InputError(field, values, f"{allowed}, none of them masked")
    try:
        given = np.asarray(values)
        of_numbers = given.dtype.kind in "iuf" or all(map(is_real, given.ravel()))
        if given.ndim != 1 or not of_numbers:
            raise InputError(field, values, allowed)
        return np.array(given, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:  # ragged, or beyond all floats
        if isinstance(error, InputError):
            raise
        raise InputError(field, values, allowed) from None


def output_times(times: ArrayLike) -> NDArray[np.float64]:
    r"""`times` as a float array, refused unless :math:`0\le t\le10^{100}`, strictly increasing.

    >>> output_times([0, 0.5, 2])
    array([0. , 0.5, 2. ])
    >>> output_times([1.0, 0.5])
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: times[1] = 0.5: must be greater than ...
    """
    array = listed_numbers("times", times)
    if array.size == 0:
        raise InputError("times", times, "must be a list of at least one number")
    if array[0] >= 0.0 and array[-1] <= MOST_TIME and (array[1:] > array[:-1]).all():
        array.setflags(write=False)  # nothing to refuse; which of many is wrong is found below
        return array
    _refuse_first(~np.isfinite(array), array, "must be finite")
    _refuse_first(array < 0, array, "must be >= 0")
    _refuse_first(array > MOST_TIME, array, f"must be at most {MOST_TIME:g}")
    i = int(np.flatnonzero(np.diff(array) <= 0)[0]) + 1
    raise InputError(
        f"times[{i}]",
        float(array[i]),
        f"must be greater than the time before it ({float(array[i - 1])})",
    )


def _as_float(field: str, value: object, allowed: str) -> float:
    if not is_real(value):
        raise InputError(field, value, allowed)
    try:
        return float(value)
    except OverflowError:
        raise InputError(field, value, allowed) from None


def _refuse_first(bad: NDArray[Any], array: NDArray[Any], allowed: str) -> None:
    if bad.any():
        i = int(np.argmax(bad))
        raise InputError(f"times[{i}]", float(array[i]), allowed)
