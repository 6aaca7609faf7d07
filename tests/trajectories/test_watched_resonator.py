"""What leaves a resonator, seen in part or by its quadratures: few spins with the mode."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy

from darkbattery.nvmodel import (
    CollectiveBattery,
    Detector,
    Drive,
    Experiment,
    InputError,
    LocalNoise,
    Port,
    Pulse,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Spins,
    Stage,
    Statistics,
)
from darkbattery.trajectories import current_spectrum, evolve, sample, single_run, single_runs
from darkbattery.trajectories.jumps.diffusive.diffusion import joined, noise_of
from darkbattery.trajectories.jumps.filters.groups import irreps_of
from darkbattery.trajectories.jumps.filters.record_filter import (
    Record,
    RecordRuns,
    steps_of,
)
from darkbattery.trajectories.jumps.sampling import available
from darkbattery.trajectories.propagate.watched_mode import QUADRATURE, watching
from darkbattery.trajectories.qutip import resonator_to_qutip
from darkbattery.trajectories.reading.watched_readout import BatteryReadings, StageReadings
from tests.onrecord import even_steps, milstein

BOTH = ("homodyne", "heterodyne")
PHOTONS = Detector(efficiency=0.6)
DETECTORS = (PHOTONS, Detector("homodyne", efficiency=0.4), Detector("heterodyne"))
KAPPA = 2.0
CAVITY = Resonator(5e9, KAPPA / (2.0 * math.pi))
# k_B T / h f of 0.01 thermal photons
WARM = replace(CAVITY, temperature_k=scipy.constants.h * 5e9 / scipy.constants.k / math.log(101.0))
PLAIN = Experiment(Spins(1, "down"), Spins(2, "up"), CAVITY)
NOISY = Experiment(
    Spins(1, "down", coupling=0.7, detuning=0.4, noise=LocalNoise(0.3, 0.2, 0.0)),
    Spins(2, "up", noise=LocalNoise(emission=0.2)),
    CAVITY,
)
STAGED = replace(
    NOISY,
    battery=Spins(1, "down", coupling=0.7),
    protocol=(Stage(0.6), Stage(0.8, "charger"), Stage(math.inf, charger_detuning=0.5)),
)
MODELS = {"plain": PLAIN, "noisy": NOISY, "staged": STAGED}
MODELS["warm"] = Experiment(Spins(1, "down"), Spins(1, "up"), WARM)
TIMES = np.array([0.0, 0.5, 1.2, 2.0])


def seen(name, detector):
    return replace(MODELS[name], detector=detector)


def battery_matrix(rho, few):
    """The battery's own, by its excitations."""
    size = math.prod(few.dims[i] for i in few.battery_factors)
    rest = rho.shape[0] // size
    own = np.einsum("icjc->ij", rho.reshape(size, rest, size, rest))
    return own[::-1, ::-1]  # QuTiP's first level is up


def explicit_record(model, detector, record, h, most_photons):
    """What a record leaves of the battery, by QuTiP's operators and Milstein's scheme."""
    few = resonator_to_qutip(model, most_photons)
    c, *others = (operator.full() for operator in few.collapse)
    c = c * np.exp(-1j * detector.phase)
    start = few.initial.full(), few.hamiltonian.full()
    rho = milstein(*start, c, others, detector, np.conj(record), h)
    return battery_matrix(rho, few)


@pytest.mark.parametrize("efficiency", [0.4, 1.0])
@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("name", ["plain", "noisy"])
def test_the_state_is_that_of_qutips_operators_on_the_same_record(name, kind, efficiency):
    detector = Detector(kind, phase=0.7, efficiency=efficiency)
    model, T, count = seen(name, detector), 0.8, 400
    steps, noise = even_steps(model, T, count), noise_of(model, 3, 0, 1, count)
    record = np.zeros_like(noise)
    ((_, _, x),) = RecordRuns(model, steps, Record(noise, record)).states()
    own = BatteryReadings(steps.space, irreps_of(model)).matrices(x)[0][0]
    n = np.arange(2)
    # kets are (-i)^n |n>, and the oscillator's phase turns what starts without one
    own = np.exp(1j * (0.7 + QUADRATURE) * (n[:, None] - n)) * own
    # a heterodyne record stands as dZ*
    expected = explicit_record(MODELS[name], detector, np.conj(record[:, 0, 0]), T / count, 2)
    # Milstein's scheme is of strong order 1, with steps of 0.002 times rates of some units
    np.testing.assert_allclose(own, expected, atol=4e-3)
    assert abs(own[1, 0]) > 0.02  # there is coherence, and its phase is seen


@pytest.mark.parametrize("kind", BOTH)
def test_a_single_run_tells_the_record_and_its_phase(kind):
    """Against QuTiP's operators on what is told: windows of one step, in units of kappa^-1/2."""
    detector, T, count = Detector(kind, phase=0.7), 0.9, 72
    one = single_run(seen("plain", detector), np.linspace(0.0, T, count + 1), 3, 1)
    record = one.record[1:] / math.sqrt(KAPPA)
    expected = explicit_record(PLAIN, detector, record, T / count, 2)
    # steps of 0.0125 and Milstein's scheme
    np.testing.assert_allclose(one.battery_state[-1], expected, atol=0.02)
    assert abs(one.battery_state[-1, 1, 0]) > 0.05


def explicit_photons(model, efficiency, record, times, most_photons):
    """States that recorded photons leave: exp[(L - eta S) t] between them, dense."""
    few = resonator_to_qutip(model, most_photons)
    c, *others = (operator.full() for operator in few.collapse)
    one, kron = np.eye(len(c)), scipy.sparse.kron
    H = few.hamiltonian.full()
    L = -1j * (kron(H, one) - kron(one, H.T))
    for k in [c, *others]:
        kk = k.conj().T @ k
        L = L + kron(k, k.conj()) - 0.5 * kron(kk, one) - 0.5 * kron(one, kk.T)
    S = kron(c, c.conj())
    x, now, found = few.initial.full().ravel().astype(complex), 0.0, []
    for t, is_photon in sorted([(t, 1) for t in record] + [(t, 0) for t in times]):
        x = scipy.sparse.linalg.expm_multiply((L - efficiency * S) * (t - now), x)
        now = t
        if is_photon:
            x = S @ x
        x = x / x.reshape(one.shape).trace().real
        if not is_photon:
            found.append(battery_matrix(x.reshape(one.shape), few))
    return found


@pytest.mark.parametrize(("name", "most_photons"), [("plain", 2), ("warm", 8)])
def test_photons_leave_the_state_that_explicit_matrices_have(name, most_photons):
    model = seen(name, PHOTONS)
    made = [single_run(model, TIMES, 5, run) for run in range(6)]
    one = max(made, key=lambda one: one.jump_times.size)
    assert one.jump_times.size > 0
    expected = explicit_photons(MODELS[name], 0.6, one.jump_times, TIMES, most_photons)
    # the warm mode is kept to photon numbers that hold 1e-14 of it; here to 8 of them
    bound = 1e-9 if name == "plain" else 1e-8
    for i, rho in enumerate(expected):
        np.testing.assert_allclose(one.battery_state[i], rho, atol=bound)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda one: one.kind)
@pytest.mark.parametrize("name", ["plain", "noisy", pytest.param("staged", marks=pytest.mark.long)])
def test_averages_over_runs_are_those_of_evolve(name, detector):
    model = seen(name, detector)
    names = ["battery_energy", "charger_energy", "power", "photons", "emission_rate"]
    names += ["emitted_photons", "absorbed_photons", "ergotropy"]
    names += ["local_loss"] if name == "noisy" else []
    found = sample(model, TIMES, 250, 4, observables=names)
    averages = evolve(model, TIMES, names)
    for one in names:
        apart = np.abs(found[one] - averages[one])
        # four standard errors, of some 30 numbers of each of nine
        assert np.all(apart <= 4.0 * found.errors[one] + 1e-8), (one, apart, found.errors[one])
    assert found.provenance.get("step_error", 0.0) < 5e-4
    assert abs(
        sample(model, TIMES, 1, 4)["battery_energy"][-1] - averages["battery_energy"][-1]
    ) > (1e-3)


@pytest.mark.parametrize(("kind", "exact"), [("homodyne", 0.13868), ("heterodyne", 0.15850)])
def test_one_spin_by_one_in_closed_form_at_any_width(kind, exact):
    """One photon has one mode, whatever the resonator: the closed forms of docs/detectors.md."""
    e, K = math.e, scipy.special.k1(1.0)
    normal = 0.25 * (e * (math.erfc(1.0) + 2.0 / (e * math.sqrt(math.pi))) - 1.0)
    closed = {"homodyne": normal, "heterodyne": 0.25 * (e * K - 1.0)}[kind]
    assert closed == pytest.approx(exact, abs=1e-3)
    cavity = Resonator(5e9, 5.0 / (2.0 * math.pi))  # all is dark soon: the triplet's decay
    model = Experiment(Spins(1, "down"), Spins(1, "up"), cavity, detector=Detector(kind))
    found = sample(model, [5.5], 500, 2, observables=["daemonic_ergotropy"])
    apart = abs(found["daemonic_ergotropy"][0] - closed)
    assert apart < 4.0 * found.errors["daemonic_ergotropy"][0]


def test_the_reservoir_of_a_fast_resonator_has_its_detector():
    """The field follows -i J^-: its phase is a quarter of a period behind."""
    cavity = Resonator(5e9, 30.0 / (2.0 * math.pi), ports=(Port("out", coupling_coefficient=1.0),))
    spins, seen_light = SpinEnsemble(1, coupling=1.0), Detector("homodyne", port="out")
    model = ResonatorBattery(spins, cavity, spins, detector=seen_light)
    found = model.eliminate_resonator(tolerance=0.1).detector
    assert found.phase == pytest.approx(0.5 * math.pi)
    assert found.efficiency == pytest.approx(0.5)


def _energies(battery, steps, record):
    states = RecordRuns(battery, steps, record).states()
    return np.array([StageReadings(battery, w).means(x)[0] for _, w, x in states])


@pytest.mark.parametrize("name", ["plain", "noisy"])
@pytest.mark.parametrize("kind", BOTH)
def test_halving_the_steps_gains_order_1_5_on_a_record(name, kind):
    model = seen(name, Detector(kind, efficiency=0.7))
    at = np.array([1.0])
    coarse = steps_of(watching(model, at, coherent=True), at, 1.6)
    fine = coarse.halved()
    finest = fine.halved().halved().halved()
    noise = noise_of(model, 3, 0, 40, finest.lengths.size)
    record = np.zeros_like(noise)
    exact, nobody = (
        _energies(model, finest, Record(noise, record)),
        np.zeros((0, 2, 0), noise.dtype),
    )
    errors = []
    lengths = finest.lengths
    while record.shape[0] > coarse.lengths.size:
        record, lengths = joined(record, lengths), 2.0 * lengths[::2]
        steps = {fine.lengths.size: fine, coarse.lengths.size: coarse}.get(record.shape[0])
        if steps is not None:
            found = _energies(model, steps, Record(nobody, record))
            errors.append(float(np.sqrt(((found - exact) ** 2).mean())))
    # 2^1.5 = 2.8 from 40 runs; a scheme of order 1 gains 2
    assert errors[1] / errors[0] > 2.4, errors


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda one: one.kind)
@pytest.mark.parametrize("name", ["plain", "noisy"])
def test_any_split_of_the_runs_gives_the_same_bits(name, detector):
    names = ["battery_energy", "daemonic_ergotropy", "information_gain", "energy_variance_runs"]
    study = seen(name, detector), TIMES
    asked = {"observables": names, "records": "summary"}
    asked["statistics"] = Statistics(of=("battery_energy at t = 1.2",))
    whole = sample(*study, 24, 8, **asked)
    parts = [sample(*study, n, 8, first=first, **asked) for first, n in ((0, 1), (1, 18), (19, 5))]
    merged = parts[2].merge(parts[0]).merge(parts[1])
    for key, counts in whole.tally.arrays().items():
        assert np.array_equal(merged.tally.arrays()[key], counts), key
    rows = np.concatenate([part.records.to_numpy(dtype=float) for part in parts])
    np.testing.assert_array_equal(rows, whole.records.to_numpy(dtype=float))


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda one: one.kind)
@pytest.mark.parametrize("name", ["plain", "noisy"])
def test_a_single_run_is_the_one_of_the_study(name, detector):
    model = seen(name, detector)
    one = single_run(model, TIMES, 9, 5)
    names = ["battery_energy", "photons", "daemonic_ergotropy", "emitted_photons"]
    same = sample(model, TIMES, 1, 9, first=5, observables=names, records="summary")
    fixed = 4e-8  # the fixed point of sums, of bounds of some tens
    for mine, of in (
        (one.battery_energy, "battery_energy"),
        (one.photons, "photons"),
        (one.ergotropy, "daemonic_ergotropy"),
        (one.emitted_photons, "emitted_photons"),
    ):
        np.testing.assert_allclose(mine, same[of], atol=fixed, err_msg=of)
    diagonal = np.diagonal(one.battery_state, axis1=1, axis2=2).real
    np.testing.assert_allclose(diagonal, one.populations, atol=1e-12)
    if detector is PHOTONS:
        full = single_run(replace(model, detector=None, detector_efficiency=1.0), TIMES, 9, 5)
        assert set(one.jump_times) <= set(full.jump_times)
        np.testing.assert_array_equal(one.emitted_photons, full.emitted_photons)
        assert len(single_runs(model, TIMES, 9, [5, 6]).states_to_dataframe()) == 2 * TIMES.size
    else:
        assert same.records["record_x"][0] == pytest.approx(one.record.real.sum(), abs=1e-12)


def test_a_port_is_its_share_of_the_light():
    ports = Port("in", coupling_coefficient=1.0), Port("out", coupling_coefficient=2.0)
    cavity = replace(CAVITY, ports=ports)
    through = replace(
        PLAIN, field=cavity, detector=Detector("homodyne", efficiency=0.8, port="out")
    )
    assert through.detector == Detector("homodyne", efficiency=0.4)
    assert through.detector_efficiency == pytest.approx(0.4)
    counted = replace(through, detector=Detector(port="in"), detector_efficiency=1.0)
    assert counted.detector is None
    assert counted.detector_efficiency == pytest.approx(0.25)
    short = ResonatorBattery(
        SpinEnsemble(2, coupling=1.0),
        cavity,
        SpinEnsemble(1, coupling=1.0),
        detector=Detector(port="in"),
    )
    assert short.experiment.detector_efficiency == pytest.approx(0.25)
    # of another resonator it is another share
    wide = replace(short, resonator=replace(cavity, ports=ports[:1]))
    assert wide.experiment.detector_efficiency == pytest.approx(0.5)


def test_the_current_is_shot_noise_and_the_lights_correlation():
    """At frequency zero of one spin by one: the whole of one photon's mode, half the time."""
    model = Experiment(Spins(1, "down"), Spins(1, "up"), CAVITY, detector=Detector("homodyne"))
    found = current_spectrum(model, np.linspace(0.0, 2.0, 5), runs=800, seed=2)
    # the triplet and the mode exchange the photon at g sqrt 2
    g, k, t = math.sqrt(2.0), 0.25 * KAPPA, np.linspace(0.0, 2.0, 2001)
    w = math.sqrt(g * g - k * k)
    mode = math.sqrt(KAPPA) * g / w * np.exp(-k * t) * np.sin(w * t)
    exact = 1.0 + np.trapezoid(mode, t) ** 2 / 2.0  # (2/T) of the half that the triplet has
    assert abs(found.value[0] - exact) < 4.0 * found.error[0]
    assert exact > 1.5


REFUSED = {
    "drive": ({"drive": Drive(1.0, 1.0)}, "no drive"),
    "rotation": (
        {"protocol": (Stage(1.0), Pulse(rotate_battery=1.0), Stage(9.0))},
        "no rotations",
    ),
    "pulse": ({"protocol": (Stage(1.0), Pulse(dephase_battery=0.5), Stage(9.0))}, "no pulses"),
    "rise": ({"protocol": (Stage(9.0, battery_detuning=1.0, rise=0.5),)}, "at once"),
    "closed": ({"field": Resonator(5e9, 0.0)}, "no light leaves"),
    "many": ({"battery": Spins(8, "down"), "charger": Spins(9, "up")}, "take fewer spins"),
    "long": ({}, "take shorter times"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("detector", DETECTORS[:2], ids=lambda one: one.kind)
def test_what_is_not_watched_is_refused_at_every_entry(case, detector):
    change, words = REFUSED[case]
    model = replace(PLAIN, **change, detector=detector)
    last = 2.0
    if case == "long":
        if detector is PHOTONS:
            return
        last = 1e6
    calls = [
        lambda: sample(model, [last], 10, 1),
        lambda: single_run(model, [last], 1, 0),
    ]
    if detector is not PHOTONS:
        calls.append(lambda: current_spectrum(model, [0.5 * last, last], 10, 1))
    for call in calls:
        with pytest.raises(InputError, match=words) as refusal:
            call()
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("model", "detector", "field", "words"),
    [
        (PLAIN, Detector(port="out"), "detector.port", "no resonator with ports"),
        (
            replace(PLAIN, field=replace(CAVITY, ports=[Port("a", 0.1)])),
            Detector(port="b"),
            "detector.port",
            "'b'",
        ),
        (CollectiveBattery(1, 2), Detector(port="out"), "detector.port", "no resonator"),
    ],
)
def test_ports_that_are_not_there_are_refused(model, detector, field, words):
    with pytest.raises(InputError, match=words) as refusal:
        replace(model, detector=detector)
    assert refusal.value.field == field
    with pytest.raises(InputError, match="name of a port"):
        Detector(port=1)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda one: one.kind)
@pytest.mark.parametrize("name", ["plain", "noisy"])
def test_what_is_available_is_what_sample_takes(name, detector):
    model = seen(name, detector)
    names = available(model)
    assert {"photons", "daemonic_ergotropy", "information_gain"} <= set(names)
    assert "g2_zero" not in names  # of J^+J^- in a reservoir
    assert ("recorded_photons" in names) == (detector is PHOTONS)
    assert set(sample(model, TIMES[:2], 3, 1, observables=names)) == set(names)
