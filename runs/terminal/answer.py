"""What a result says, in one sentence."""

from collections.abc import Sequence

from darkbattery.runs.results.summary import ends, label
from darkbattery.runs.results.table import Study
from darkbattery.runs.terminal.screen import SI, Found, found

FIRST = ("battery energy", "charger energy")  # asked for most
WORDS = {
    "steady state": "{} in the steady state",
    "at the end": "{} at the end",
    "largest": "largest {}",
}
MOMENTS = ("steady state", "at the end")


def answer(study: Study) -> str:
    """The stored energy at the end, and the largest power; over a sweep, from where to where."""
    points = [(label(study, key), found(study, curves)) for key, curves in ends(study).items()]
    rows = [one for _, here in points for one in here]
    if not rows:
        return "Nothing was asked for."
    quantity = next((name for name in FIRST if any(o.quantity == name for o in rows)), None)
    parts = [_about(points, quantity or rows[0].quantity, MOMENTS)]
    if any(one.quantity == "power" and one.moment == "largest" for one in rows):
        parts.append(_about(points, "power", ("largest",)))
    text = "; ".join(filter(None, parts))
    return f"{text[:1].upper()}{text[1:]}."


def _about(points: Sequence[tuple[str, list[Found]]], quantity: str, moments: Sequence[str]) -> str:
    """One quantity, at the first of the moments that it has."""
    for moment in moments:
        chosen = [
            (label, [o for o in here if o.quantity == quantity and o.moment == moment])
            for label, here in points
        ]
        chosen = [(label, here) for label, here in chosen if here]
        if chosen:
            return f"{WORDS[moment].format(quantity)}: {_range(chosen)}"
    return ""


def _range(chosen: Sequence[tuple[str, list[Found]]]) -> str:
    if len(chosen) == 1:
        return _all_methods(chosen[0][1])
    low = min(chosen, key=lambda item: item[1][0].value)
    high = max(chosen, key=lambda item: item[1][0].value)
    return f"from {_first(*low)} to {_first(*high)}"


def _first(label: str, here: Sequence[Found]) -> str:
    return f"{_said(here[0])} ({label.replace('=', ' = ')})"


def _all_methods(here: Sequence[Found]) -> str:
    values = [f"{_said(one)} {one.method}" for one in here if one.method != "deviation"]
    apart = [f"{one.shown} standard errors apart" for one in here if one.method == "deviation"]
    return ", ".join([*values, *apart])


def _said(one: Found) -> str:
    """The number with its unit, which one with a prefix has already."""
    unit = "" if one.unit in ("1", *SI) else one.unit
    return f"{one.shown} {unit}".rstrip()
