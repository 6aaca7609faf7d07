"""From averages over classes to the observables of a `Solution`, and their physical bounds."""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.meanfield.classes.moments import BATTERY, CHARGER, System
from darkbattery.nvmodel.efficiency import charging_efficiency
from darkbattery.nvmodel.ergotropy import local_ergotropy_bloch
from darkbattery.nvmodel.observables import ELSEWHERE, Needs, needing, row_of
from darkbattery.nvmodel.portlight import (
    AT_PORT,
    IN_PHASE,
    NET_PHOTONS,
    QUADRATURE,
    at_ports,
    of_ports,
)

Array = NDArray[np.float64]

FROM_BATTERY = needing(Needs.MEANS | Needs.BATTERY, without=ELSEWHERE)
FROM_ANY = needing(Needs.MEANS, without=ELSEWHERE | Needs.BATTERY)
COMPARED = needing(Needs.START)
FROM_RESONATOR = needing(Needs.MEANS | Needs.FIELD, without=Needs.BATTERY)
FROM_BATTERY_AT_RESONATOR = needing(Needs.MEANS | Needs.FIELD | Needs.BATTERY)

# how far a moment may leave its bounds, as a share of them, before the Solution says so
BOUND_SLACK = 1e-6


@dataclass(frozen=True, eq=False)
class Averages:
    """What evolution yields, over times.

    Attributes
    ----------
    inversion, inversion_rate : ndarray (2, T)
        <sigma_z> of battery and charger and its time derivative.
    coherence : ndarray (T,)
        <sigma^-> of the battery, complex; 0 in the phase-invariant sector.
    local_ergotropy : ndarray (T,)
        Of the battery's classes, each spin turned by itself.
    photons : ndarray (T,)
    leaving : ndarray (T,)
        kappa n, or what stands for it without a resonator, per time.
    left, supplied : ndarray (T,)
        Integrals of `leaving` and of what T1, drives and rotations supply.
    upward : ndarray (T,)
        sum 4g^2/kappa N <sigma_z> without a resonator, which absorbs thermal photons; else 0.
    field : ndarray (T,)
        <a>, complex; 0 in the phase-invariant sector.
    """

    inversion: Array
    inversion_rate: Array
    coherence: NDArray[np.complex128]
    local_ergotropy: Array
    photons: Array
    leaving: Array
    left: Array
    supplied: Array
    upward: Array
    field: NDArray[np.complex128]


def available(system: System) -> tuple[str, ...]:
    """Names that can be read off a system."""
    names: tuple[str, ...] = FROM_ANY
    if system.size(BATTERY):
        names = FROM_BATTERY + names
    if not system.size(CHARGER):
        names = tuple(name for name in names if name not in COMPARED)
    if not system.eliminated:
        names += FROM_RESONATOR
        if system.size(BATTERY):
            names += FROM_BATTERY_AT_RESONATOR
    return names + at_ports(system.ports)


def default(names: tuple[str, ...]) -> tuple[str, ...]:
    """Of what is available, what is given where nothing is asked for by name.

    >>> default(("battery_energy", "charging_efficiency"))
    ('battery_energy',)
    """
    return tuple(name for name in names if name not in COMPARED and row_of(name) not in AT_PORT)


def start_energies(system: System) -> tuple[float, float]:
    """Energies per spin of battery and charger at the start, in hbar omega; 0 of none."""
    up = system.number * (1.0 + system.start) / 2.0
    battery, charger = (
        float(up[system.ensemble == one].sum()) / max(system.size(one), 1.0)
        for one in (BATTERY, CHARGER)
    )
    return battery, charger


def observables(times: Array, found: Averages, system: System, nbar: float) -> dict[str, Array]:
    """All observables of `available`, by name; `nbar` is 0 where noise is left out."""
    energy = 0.5 * (1.0 + found.inversion)
    battery, charger = system.size(BATTERY), system.size(CHARGER)
    held = battery * energy[BATTERY] + charger * energy[CHARGER]
    start = (1.0 + system.start) @ system.number / 2.0
    if not system.eliminated:
        start += nbar
    emitted = (nbar + 1.0) * found.left
    if system.eliminated:
        absorption = nbar * (found.leaving - found.upward)
        absorbed = emitted - (start + found.supplied - held)
    else:
        absorption = nbar * (found.leaving + system.kappa)
        absorbed = nbar * (found.left + system.kappa * times)
    emission = (nbar + 1.0) * found.leaving
    values = {
        "battery_energy": energy[BATTERY],
        "charger_energy": energy[CHARGER],
        "power": 0.5 * found.inversion_rate[BATTERY],
        "ergotropy_local": found.local_ergotropy,
        "ergotropy_rotation": local_ergotropy_bloch(found.inversion[BATTERY], found.coherence),
        "open_work": energy[BATTERY] - nbar / (2.0 * nbar + 1.0),
        "emission_rate": emission,
        "absorption_rate": absorption,
        "emitted_photons": emitted,
        "absorbed_photons": absorbed,
        "photons": found.photons,
        "charging_efficiency": charging_efficiency(
            (battery, charger), start_energies(system), energy[BATTERY], energy[CHARGER]
        ),
    }
    if system.frequency is not None:
        quantum = scipy.constants.hbar * system.frequency
        balance = held + found.photons - start + emitted - absorbed - found.supplied
        values |= {
            "output_power": quantum * (emission - absorption),
            "battery_energy_joule": quantum * battery * energy[BATTERY],
            "charger_energy_joule": quantum * charger * energy[CHARGER],
            "excitation_balance": balance / system.total,
        }
        whole = {
            "output_power": values["output_power"],
            NET_PHOTONS: emitted - absorbed,
            IN_PHASE: found.field.real,
            QUADRATURE: found.field.imag,
        }
        values |= of_ports(system.ports, system.kappa, quantum, whole)
    return values


def bound_warnings(
    time: float, z: Array, photons: float, C: NDArray[np.complex128]
) -> tuple[str, ...]:
    r"""What left its physical bounds at one time, as sentences.

    Populations lie in [0, 1], photon numbers are not negative, and
    :math:`|C_{kl}|\le\sqrt{p_kp_l}` and :math:`\sqrt{(1-p_k)(1-p_l)}`, p = (1+z)/2
    (Cauchy and Schwarz for two distinct spins).
    """
    found = []
    if (worst := float(np.abs(z).max())) > 1.0 + BOUND_SLACK:
        found.append(f"|<sigma_z>| = {worst:.4g} exceeds 1 at t = {time:.4g}")
    if photons < -BOUND_SLACK:
        found.append(f"photon number {photons:.4g} is negative at t = {time:.4g}")
    if C.size:
        p = np.clip(0.5 * (1.0 + z), 0.0, 1.0)
        bound = np.minimum(np.outer(p, p), np.outer(1.0 - p, 1.0 - p))
        excess = float((np.abs(C) ** 2 - bound).max())
        if excess > BOUND_SLACK:
            found.append(
                f"a spin-spin correlation exceeds its bound at t = {time:.4g} "
                f"(|C|^2 by {excess:.3g}): second order does not hold here"
            )
    return tuple(found)
