"""One entry an observable: how it is read from the explicit state. New observables join here."""

import numpy as np

from darkbattery.nvmodel.ergotropy import ergotropy_of_matrix
from darkbattery.nvmodel.observables import OBSERVABLES, Needs, needing
from darkbattery.nvmodel.peaks import PEAK

# eigenvalues of the partial transpose below this are zero; between this and the next they are
# neither to the digits there are, and the slope of the negativity is not compared
ZERO, NOT_ZERO = 1e-13, 1e-9


def _battery_energy(m):
    return m.mean(m.spins.z_b) / m.spins.nb + 0.5


def _charger_energy(m):
    return m.mean(m.spins.z_c) / m.spins.nc + 0.5


def _power(m):
    return m.mean(m.spins.z_b, m.change) / m.spins.nb


def _emission_rate(m):
    L = m.lowering
    return m.model.gamma * (m.model.occupation + 1.0) * m.mean(L.T @ L)


def _absorption_rate(m):
    L = m.lowering
    return m.model.gamma * m.model.occupation * m.mean(L @ L.T)


def _ups(spins):
    return spins - np.array([int(i).bit_count() for i in range(2**spins)])


def ladder_ergotropy_of(spins, state):
    """Unitaries within each j, whose copies go together; per spin. Works on parts of a state."""
    ups, found = _ups(spins.nb), 0.0
    for k in range(spins.nb // 2 + 1):
        block = spins.projector(spins.nb, spins.nb / 2 - k) @ state
        p = np.array(
            [np.trace(block[np.ix_(ups == u, ups == u)]).real for u in range(spins.nb + 1)]
        )
        p = p[k : spins.nb + 1 - k]
        found += p @ np.arange(p.size) - np.sort(p)[::-1] @ np.arange(p.size)
    return found / spins.nb


def _ergotropy(m):
    return ladder_ergotropy_of(m.spins, m.battery)


def _ergotropy_total(m):
    return ergotropy_of_matrix(m.battery, np.diag(_ups(m.spins.nb))) / m.spins.nb


def _single_spins(m):
    """The reduced state of each spin of the battery."""
    shapes = [(2**n, 2, 2 ** (m.spins.nb - n - 1)) for n in range(m.spins.nb)]
    return [np.einsum("aibajb->ij", m.battery.reshape(shape * 2)) for shape in shapes]


def _capacity_unitary(m):
    """Highest less lowest energy within each j, of the populations sorted both ways."""
    ups, found = _ups(m.spins.nb), 0.0
    for k in range(m.spins.nb // 2 + 1):
        block = m.spins.projector(m.spins.nb, m.spins.nb / 2 - k) @ m.battery
        p = np.array([np.trace(block[np.ix_(ups == u, ups == u)]).real for u in np.unique(ups)])
        p = np.sort(p[k : m.spins.nb + 1 - k])
        found += (p - p[::-1]) @ np.arange(p.size)
    return found / m.spins.nb


def _capacity_unitary_total(m):
    r = np.linalg.eigvalsh(m.battery)
    return (r - r[::-1]) @ np.sort(_ups(m.spins.nb)) / m.spins.nb


def _probabilities(m, rho):
    """Of k excitations of the battery, summed over the diagonal of a matrix on all spins."""
    ups = _ups(m.spins.nb)
    diagonal = np.diag(rho).real.reshape(2**m.spins.nb, -1).sum(axis=1)
    return np.bincount(ups, diagonal, m.spins.nb + 1)


def _power_bound(m):
    """NaN where a level begins to fill: there the limit is taken (docs: known to 1e-10)."""
    p, rate, k = _probabilities(m, m.rho), _probabilities(m, m.change), np.arange(m.spins.nb + 1)
    if ((p < 1e-7) & (np.abs(rate) > 1e-9 * m.model.gamma)).any():
        return np.nan
    seen = p >= 1e-7
    information = (rate[seen] ** 2 / p[seen]).sum()
    variance = max(0.0, p @ (k - p @ k) ** 2)  # of a battery all down it is rounding
    return np.sqrt(variance * information) / m.spins.nb


def _statistical_speed(m):
    """NaN as for the bound, which it is a factor of."""
    p, rate = _probabilities(m, m.rho), _probabilities(m, m.change)
    if ((p < 1e-7) & (np.abs(rate) > 1e-9 * m.model.gamma)).any():
        return np.nan
    seen = p >= 1e-7
    return 0.5 * np.sqrt((rate[seen] ** 2 / p[seen]).sum())


def _charging_efficiency(m):
    start = m.model.start_energies
    gained = m.spins.nb * (_battery_energy(m) - start[0])
    lost = m.spins.nc * (start[1] - _charger_energy(m))
    # docs: empty until the charger lost something; below a thousandth energies of 1e-10 tell less
    return gained / lost if abs(lost) > 1e-2 * m.spins.nc else np.nan


def _ergotropy_local(m):
    """Each spin by itself."""
    return np.mean([ergotropy_of_matrix(one, np.diag([1.0, 0.0])) for one in _single_spins(m)])


def _ergotropy_rotation(m):
    """All spins alike: as one spin in their mean state."""
    return ergotropy_of_matrix(np.mean(_single_spins(m), axis=0), np.diag([1.0, 0.0]))


def _open_work(m):
    n = m.model.occupation
    return _battery_energy(m) - n / (2.0 * n + 1.0)


def _transposed(m, rho):
    b, c = 2**m.spins.nb, 2**m.spins.nc
    return rho.reshape(b, c, b, c).transpose(2, 1, 0, 3).reshape(b * c, b * c)


def _log_negativity(m):
    return np.log2(np.abs(np.linalg.eigvalsh(_transposed(m, m.rho))).sum())


def _entanglement_rate(m):
    """From the right: what is zero now counts with the size of what it grows to."""
    values, vectors = np.linalg.eigh(_transposed(m, m.rho))
    size = np.abs(values)
    if ((size > ZERO) & (size < NOT_ZERO)).any():
        return np.nan
    slope = vectors.conj().T @ _transposed(m, m.change) @ vectors
    null = size <= ZERO
    rate = (np.sign(values) * np.diag(slope).real)[~null].sum()
    rate += np.abs(np.linalg.eigvalsh(slope[np.ix_(null, null)])).sum() if null.any() else 0.0
    return rate / (np.log(2.0) * size.sum())


def _energy_variance(m):
    H = m.spins.z_b / m.spins.nb
    return m.mean(H @ H) - m.mean(H) ** 2


def _emitted_variance(m):
    return m.counted(2) - m.counted(1) ** 2


def _fano_factor(m):
    # docs: empty before the first photons (1e-9 of one)
    return _emitted_variance(m) / m.counted(1) if m.counted(1) > 1e-9 else np.nan


def _g2_zero(m):
    L = m.lowering
    rate = m.mean(L.T @ L)
    # docs: empty once the emission is below a thousandth of N_C gamma
    seen = (m.model.occupation + 1.0) * rate > 1e-3 * m.spins.nc
    return m.mean(L.T @ L.T @ L @ L) / rate**2 if seen else np.nan


def conditional_states(m):
    """At T = 0 all runs that emitted as many photons are in the same state: (p, state) of each."""
    found = []
    for ups in np.unique(m.spins.ups):
        here = m.spins.ups == ups
        block = np.where(here[:, None] & here[None, :], m.rho, 0.0)
        p = np.trace(block).real
        if p > 1e-13:
            # pure: a second state at this number would make the reading below wrong
            assert abs(np.trace(block @ block).real / p**2 - 1.0) < 1e-6 + 1e-13 / p
            found.append((p, block / p))
    return found


def _over_runs(quantity, combine):
    def read(m):
        rows = [(p, quantity(m, state)) for p, state in conditional_states(m)]
        p, x = np.array(rows).T
        return combine(p / p.sum(), x)

    return read


def _mean(p, x):
    return p @ x


def _variance(p, x):
    return p @ (x - p @ x) ** 2


def _reliability(p, x):
    """NaN where runs hardly differ: 1e-10 of the energies is then more than 1e-6 of the ratio."""
    variance = _variance(p, x)
    return p @ x / np.sqrt(variance) if variance > 1e-6 else np.nan


def _energy_of(m, state):
    return m.mean(m.spins.z_b, state) / m.spins.nb + 0.5


def _variance_of(m, state):
    H = m.spins.z_b / m.spins.nb
    return m.mean(H @ H, state) - m.mean(H, state) ** 2


def _battery_of(m, state):
    b, c = 2**m.spins.nb, 2**m.spins.nc
    return np.einsum("icjc->ij", state.reshape(b, c, b, c))


def _purity_of(m, state):
    rho = _battery_of(m, state)
    return np.trace(rho @ rho).real


def _entropy_of(m, state):
    r = np.linalg.eigvalsh(_battery_of(m, state))
    return -(r[r > 1e-300] * np.log2(r[r > 1e-300])).sum()


def _information_gain(m):
    average = sum(p * state for p, state in conditional_states(m))
    return _entropy_of(m, average) - _over_runs(_entropy_of, _mean)(m)


def _ergotropy_of(m, state):
    b, c = 2**m.spins.nb, 2**m.spins.nc
    return ladder_ergotropy_of(m.spins, np.einsum("icjc->ij", state.reshape(b, c, b, c)))


READINGS = {
    "battery_energy": _battery_energy,
    "charger_energy": _charger_energy,
    "power": _power,
    "ergotropy": _ergotropy,
    "ergotropy_total": _ergotropy_total,
    "ergotropy_local": _ergotropy_local,
    "ergotropy_rotation": _ergotropy_rotation,
    "open_work": _open_work,
    "capacity_unitary": _capacity_unitary,
    "capacity_unitary_total": _capacity_unitary_total,
    "power_bound": _power_bound,
    "power_bound_trace": lambda m: 0.5 * np.abs(_probabilities(m, m.change)).sum(),
    "statistical_speed": _statistical_speed,
    "population_speed": lambda m: np.abs(_probabilities(m, m.change)).max(),
    "charging_efficiency": _charging_efficiency,
    "log_negativity": _log_negativity,
    "entanglement_rate": _entanglement_rate,
    "emission_rate": _emission_rate,
    "absorption_rate": _absorption_rate,
    "emitted_photons": lambda m: m.counted(1),
    "absorbed_photons": lambda m: float(m.y[-2].real),
    "local_loss": lambda m: float(m.y[-1].real),
    "energy_variance": _energy_variance,
    "emitted_photons_variance": _emitted_variance,
    "fano_factor": _fano_factor,
    "recorded_photons": lambda m: m.model.detector_efficiency * m.counted(1),
    "g2_zero": _g2_zero,
    "capacity": lambda m: _battery_energy(m) * m.spins.nb,
}
"""Of the average state, at any temperature."""

FROM_RECORDS = {
    "daemonic_ergotropy": _over_runs(_ergotropy_of, _mean),
    "conditional_purity": _over_runs(_purity_of, _mean),
    "conditional_entropy": _over_runs(_entropy_of, _mean),
    "information_gain": _information_gain,
    "energy_variance_conditional": _over_runs(_variance_of, _mean),
    "energy_variance_runs": _over_runs(_energy_of, _variance),
    "ergotropy_variance_runs": _over_runs(_ergotropy_of, _variance),
    "energy_reliability": _over_runs(_energy_of, _reliability),
    "ergotropy_reliability": _over_runs(_ergotropy_of, _reliability),
}
"""Of single runs: exact at T = 0 from a pure start; otherwise `tests.verify.unravelling`."""

OF_RESONATORS = {
    "photons",
    "output_power",
    "battery_energy_joule",
    "charger_energy_joule",
    "excitation_balance",
    "log_negativity_rest",
    *needing(Needs.PORT),
}
"""Have no meaning without a resonator: `tests.verify.semiclassical`."""

OF_RUNS = {PEAK}
"""Of single runs at any temperature: `tests.verify.unravelling`, `tests.verify.semiclassical`."""

OF_DRIVES = {"ergotropy_coherent", "ergotropy_incoherent"}
"""Of coherence between energies: `tests.trajectories.test_capacity`."""

OF_COURSES = {
    *("speed_limit_mandelstam_tamm", "speed_limit_margolus_levitin"),
    *("fano_factor_bound", "energy_reliability_bound"),
}
"""Of all that went before: `tests.trajectories.test_speed_limits` and `test_kinetic_bounds`."""

ELSEWHERE = {*OF_RESONATORS, *OF_RUNS, *OF_DRIVES, *OF_COURSES}
KNOWN = {*READINGS, *FROM_RECORDS, *ELSEWHERE}
MISSING = set(OBSERVABLES) - KNOWN
