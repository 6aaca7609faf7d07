r"""The first moments of a burst: equations linear in field and coherences, inversions held fixed.

.. math::
   \dot\alpha &= -(iD_c+\kappa/2)\alpha - i\sum_kN_kg_k\beta_k \\
   \dot\beta_k &= -(iD_k+\Gamma_k)\beta_k + ig_kz_k\alpha

The amplitude grows as exp(lambda t), where lambda is the root with the largest real part of

.. math:: \lambda + iD_c + \kappa/2 = \sum_k\frac{N_kg_k^2z_k}{\lambda+\Gamma_k+iD_k}

(Haake, Haus, King, Schroeder and Glauber 1981). The threshold is lambda = 0.
"""

import numpy as np
from numpy.typing import NDArray

from darkbattery.meanfield.classes.moments import System, is_broadened, system_of
from darkbattery.nvmodel.devices.estimates import estimates
from darkbattery.nvmodel.experiment import Model, experiment_of
from darkbattery.nvmodel.resonator import ResonatorBattery, of_a_resonator

Array = NDArray[np.float64]

# classes of the dense problem that finds the root, and of the sum that refines it
COARSE, FINE = 101, 20_001
NEWTON_STEPS = 50
ROUNDING = 1e-12


def growth_rate(model: Model | System) -> float:
    """Growth rate Re lambda (rad/s) of field and coherence at the start; <= 0 without a burst.

    Photon number and energy grow at twice this rate. A rate <= 0 is that of the slowest decay,
    as far as finitely many classes have one.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> battery = CollectiveBattery(n_battery=1000, n_charger=5000)
    >>> print(f"{growth_rate(battery):.6f}")  # (N_C - N_B)/2
    2000.000000
    """
    if isinstance(model, System):
        return _largest_root(model).real
    broadened = is_broadened(model)
    root = _largest_root(system_of(model, COARSE if broadened else 1))
    if not broadened or root.real <= 0.0:
        return root.real
    least = min(spins.number for spins in experiment_of(model).ensembles)
    return _refined(root, system_of(model, min(FINE, least))).real


def threshold_cooperativity(model: ResonatorBattery) -> float:
    r"""C, above 1 where the inverted spins burst (or mase) and below where they do not.

    .. math:: C = \sum_i\frac{2g_i^2N_iz_i}{\kappa}
              \int\rho_i(w)\frac{\Gamma_i}{\Gamma_i^2+w^2}dw,

    summed over battery (z < 0) and charger (z > 0), with w counted from the resonator; exact for
    lines symmetric about it.

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
    r"""Mean delay minus the modal delay, :math:`\gamma_E/2\lambda`, `rate` being lambda.

    >>> round(mean_delay_shift(0.5), 6)
    0.577216
    """
    return float(np.euler_gamma) / (2.0 * rate)


def _largest_root(system: System) -> complex:
    """Largest eigenvalue of the linear equations, one row a class (and one for the field)."""
    strength = system.share * system.scaled_coupling
    gain = 1j * system.scaled_coupling * system.start
    spins = np.diag(-1j * system.detuning - system.decoherence)
    if system.eliminated:
        # the field follows: alpha = -(2i/kappa) sum N g beta
        matrix = spins + np.outer(gain, strength) * (-2j / system.kappa)
    else:
        field = -1j * system.field_detuning - 0.5 * system.kappa
        matrix = np.block([[np.full((1, 1), field), -1j * strength[None]], [gain[:, None], spins]])
    values = np.linalg.eigvals(matrix).astype(complex)
    # a mode that neither grows nor decays is left with rounding of either sign
    values.real[np.abs(values.real) < ROUNDING * np.abs(values).max()] = 0.0
    return complex(values[np.argmax(values.real)])


def _refined(root: complex, system: System) -> complex:
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
