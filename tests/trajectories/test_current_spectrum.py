"""The spectrum of diffusive records against the two-time correlation, by QuTiP's regression."""

import math

import numpy as np
import pytest
import qutip

from darkbattery.nvmodel import CollectiveBattery, Detector, InputError
from darkbattery.trajectories import current_spectrum

WINDOWS, LAST = 24, 3.0


def _expected(n_battery, n_charger, kind, efficiency):
    """1 + eta/T of the correlation over windows, at the discrete frequencies: fine sums."""
    fine = 10  # points in a window
    b, c = (qutip.jmat(n / 2, "-") for n in (n_battery, n_charger))
    L = qutip.tensor(b, qutip.qeye(n_charger + 1)) + qutip.tensor(qutip.qeye(n_battery + 1), c)
    start = qutip.tensor(qutip.basis(n_battery + 1, n_battery), qutip.basis(n_charger + 1, 0))
    step = LAST / (WINDOWS * fine)
    generator = qutip.liouvillian(0.0 * L, [L])
    onward, middle = ((generator * span).expm().full() for span in (step, 0.5 * step))
    rho = (middle @ qutip.operator_to_vector(qutip.ket2dm(start)).full()).ravel()
    d = L.shape[0]
    L = L.full()
    size = WINDOWS * fine
    G = np.zeros((size, size), dtype=complex)
    x = (L + L.T if kind == "homodyne" else L).T.ravel(order="F")  # tr(x rho) as a row
    for i in range(size):
        now = rho.reshape(d, d, order="F")
        # what a detection at t leaves; of a heterodyne record <c^+(t) c(t')>
        after = L @ now + now @ L.T if kind == "homodyne" else now @ L.T
        sigma = after.ravel(order="F")
        for k in range(i, size):
            G[i, k] = x @ sigma
            G[k, i] = np.conj(G[i, k])
            sigma = onward @ sigma
        rho = onward @ rho
    windows = G.reshape(WINDOWS, fine, WINDOWS, fine).sum(axis=(1, 3)) * step**2
    at = np.arange(WINDOWS)
    n = np.fft.fftfreq(WINDOWS, 1.0 / WINDOWS)
    if kind == "homodyne":
        n = np.arange(WINDOWS // 2 + 1)
    phase = np.exp(2j * np.pi * np.sort(n)[:, None] * at / WINDOWS)
    light = np.einsum("fi,ik,fk->f", phase, windows, phase.conj()).real
    return 1.0 + efficiency * light / LAST


@pytest.mark.parametrize(
    ("sizes", "kind", "efficiency"), [((1, 1), "homodyne", 1.0), ((1, 2), "heterodyne", 0.5)]
)
def test_light_above_shot_noise_is_the_two_time_correlation(sizes, kind, efficiency):
    battery = CollectiveBattery(*sizes, gamma=2.0, detector=Detector(kind, efficiency=efficiency))
    times = np.linspace(0.0, LAST / 2.0, WINDOWS + 1)
    found = current_spectrum(battery, times, runs=3000, seed=4)
    exact = _expected(*sizes, kind, efficiency)
    z = (found.value - exact) / found.error
    # 13 and 24 numbers that hang together; midpoint sums of ten in a window: 1e-3
    assert (np.abs(z) < 4.0).all(), z
    assert (z**2).mean() < 2.5
    assert exact.max() > 1.2
    # frequencies in the times' unit, where gamma is 2
    spacing = 2.0 / LAST
    np.testing.assert_allclose(np.diff(found.frequency), spacing, rtol=1e-12)


def test_one_spin_by_one_in_closed_form_at_frequency_zero():
    r"""At T to infinity :math:`\int Y` is that of one photon's mode, :math:`\xi` with half weight.

    G(t, t') = 2 e^{-t - t'} with c from the triplet: 1 + (2/T) (1 - e^{-T})^2 at frequency zero.
    """
    battery = CollectiveBattery(1, 1, detector=Detector("homodyne"))
    found = current_spectrum(battery, np.linspace(0.0, 4.0, 9), runs=4000, seed=2)
    exact = 1.0 + 2.0 / 4.0 * (1.0 - math.exp(-4.0)) ** 2
    assert abs(found.value[0] - exact) < 4.0 * found.error[0]
    table = found.to_dataframe()
    assert list(table.columns) == ["frequency", "value", "error"]


@pytest.mark.parametrize("kind", ["homodyne", "heterodyne"])
def test_a_little_heat_changes_little(kind):
    """Another method, of few spins at any temperature, in its own unit of time."""
    detector, times = Detector(kind), np.linspace(0.0, 2.0, 11)
    cold, warm = (
        current_spectrum(CollectiveBattery(1, 2, nbar, gamma=2.0, detector=detector), times, 300, 1)
        for nbar in (0.0, 1e-9)
    )
    apart = np.abs(cold.value - warm.value)
    # four standard errors, of some ten numbers
    assert np.all(apart <= 4.0 * np.hypot(cold.error, warm.error))


def test_the_same_runs_in_parts():
    battery = CollectiveBattery(1, 2, detector=Detector("heterodyne"))
    times = np.linspace(0.1, 1.0, 10)
    whole = current_spectrum(battery, times, runs=80, seed=3)
    parts = [current_spectrum(battery, times, n, 3, first) for first, n in ((0, 70), (70, 10))]
    mean = (70 * parts[0].value + 10 * parts[1].value) / 80
    np.testing.assert_allclose(whole.value, mean, rtol=1e-12)


@pytest.mark.parametrize(
    ("battery", "times", "text"),
    [
        (CollectiveBattery(1, 2), [0.0, 1.0, 2.0], "counts photons"),
        (CollectiveBattery(1, 2, detector=Detector("homodyne")), [0.0, 1.0, 3.0], "equally spaced"),
        (CollectiveBattery(1, 2, detector=Detector("homodyne")), [0.0, 1.0], "equally spaced"),
    ],
)
def test_what_has_no_current_is_refused(battery, times, text):
    with pytest.raises(InputError, match=text):
        current_spectrum(battery, times, 10, 1)
