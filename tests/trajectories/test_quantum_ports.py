"""What leaves by ports in the quantum engine: beside QuTiP, the balance, and meanfield."""

import math

import numpy as np
import pytest
import qutip
import scipy.constants as c

from darkbattery import meanfield, trajectories
from darkbattery.nvmodel import (
    Drive,
    InputError,
    Port,
    Pulse,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
)

G = 2.0 * math.pi * 5e6
PORTS = [Port("in", 2e6), Port("out", 5e6)]
ROWS = ("port_power", "port_photon_rate", "port_photons")
FIELDS = ("port_in_phase", "port_quadrature")
TIMES = np.linspace(0.0, 300e-9, 7)


def _cavity(temperature=0.0):
    return Resonator(5e9, linewidth_fwhm_hz=1e7, temperature_k=temperature, ports=PORTS)


def _alike(temperature=0.0):
    spins = {"coupling": G}
    return ResonatorBattery(
        SpinEnsemble(3, **spins), _cavity(temperature), SpinEnsemble(2, **spins)
    )


def _noisy(temperature=0.0):
    """Unequal couplings and noise: over irreps."""
    battery = SpinEnsemble(1, coupling=0.7 * G, t1_s=1e-6)
    return ResonatorBattery(SpinEnsemble(2, coupling=G, t2_s=5e-7), _cavity(temperature), battery)


def _names(rows, ports=("in", "out")):
    return [f"{row} of {port}" for row in rows for port in ports]


@pytest.mark.parametrize("temperature", [0.0, 0.3])
@pytest.mark.parametrize("model_of", [_alike, _noisy])
def test_ports_share_what_the_excitations_lack(model_of, temperature):
    """Photons so far by ports and inside are what the balance says; rates are their derivatives."""
    model = model_of(temperature)
    times = np.linspace(0.0, 100e-9, 101)
    held = ("battery_energy", "charger_energy", "photons", "local_loss")
    rest = [] if model_of is _alike else ["local_loss"]
    found = trajectories.evolve(model, times, [*held[:3], *rest, *_names(ROWS)])
    sizes = (model.battery.number, model.charger.number)
    lost = -found["photons"] - (found["local_loss"] if rest else 0.0)
    for name, spins in zip(held[:2], sizes, strict=True):
        lost = lost - spins * found[name]
    lost -= lost[0]
    for port, share in (("in", 0.2), ("out", 0.5)):
        power, rate, photons = (found[f"{row} of {port}"] for row in ROWS)
        np.testing.assert_allclose(photons, share * lost, atol=1e-8)  # errors of 1e-10 a spin
        np.testing.assert_allclose(power, c.h * 5e9 * rate, rtol=1e-12)
        # trapezoids of a ns along oscillations of 40
        so_far = np.append(0.0, np.cumsum(0.5 * (rate[1:] + rate[:-1]) * np.diff(times)))
        np.testing.assert_allclose(photons, so_far, atol=3e-3)


@pytest.mark.parametrize("detuning_hz", [0.0, 3e6])
@pytest.mark.parametrize("staged", [False, True])
def test_a_driven_field_leaves_with_its_phase_as_qutip_has_it(staged, detuning_hz):
    """<a> in the frame of the model's drive; of a stage's drive in that of the resonator."""
    eta, phase, stop = 2e7, 0.7, 200e-9
    drive = Drive(eta, stop, detuning_hz=detuning_hz, phase=phase)
    wait = 30e-9 if staged else 0.0
    given = {"drive": drive}
    if staged:
        given = {"protocol": (Stage(wait), Stage(stop, drives=[drive]))}
    spin = SpinEnsemble(1, coupling=G)
    model = ResonatorBattery(spin, _cavity(), spin, **given)
    names = _names(FIELDS)
    times = np.linspace(0.0, stop, 6)
    found = trajectories.evolve(model, times, [*names, "photons"])
    # in the frame of the resonator, the drive as it is
    levels = 9
    a = qutip.tensor(qutip.destroy(levels), qutip.qeye(2), qutip.qeye(2))
    lower = [
        qutip.tensor(
            qutip.qeye(levels), *(qutip.sigmam() if i == k else qutip.qeye(2) for i in (0, 1))
        )
        for k in (0, 1)
    ]
    still = G * sum(a.dag() * s + a * s.dag() for s in lower)

    def sent(t):
        turned = 2.0 * math.pi * detuning_hz * (t - wait) - phase
        return eta * np.exp(-1j * turned) * (t >= wait)

    H = [still, [a.dag(), sent], [a, lambda t: np.conj(sent(t))]]
    start = qutip.tensor(qutip.basis(levels, 0), qutip.basis(2, 1), qutip.basis(2, 0))
    options = {"atol": 1e-11, "rtol": 1e-9, "max_step": 2e-9}
    seen = qutip.mesolve(
        H, start, times, [np.sqrt(_cavity().kappa) * a], e_ops=[a, a.dag() * a], options=options
    )
    # nine levels hold all but 1e-5 of the photons
    np.testing.assert_allclose(found["photons"], seen.expect[1], atol=1e-4)
    field = np.array(seen.expect[0])
    if not staged:  # the model's drive has its own frame
        field = field * np.exp(2j * math.pi * detuning_hz * times)
    for port, rate in _cavity().rates.items():
        expected = math.sqrt(c.h * 5e9 * rate) * field
        got = found[f"port_in_phase of {port}"] + 1j * found[f"port_quadrature of {port}"]
        np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())
        assert np.abs(expected).max() > 0.0


def test_the_semiclassical_engine_has_the_same_field_in_the_same_frames():
    """Of a drive alone both are linear: spins hardly couple."""
    spins = SpinEnsemble(1, coupling=1.0)
    drive = Drive(2e7, 1e-7, detuning_hz=4e6, phase=0.7)
    for given in (
        {"drive": drive},
        {"protocol": (Stage(3e-8), Stage(1e-7, drives=[drive]))},
    ):
        model = ResonatorBattery(spins, _cavity(), spins, **given)
        times, names = np.linspace(1e-8, 1.2e-7, 5), _names((*ROWS, *FIELDS))
        exact = trajectories.evolve(model, times, names)
        mean = meanfield.evolve(model, times, 1, names)
        for name in names:
            largest = np.abs(mean[name]).max()
            # the integrators' errors, and 1e-6 of the spins' own emission
            np.testing.assert_allclose(exact[name], mean[name], atol=1e-5 * largest)


@pytest.mark.parametrize("temperature", [0.0, 0.3])
@pytest.mark.parametrize("model_of", [_alike, _noisy])
def test_single_runs_emit_by_ports_as_the_averages_do(model_of, temperature):
    model = model_of(temperature)
    rows = ROWS if temperature == 0.0 else ROWS[:2]
    names = _names(rows)
    runs = trajectories.sample(model, TIMES, 2000, seed=3, observables=names)
    exact = trajectories.evolve(model, TIMES, names)
    for name in names:
        error = runs.errors[name]
        # 4.5 of 1 to 84 numbers, of which some scatter more than their error says
        assert (np.abs(runs[name] - exact[name]) <= 4.5 * error + 1e-12 * abs(exact[name])).all()
        assert (error[2:] > 0.0).all()


def test_of_many_spins_second_order_emits_by_a_port_as_the_exact_engine_does():
    """Both engines where spins emit one by one, far from a burst: to 1/N and C^2."""
    cavity = Resonator(5e9, linewidth_fwhm_hz=5e8, ports=[Port("out", 4e8)])
    spins = SpinEnsemble(20, coupling=2.0 * math.pi * 1e6)
    model, times = ResonatorBattery(spins, cavity, spins), np.linspace(0.0, 2e-8, 5)
    names = _names(ROWS, ["out"])
    exact, mean = (solve(model, times, observables=names) for solve in (
        trajectories.evolve, meanfield.evolve
    ))  # fmt: skip
    for name in names:
        np.testing.assert_allclose(exact[name], mean[name], rtol=2e-2, atol=1e-9)


@pytest.mark.parametrize(
    ("solve", "name", "text"),
    [
        ("evolve", "port_in_phase of out", "whose field has a phase: in averages where a drive"),
        ("sample", "port_quadrature of in", "whose field has a phase: in averages where a drive"),
        ("evolve", "port_power of up", "only at a named port"),
        ("sample", "port_photons of in", "by quantum single runs at T = 0 alone"),
    ],
)
def test_what_is_not_there_is_refused_in_a_line(solve, name, text):
    model = _alike(0.3)
    more = {"runs": 1, "seed": 1} if solve == "sample" else {}
    with pytest.raises(InputError, match=text) as refused:
        getattr(trajectories, solve)(model, TIMES, observables=[name], **more)
    assert "\n" not in str(refused.value)


def test_a_rotation_makes_a_field_that_leaves():
    """A quarter turn of the charger radiates with a phase, about the axis of the pulse."""
    spins = SpinEnsemble(2, coupling=G)
    fields = {}
    for axis in (0.0, 0.5 * math.pi):
        protocol = (Pulse(rotate_charger=0.5 * math.pi, axis=axis), Stage(1e-7))
        model = ResonatorBattery(spins, _cavity(), spins, protocol=protocol)
        names = _names(FIELDS, ["out"])
        exact = trajectories.evolve(model, [2e-8], names)
        mean = meanfield.evolve(model, [2e-8], 1, names)
        fields[axis] = np.array([exact[name][0] for name in names])
        around = np.array([mean[name][0] for name in names])
        # two spins' mean field is right to some tenths, its direction to rounding
        cosine = fields[axis] @ around / np.linalg.norm(fields[axis]) / np.linalg.norm(around)
        assert cosine == pytest.approx(1.0, abs=1e-6)
    assert fields[0.0] @ fields[0.5 * math.pi] == pytest.approx(0.0, abs=1e-12)
    assert np.linalg.norm(fields[0.0]) > 0.0
