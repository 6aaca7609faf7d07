r"""The first moments of a burst: equations linear in field and coherences, inversions held fixed.

.. math::
   \dot\alpha &= -(iD_c+\kappa/2)\alpha - i\sum_kN_kg_k\beta_k \\
   \dot\beta_k &= -(iD_k+\Gamma_k)\beta_k + ig_kz_k\alpha

The amplitude grows as :math:`e^{\lambda t}`, where :math:`\lambda` is the root with the largest
real part of

.. math:: \lambda + iD_c + \kappa/2 = \sum_k\frac{N_kg_k^2z_k}{\lambda+\Gamma_k+iD_k}

(Haake, Haus, King, Schroeder and Glauber 1981). The threshold is :math:`\lambda=0`.
"""

import numpy as np
from numpy.typing import NDArray

from darkbattery.meanfield.classes.moments import System, is_broadened, system_of
from darkbattery.nvmodel.devices.estimates import estimates
from darkbattery.nvmodel.experiment import Experiment, Model, experiment_of
from darkbattery.nvmodel.lines.response import has_closed_form, line_response
from darkbattery.nvmodel.resonator import ResonatorBattery, of_a_resonator

Array = NDArray[np.float64]
Amplitudes = NDArray[np.complex128]

# classes of the dense problem that finds the root, where the line's closed form refines it and
# where a sum of so many classes does
ROUGH, COARSE, FINE = 25, 101, 20_001
NEWTON_STEPS = 50
ROUNDING = 1e-12


def growth_rate(model: Model | System) -> float:
    r"""Growth rate :math:`\mathrm{Re}\,\lambda` (rad/s) at the start; :math:`\le0` without a burst.

    Photon number and energy grow at twice this rate. A rate :math:`\le0` is that of the slowest
    decay, as far as finitely many classes have one. The start is that of the model, before a
    protocol's first step; `meanfield.remaining` tells of later moments.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> battery = CollectiveBattery(n_battery=1000, n_charger=5000)
    >>> print(f"{growth_rate(battery):.6f}")  # (N_C - N_B)/2
    2000.000000
    """
    if isinstance(model, System):
        return float(growing_modes(model)[0].real)
    if not is_broadened(model):
        return float(growing_modes(system_of(model, 1))[0].real)
    experiment = experiment_of(model)
    least = min(spins.number for spins in experiment.ensembles)
    if least >= FINE and all(has_closed_form(spins.line) for spins in experiment.ensembles):
        return _of_lines(complex(growing_modes(system_of(model, ROUGH))[0]), experiment)
    root = complex(growing_modes(system_of(model, COARSE))[0])
    if root.real <= 0.0:
        return root.real
    return refined(root, system_of(model, min(FINE, least))).real


def threshold_cooperativity(model: ResonatorBattery) -> float:
    r"""C, above 1 where the inverted spins burst (or mase) and below where they do not.

    .. math:: C = \sum_i\frac{2g_i^2N_iz_i}{\kappa}
              \int\rho_i(w)\frac{\Gamma_i}{\Gamma_i^2+w^2}dw,

    summed over battery (:math:`z<0`) and charger (:math:`z>0`), with w counted from the resonator;
    exact for lines symmetric about it.

    Examples
    --------
    >>> from darkbattery.nvmodel.ensemble import SpinEnsemble
    >>> from darkbattery.nvmodel.fields import Resonator
    >>> spins = SpinEnsemble(number=10**6, coupling=50.0, t2_s=1e-6)
    >>> maser = ResonatorBattery(spins, Resonator(frequency_hz=3e9, linewidth_fwhm_hz=1e3))
    >>> print(round(threshold_cooperativity(maser), 4), growth_rate(maser) < 0)
    0.7958 True
    """
    return estimates(of_a_resonator(model)).net_cooperativity


def mean_delay_shift(rate: float) -> float:
    r"""Mean delay minus the modal delay, :math:`\gamma_E/2\lambda`, `rate` being :math:`\lambda`.

    >>> round(mean_delay_shift(0.5), 6)
    0.577216
    """
    return float(np.euler_gamma) / (2.0 * rate)


def _of_lines(root: complex, experiment: Experiment) -> float:
    """Newton's method with the lines themselves, from a root with few classes.

    Few classes of a line that is wide beside 1/T2 stand apart and may miss the threshold: what
    decays slowly with them is followed too.
    """
    kappa = system_of(experiment, 1).kappa
    inertia = 0.0 if experiment.resonator is None else 1.0
    sides = [
        (spins, spins.noise.coherence_decay, spins.inversion(experiment.nbar))
        for spins in experiment.ensembles
    ]
    narrow = min(decay for _, decay, _ in sides)

    def missing(at: complex) -> complex:
        value = inertia * at + 0.5 * kappa
        for spins, decay, inversion in sides:
            place = [-at.imag - spins.detuning]
            response = line_response(spins.seen_line, at.real + decay, place)[0]
            value -= inversion * spins.collective_coupling**2 * complex(response)
        return value

    at, small = complex(max(root.real, 0.0), root.imag), 1e-6 * (abs(root) + kappa)
    for _ in range(NEWTON_STEPS):
        value = missing(at)
        step = value * small / (missing(at + small) - value)
        if (at - step).real <= -narrow:
            return min(root.real, 0.0)
        at, small = at - step, max(1e-3 * abs(step), 1e-7 * abs(at))
        if abs(step) < 1e-10 * abs(at):
            break
    return at.real


def linear_matrix(system: System) -> Amplitudes:
    """The linear equations, scaled as in `meanfield.classes.moments`: for the field, then classes.

    With the field eliminated there is no row for it.
    """
    strength = system.share * system.scaled_coupling
    gain = 1j * system.scaled_coupling * system.start
    spins = np.diag(-1j * system.detuning - system.decoherence)
    if system.eliminated:
        # the field follows: alpha = -(2i/kappa) sum N g beta
        return spins + np.outer(gain, strength) * (-2j / system.kappa)
    field = -1j * system.field_detuning - 0.5 * system.kappa
    return np.block([[np.full((1, 1), field), -1j * strength[None]], [gain[:, None], spins]])


def growing_modes(system: System) -> Amplitudes:
    """The rates (rad/s) of all modes of the linear equations, the fastest growing first."""
    values = np.linalg.eigvals(linear_matrix(system)).astype(complex)
    # a mode that neither grows nor decays is left with rounding of either sign
    values.real[np.abs(values.real) < ROUNDING * np.abs(values).max()] = 0.0
    found: Amplitudes = values[np.argsort(-values.real, kind="stable")]
    return found


def refined(root: complex, system: System) -> complex:
    """Newton's method on the secular equation, from a root with few classes."""
    weight = system.share * system.scaled_coupling**2 * system.start
    pole = system.decoherence + 1j * system.detuning
    own = 0.0 if system.eliminated else 1.0
    for _ in range(NEWTON_STEPS):
        response = 1.0 / (root + pole)
        value = own * (root + 1j * system.field_detuning) + 0.5 * system.kappa - weight @ response
        step = value / (own + weight @ response**2)
        root -= complex(step)
        if abs(step) < 1e-12 * abs(root):
            break
    return root
