"""What of a device's spins is no number of its data sheet: a line, axes and couplings in full."""

from dataclasses import dataclass
from typing import Any

from darkbattery.nvmodel.lines.classes import Subensemble
from darkbattery.nvmodel.lines.measured import FieldMap, Tabulated
from darkbattery.nvmodel.lines.shapes import LineShape, equal_copies
from darkbattery.nvmodel.lines.voigt import Voigt

# the tables of a device file that hold it, named as in a run definition
MEASURED = ("line", "hyperfine", "axes", "couplings")
SAME = 1e-12  # of a width: rounding


@dataclass(frozen=True)
class Measured:
    """Beside a `Device`'s quantities; nothing of it by default.

    Parameters
    ----------
    line : Tabulated or Voigt, optional
        The shape; the device's width of the line stretches it.
    hyperfine_hz : tuple of float
        Shifts of equal copies of the line, Hz; none for one line.
    axes : tuple of Subensemble
    couplings : FieldMap, optional

    Examples
    --------
    >>> Measured(hyperfine_hz=(-1.5e6, 1.5e6)).tables
    {'hyperfine': [-1500000.0, 1500000.0]}
    """

    line: Tabulated | Voigt | None = None
    hyperfine_hz: tuple[float, ...] = ()
    axes: tuple[Subensemble, ...] = ()
    couplings: FieldMap | None = None

    @property
    def shape(self) -> str:
        """Name of the line's shape; empty without one."""
        if self.line is None:
            return ""
        return "voigt" if isinstance(self.line, Voigt) else "measured"

    def of_width(self, fwhm_hz: float) -> LineShape | None:
        """The line, stretched to that width; to the bit as it was given where that is its own."""
        if self.line is None:
            return None
        factor = fwhm_hz / self.line.fwhm_hz
        return self.line if abs(factor - 1.0) < SAME else self.line.stretched(factor)

    def copies(self, line: LineShape) -> LineShape:
        """`line` once for each hyperfine shift, all with as many spins."""
        return equal_copies(line, self.hyperfine_hz) if self.hyperfine_hz else line

    @property
    def tables(self) -> dict[str, Any]:
        """The same as a device file has it."""
        found: dict[str, Any] = {}
        if isinstance(self.line, Voigt):
            widths = ("gaussian_fwhm_hz", "lorentzian_fwhm_hz")
            found["line"] = {"shape": "voigt"} | {x: getattr(self.line, x) for x in widths}
        elif self.line is not None:
            found["line"] = {
                "frequencies_hz": list(self.line.frequencies_hz),
                "weights": list(self.line.weights),
                "centre_hz": self.line.centre,
            }
        if self.hyperfine_hz:
            found["hyperfine"] = list(self.hyperfine_hz)
        if self.axes:
            found["axes"] = {
                f"axis{i}": {"share": x.share, "shift_hz": x.offset_hz, "coupling": x.coupling}
                for i, x in enumerate(self.axes, start=1)
            }
        if self.couplings is not None:
            values, weights = self.couplings.couplings, self.couplings.weights
            found["couplings"] = {"values": list(values), "weights": list(weights)}
        return found


NOTHING = Measured()
