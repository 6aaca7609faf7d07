r"""What data sheets let one say about a `ResonatorBattery` before anything is solved.

With the collective couplings :math:`g_i\sqrt{N_i}`, the energy decay rate :math:`\kappa` of the
resonator, the line :math:`\rho` and the homogeneous half width :math:`\Gamma=1/T_2` of each
ensemble:

.. math:: C_i = \frac{2g_i^2N_i}{\kappa}\int\rho_i(w)\frac{\Gamma_i}{\Gamma_i^2+w^2}dw, \\
          \gamma = \frac{4g^2}{\kappa}, \\
          \Gamma_{SR} = \frac4\kappa(g_C^2N_Cp_C - g_B^2N_Bp_B)

(Bonifacio, Schwendimann and Haake 1971). C is :math:`4g^2N/\kappa\gamma_\perp` where the line is a
Lorentzian of FWHM :math:`\gamma_\perp` in all.
"""

import math
from dataclasses import dataclass

from darkbattery.nvmodel.ensemble import SpinEnsemble
from darkbattery.nvmodel.lines.response import has_closed_form, line_response
from darkbattery.nvmodel.lines.shapes import lorentzian_overlap
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.resonator import ResonatorBattery


@dataclass(frozen=True)
class Estimates:
    r"""Derived quantities; rates in rad/s.

    Attributes
    ----------
    collective_coupling : float
        :math:`\sqrt{\sum g_i^2N_i}` of all spins, half the vacuum Rabi splitting.
    cooperativity : float
        C of all spins aligned, as a transmission measurement finds it.
    net_cooperativity : float
        The same, each ensemble with its inversion: above 1 the start is unstable and bursts.
    bad_cavity : float
        :math:`\kappa/(g\sqrt N)`: the field follows the spins where it is large.
    thermal_photons : float
    single_spin_rate : float
        :math:`\gamma`, at which one charger spin emits through the resonator.
    superradiant_rate : float
        :math:`\Gamma_{SR}`: the net inversion's; :math:`\le0` without one.
    ideal_growth : float
        The growth rate :math:`\lambda` without broadening or decoherence, from
        :math:`(\lambda+\kappa/2)\lambda=\kappa\Gamma_{SR}/4`; half of :math:`\Gamma_{SR}` in a bad
        cavity. 0 without net inversion.
    half_width : float
        Half the distance between the quartiles of the broader line.
    decoherence_rate : float
        :math:`1/T_2`, the larger of the two ensembles.
    """

    collective_coupling: float
    cooperativity: float
    net_cooperativity: float
    bad_cavity: float
    thermal_photons: float
    single_spin_rate: float
    superradiant_rate: float
    ideal_growth: float
    half_width: float
    decoherence_rate: float


def cooperativity(spins: SpinEnsemble, kappa: float, detuning_hz: float = 0.0) -> float:
    """:math:`C_i` of one aligned ensemble, its line's centre `detuning_hz` from the resonator.

    >>> from darkbattery.nvmodel.lines.shapes import Lorentzian
    >>> line = Lorentzian(fwhm_hz=1e6)  # without T2: gamma_perp = 2 pi 1 MHz
    >>> spins = SpinEnsemble(number=10**6, coupling=2e3 * math.pi, line=line)
    >>> print(round(cooperativity(spins, kappa=4e6 * math.pi), 6))  # 4 * 1 / (2 * 1)
    2.0
    """
    rate, place = spins.decoherence_rate, -2.0 * math.pi * detuning_hz
    line = spins.seen_line
    if line is not None and has_closed_form(line):
        overlap = float(line_response(line, rate, place)[0].real)
    else:
        overlap = lorentzian_overlap(line, rate, place)
    return 2.0 * spins.collective_coupling**2 / kappa * overlap


def estimates(model: ResonatorBattery) -> Estimates:
    """All of them.

    Raises
    ------
    InputError
        For a resonator without a linewidth: nothing leaves it.

    Examples
    --------
    >>> from darkbattery.nvmodel.fields import Resonator
    >>> cavity = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=10e6)
    >>> spins = dict(coupling=2.0, t2_s=1e-5)
    >>> found = estimates(
    ...     ResonatorBattery(
    ...         battery=SpinEnsemble(number=10**12, **spins),
    ...         charger=SpinEnsemble(number=5 * 10**12, **spins),
    ...         resonator=cavity,
    ...     )
    ... )
    >>> print(f"{found.bad_cavity:.3f} {found.superradiant_rate:.4g} {found.net_cooperativity:.3f}")
    12.825 1.019e+06 5.093
    """
    kappa = model.resonator.kappa
    if kappa == 0.0:
        raise InputError("linewidth_fwhm_hz", 0.0, "must be > 0: nothing leaves the resonator")
    sides = [(model.charger, 1.0, model.charger_detuning_hz)]
    if model.battery is not None:
        sides.append((model.battery, -1.0, model.battery_detuning_hz))
    strength = sum(spins.collective_coupling**2 for spins, _, _ in sides)
    net = sum(sign * spins.polarisation * spins.collective_coupling**2 for spins, sign, _ in sides)
    single = [
        (sign * spins.polarisation, cooperativity(spins, kappa, at)) for spins, sign, at in sides
    ]
    return Estimates(
        collective_coupling=math.sqrt(strength),
        cooperativity=sum(C for _, C in single),
        net_cooperativity=_net(single, net),
        bad_cavity=kappa / math.sqrt(strength),
        thermal_photons=model.nbar,
        single_spin_rate=4.0 * model.charger.coupling**2 / kappa,
        superradiant_rate=4.0 * net / kappa,
        ideal_growth=0.5 * (math.sqrt(0.25 * kappa**2 + 4.0 * max(net, 0.0)) - 0.5 * kappa),
        half_width=max(spins.half_width for spins, _, _ in sides),
        decoherence_rate=max(spins.decoherence_rate for spins, _, _ in sides),
    )


def _net(single: list[tuple[float, float]], net: float) -> float:
    """Sum of the cooperativities times their inversions; without any broadening +-infinity."""
    if all(math.isfinite(C) for _, C in single):
        return sum(inversion * C for inversion, C in single)
    return math.copysign(math.inf, net)
