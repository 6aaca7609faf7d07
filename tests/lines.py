"""Lines of a user's own, for tests."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special


@dataclass(frozen=True)
class Skewed:
    """Two half normal distributions of unequal widths (rad/s) side by side: a measured line."""

    below: float
    above: float

    def density(self, detuning):
        w = np.asarray(detuning, dtype=float)
        scale = np.where(w < 0.0, self.below, self.above)
        norm = 2.0 / math.sqrt(2.0 * math.pi) / (self.below + self.above)
        return norm * np.exp(-0.5 * (w / scale) ** 2)

    def share_below(self, detuning):
        w = np.asarray(detuning, dtype=float)
        total = self.below + self.above
        low = 2.0 * self.below / total * special.ndtr(np.minimum(w, 0.0) / self.below)
        return low + self.above / total * special.erf(np.maximum(w, 0.0) / self.above / 2.0**0.5)

    def quantile(self, probability):
        u, total = np.asarray(probability, dtype=float), self.below + self.above
        low = self.below * special.ndtri(np.minimum(u * total / (2.0 * self.below), 0.5))
        rest = np.maximum(u - self.below / total, 0.0) * total / self.above
        return low + self.above * 2.0**0.5 * special.erfinv(rest)
