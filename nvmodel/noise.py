r"""Noise of single spins, which does not ask the other spins.

.. math:: \dot\rho = \sum_n\left(g_\phi D[\sigma^z_n/2]+g_\downarrow D[\sigma^-_n]
          +g_\uparrow D[\sigma^+_n]\right)\rho

over the spins n of one ensemble (Shammah et al. 2018, Eq. (1), in the same normalisation).
"""

from dataclasses import dataclass

from darkbattery.nvmodel.display import model_text
from darkbattery.nvmodel.refusal import finite_number
from darkbattery.nvmodel.times import MOST_RATE


@dataclass(frozen=True)
class LocalNoise:
    r"""Rates of single-spin dephasing, emission and pumping, in the unit of :math:`\gamma`.

    Parameters
    ----------
    dephasing : float
        :math:`g_\phi`, multiplies :math:`D[\sigma^z/2]`: the coherence of a spin decays at
        :math:`g_\phi/2`. A pure-dephasing time :math:`T_\phi` is ``dephasing = 2/T_phi``.
    emission, pumping : float
        :math:`g_\downarrow` and :math:`g_\uparrow`, the rates at which one spin falls and rises.

    Examples
    --------
    >>> LocalNoise(dephasing=1.0, emission=0.5).coherence_decay
    0.75
    >>> LocalNoise.thermal(relaxation=0.1, nbar=0.5)
    LocalNoise(emission=0.15000000000000002, pumping=0.05)
    """

    dephasing: float = 0.0
    emission: float = 0.0
    pumping: float = 0.0

    def __post_init__(self) -> None:
        for name in ("dephasing", "emission", "pumping"):
            value = finite_number(name, getattr(self, name), least=0.0, most=MOST_RATE)
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return model_text(self)

    @classmethod
    def thermal(cls, relaxation: float, nbar: float, dephasing: float = 0.0) -> "LocalNoise":
        r"""Emission to pumping as :math:`(\bar n+1)/\bar n`, as a bath of each spin's own gives."""
        rate = finite_number("relaxation", relaxation, least=0.0)
        photons = finite_number("nbar", nbar, least=0.0)
        return cls(dephasing, rate * (photons + 1.0), rate * photons)

    @classmethod
    def of_lifetimes(cls, t1: float, t2: float, equilibrium: float) -> "LocalNoise":
        r"""Relaxation in :math:`T_1` to `equilibrium`, coherence of one spin lost in :math:`T_2`.

        With :math:`\langle\sigma_z\rangle` = `equilibrium`,

        .. math:: g_{\uparrow,\downarrow} = \frac{1\pm\langle\sigma_z\rangle}{2T_1},\quad
                  g_\phi = \frac{2}{T_2} - \frac{1}{T_1}.

        >>> LocalNoise.of_lifetimes(t1=2.0, t2=1.0, equilibrium=-1.0)
        LocalNoise(dephasing=1.5, emission=0.5)
        """
        rate = 1.0 / t1
        dephasing = 2.0 / t2 - rate
        # T2 = 2 T1 leaves rounding of the difference
        dephasing = dephasing if dephasing > 1e-12 * rate else 0.0
        supply = rate * equilibrium
        return cls(dephasing, 0.5 * (rate - supply), 0.5 * (rate + supply))

    @property
    def relaxation(self) -> float:
        """:math:`1/T_1`, the rate at which the inversion of one spin decays."""
        return self.emission + self.pumping

    @property
    def supply(self) -> float:
        r""":math:`\langle\sigma_z\rangle_{eq}/T_1`, added to :math:`d\langle\sigma_z\rangle/dt`."""
        return self.pumping - self.emission

    @property
    def coherence_decay(self) -> float:
        """Rate at which the coherence of one spin decays, :math:`1/T_2`."""
        return 0.5 * (self.dephasing + self.emission + self.pumping)

    @property
    def silent(self) -> bool:
        """Whether all rates are zero."""
        return self.dephasing == self.emission == self.pumping == 0.0
