"""Numbers that a model holds, told from those that a user gives.

`dataclasses.replace` hands every field of the old model to the new one. Where one of two fields is
to be given (``nbar`` or ``temperature``), the new one must know which of them is old.
"""

from __future__ import annotations


class Held(float):
    """A number that a model was given, and that `dataclasses.replace` hands on.

    >>> Held(0.5) == 0.5, Held(0.5)
    (True, 0.5)
    """

    __slots__ = ()


class Derived(Held):
    """A number that a model has from its other fields: never handed on, never shown as given."""

    __slots__ = ()


def given(first: float | None, second: float | None) -> tuple[float | None, float | None]:
    """Of two fields of which one is to be given: those that are, old ones giving way to a new one.

    >>> given(Derived(0.0), 1.0), given(Held(0.5), 1.0), given(0.5, 1.0)
    ((None, 1.0), (None, 1.0), (0.5, 1.0))
    """
    one, other = (None if isinstance(value, Derived) else value for value in (first, second))
    if one is None or other is None or isinstance(one, Held) == isinstance(other, Held):
        return one, other
    return (None, other) if isinstance(one, Held) else (one, None)
