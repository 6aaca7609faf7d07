"""Separate integrations of the semiclassical equations as docs/semiclassical.md states them.

Moments by scipy's solver of the unscaled equations (2) and (3), with every class written out;
truncated Wigner paths by Heun's rule (Stratonovich) on equations (7), many paths at a time.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.constants import hbar
from scipy.integrate import quad, solve_ivp

from darkbattery.nvmodel import CollectiveBattery
from darkbattery.nvmodel.observables import OBSERVABLES
from darkbattery.nvmodel.peaks import PEAK
from tests.verify.experiments import features

RTOL = 1e-10
# of the smallest that matters: a seed of one spin, from which a burst grows
PART_OF_SEED = 1e-8


@dataclass(frozen=True, eq=False)
class Classes:
    """Spins class by class, the battery's first; `kappa` None: a shared reservoir of rate gamma."""

    number: np.ndarray
    coupling: np.ndarray
    detuning: np.ndarray
    decoherence: np.ndarray
    relaxation: np.ndarray
    equilibrium: np.ndarray
    start: np.ndarray
    of_battery: np.ndarray
    nbar: float
    kappa: float | None
    field_detuning: float = 0.0
    gamma: float = 0.0
    frequency: float = 0.0
    drive: object = None

    @property
    def total(self):
        return float(self.number.sum())

    def mean(self, values, of_battery):
        weight = np.where(self.of_battery == of_battery, self.number, 0.0)
        return values @ weight / max(weight.sum(), 1.0)


def _division(spins, count, bandwidth):
    """The documented division of a line: detunings and shares of K classes."""
    if spins.line is None:
        return np.zeros(1), np.ones(1)
    v = (np.arange(count) + 0.5) / count
    equal = np.asarray(spins.line.quantile(v))
    slope = lambda x: (1.0 - (1.0 - 2.0 * x) ** 6) ** 2  # noqa: E731
    share = slope(v) / slope(v).sum()
    if share.min() * spins.number < 10.0:
        return equal, np.full(count, 1.0 / count)
    places = [quad(slope, 0.0, x)[0] / quad(slope, 0.0, 1.0)[0] for x in v]
    farthest = max(4.0 * bandwidth, np.abs(equal).max())
    return np.clip(spins.line.quantile(places), -farthest, farthest), share


def _bandwidth(model):
    ensembles = [spins for spins in (model.battery, model.charger) if spins is not None]
    found = math.sqrt(sum(spins.number * spins.coupling**2 for spins in ensembles))
    found += model.resonator.kappa / 2.0 + max(1.0 / spins.coherence_time for spins in ensembles)
    shifts = abs(model.battery_detuning_hz) + abs(model.charger_detuning_hz)
    if model.drive is not None:
        strongest = max(spins.coupling for spins in ensembles)
        collective = math.sqrt(sum(spins.number * spins.coupling**2 for spins in ensembles))
        turn = 4.0 * strongest * model.drive.amplitude / max(model.resonator.kappa, collective)
        shifts, found = shifts + abs(model.drive.detuning_hz), found + turn
    return found + 2.0 * math.pi * shifts


def classes_of(model, count):
    """Spins class by class, as docs/semiclassical.md divides them."""
    if isinstance(model, CollectiveBattery):
        up = [_mean_up(model.battery_start, model, 0.0), _mean_up(model.charger_start, model, 1.0)]
        zero = np.zeros(2)
        return Classes(
            number=np.array([model.n_battery, model.n_charger], dtype=float),
            coupling=np.ones(2),
            detuning=zero,
            decoherence=zero,
            relaxation=zero,
            equilibrium=zero,
            start=2.0 * np.array(up) - 1.0,
            of_battery=np.array([True, False]),
            nbar=model.nbar,
            kappa=None,
            gamma=model.gamma,
        )
    frame = 0.0 if model.drive is None else model.drive.detuning_hz
    nbar = model.resonator.nbar
    rows = []
    for spins, centre, sign in (
        (model.battery, model.battery_detuning_hz, -1.0),
        (model.charger, model.charger_detuning_hz, 1.0),
    ):
        if spins is None:
            continue
        places, shares = _division(spins, count, _bandwidth(model))
        rest = -1.0 / (2.0 * nbar + 1.0) if spins.equilibrium is None else spins.equilibrium
        for place, share in zip(places, shares, strict=True):
            rows.append(
                (
                    spins.number * share,
                    spins.coupling,
                    place + 2.0 * math.pi * (centre - frame),
                    1.0 / spins.coherence_time,
                    1.0 / spins.t1_s,
                    rest,
                    sign * spins.polarisation,
                    sign < 0.0,
                )
            )
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return Classes(
        *columns,
        nbar=nbar,
        kappa=model.resonator.kappa,
        field_detuning=-2.0 * math.pi * frame,
        frequency=2.0 * math.pi * model.resonator.frequency_hz,
        drive=model.drive,
    )


def _mean_up(start, model, otherwise):
    if start == "thermal":
        return model.nbar / (2.0 * model.nbar + 1.0)
    return getattr(start, "up", otherwise)


def second_order(c, times):
    """Observables over times by equations (3); without a resonator A follows at once."""
    M = c.number.size
    size = max(1.0, c.total)

    def fields(z, A, C, n):
        """i{...} + i g n z of the equation for A."""
        collective = (c.number * c.coupling) @ C - c.coupling * np.diag(C)
        return c.coupling * (1.0 + z) / 2.0 + collective + c.coupling * n * z

    def unpack(y):
        n, left, supplied = y[:3] * size
        z, rest = y[3 : 3 + M], y[3 + M :]
        A = (rest[:M] + 1j * rest[M : 2 * M]) * math.sqrt(size)
        C = (rest[2 * M : 2 * M + M * M] + 1j * rest[2 * M + M * M :]).reshape(M, M)
        return n, left, supplied, z, A, C

    def rates(y):
        n, _, _, z, A, C = unpack(y)
        if c.kappa is None:
            # gamma = 4 g^2/kappa with g = 1: 2/kappa = gamma/2
            n, A = c.nbar, 0.5j * c.gamma * fields(z, A, C, c.nbar)
        local = -c.relaxation * (z - c.equilibrium)
        dz = -4.0 * c.coupling * A.imag + local
        dC = (1j * (c.detuning[:, None] - c.detuning) - c.decoherence[:, None] - c.decoherence) * C
        dC = dC - 1j * np.outer(c.coupling * z, A) + 1j * np.outer(A.conj(), c.coupling * z)
        supplied = c.number @ local / 2.0
        if c.kappa is None:
            # <J^+J^-> = sum N (1+z)/2 + sum N_k (N_l - delta) C_kl
            pairs = np.real(c.number @ C @ c.number - c.number @ np.diag(C))
            leaving = c.gamma * (c.number @ (1.0 + z) / 2.0 + pairs)
            return 0.0, leaving, supplied, dz, 0.0 * A, dC
        dn = -c.kappa * (n - c.nbar) + 2.0 * (c.number * c.coupling) @ A.imag
        turn = 1j * (c.field_detuning - c.detuning) - c.kappa / 2.0 - c.decoherence
        return dn, c.kappa * n, supplied, dz, turn * A + 1j * fields(z, A, C, n), dC

    def rhs(_, y):
        dn, dleft, dsupplied, dz, dA, dC = rates(y)
        dA = dA / math.sqrt(size)
        head = np.array([dn, dleft, dsupplied]) / size
        return np.concatenate([head, dz, dA.real, dA.imag, dC.real.ravel(), dC.imag.ravel()])

    y0 = np.zeros(3 + 3 * M + 2 * M * M)
    y0[0], y0[3 : 3 + M] = c.nbar / size, c.start
    seed = np.full(y0.size, PART_OF_SEED / size)
    seed[3 : 3 + M] = PART_OF_SEED * 1e-2
    rows = []
    for y in _states(rhs, y0, times, seed):
        n, left, supplied, z, _, _ = unpack(y)
        _, leaving, _, dz, _, _ = rates(y)
        rows.append((z, dz, 0.0 * z, n, leaving, left, supplied))
    return _observables(c, times, rows, c.nbar)


def first_order(c, times):
    """Observables over times by equations (2), in pieces between the edges of a square pulse."""
    M, root = c.number.size, math.sqrt(c.total)

    def rates(t, y):
        z, b = y[:M], y[M : 2 * M] + 1j * y[2 * M : 3 * M]
        a = (y[3 * M] + 1j * y[3 * M + 1]) * root
        eta = 0.0 if c.drive is None else float(c.drive.field(t))
        local = -c.relaxation * (z - c.equilibrium)
        dz = -4.0 * c.coupling * (a.conjugate() * b).imag + local
        db = -(1j * c.detuning + c.decoherence) * b + 1j * c.coupling * a * z
        da = -(1j * c.field_detuning + c.kappa / 2.0) * a
        da = da - 1j * (c.number * c.coupling) @ b - 1j * eta
        # the drive feeds -2 eta Im a, T1 half of each inversion
        supplied = c.number @ local / 2.0 - 2.0 * eta * a.imag
        return dz, db, da, c.kappa * abs(a) ** 2, supplied

    def rhs(t, y):
        dz, db, da, leaving, supplied = rates(t, y)
        head = np.array([da.real, da.imag]) / root
        return np.concatenate([dz, db.real, db.imag, head, np.array([leaving, supplied]) / root**2])

    y0 = np.zeros(3 * M + 4)
    y0[:M] = c.start
    edges = () if c.drive is None else features(c.drive)
    rows = []
    for t, y in zip(times, _states(rhs, y0, times, 1e-12, edges), strict=True):
        a = (y[3 * M] + 1j * y[3 * M + 1]) * root
        dz, _, _, leaving, _ = rates(t, y)
        b = y[M : 2 * M] + 1j * y[2 * M : 3 * M]
        left, supplied = y[-2:] * root**2
        rows.append((y[:M], dz, b, abs(a) ** 2, leaving, left, supplied))
    return _observables(c, times, rows, 0.0)


def _states(rhs, y0, times, atol, edges=()):
    """y at each time; no step crosses an edge, where the right-hand side is taken from within."""
    y, now, found = y0, 0.0, []
    for t in np.union1d(times, [e for e in edges if 0.0 < e < times[-1]]):
        if t > now:
            span = (now, np.nextafter(t, 0.0))
            step = solve_ivp(rhs, span, y, "DOP853", rtol=RTOL, atol=atol)
            assert step.success, step.message
            y, now = step.y[:, -1], t
        if t in times:
            found.append(y)
    return found


def _observables(c, times, rows, nbar):
    z, dz, coherence, n, leaving, left, _ = (np.array(column) for column in zip(*rows, strict=True))
    inversion = {own: np.array([c.mean(row, own) for row in z]) for own in (True, False)}
    rate = np.array([c.mean(row, True) for row in dz])
    battery, charger = (1.0 + inversion[True]) / 2.0, (1.0 + inversion[False]) / 2.0
    spins = {own: c.number[c.of_battery == own].sum() for own in (True, False)}
    together = np.array([c.mean(row, True) for row in coherence])
    bloch = np.hypot(z, 2.0 * np.abs(coherence))
    local = np.array([c.mean(row, True) for row in (bloch + z) / 2.0])
    rotation = (np.hypot(inversion[True], 2.0 * np.abs(together)) + inversion[True]) / 2.0
    values = {
        "battery_energy": battery,
        "charger_energy": charger,
        "power": rate / 2.0,
        # one and the same rotation of every spin, or each by itself where the two are told apart
        "ergotropy_rotation": rotation,
        "ergotropy_local": local if "ergotropy_rotation" in OBSERVABLES else rotation,
        "open_work": battery - nbar / (2.0 * nbar + 1.0),
        "emission_rate": (nbar + 1.0) * leaving,
        "emitted_photons": (nbar + 1.0) * left,
    }
    if c.kappa is None:
        # <J^-J^+> = <J^+J^-> - 2 <J^z>
        values["absorption_rate"] = nbar * (leaving - c.gamma * (z @ c.number))
        held = (1.0 + z) @ c.number / 2.0
        start = (1.0 + c.start) @ c.number / 2.0
        values["absorbed_photons"] = values["emitted_photons"] - (start - held)
        return values
    quantum = hbar * c.frequency
    values["absorption_rate"] = nbar * (leaving + c.kappa)
    values["absorbed_photons"] = nbar * (left + c.kappa * np.asarray(times))
    values["photons"] = n
    flow = values["emission_rate"] - values["absorption_rate"]
    values["output_power"] = quantum * flow
    values["battery_energy_joule"] = quantum * spins[True] * battery
    values["charger_energy_joule"] = quantum * spins[False] * charger
    values["excitation_balance"] = np.zeros(len(times))
    return values


def wigner_paths(c, times, paths, seed, step):
    """Values of single paths, name -> (T, paths), by Heun's rule with steps of at most `step`."""
    rng, M = np.random.default_rng(seed), c.number.size
    N = c.number[:, None]
    half = np.sqrt(N / 4.0)  # of real and imaginary part: <|S^-|^2> = N/2
    S = half * (rng.normal(size=(M, paths)) + 1j * rng.normal(size=(M, paths)))
    spread = np.sqrt(N * np.maximum(1.0 - c.start[:, None] ** 2, 0.0))
    Z = N * c.start[:, None] + spread * rng.normal(size=(M, paths))
    field = math.sqrt((c.nbar + 0.5) / 2.0)
    a = field * (rng.normal(size=paths) + 1j * rng.normal(size=paths))
    g, relaxation = c.coupling[:, None], c.relaxation[:, None]
    rest = c.equilibrium[:, None]
    turn = -(1j * c.detuning + c.decoherence)[:, None]
    left, now, rows = np.zeros(paths), 0.0, []

    def leaving(a, S, Z):
        if c.kappa is None:
            # (J^+J^- + J^-J^+)/2 = J^+J^- - J^z
            return c.gamma * (np.abs(S.sum(axis=0)) ** 2 + Z.sum(axis=0) / 2.0)
        return c.kappa * (np.abs(a) ** 2 - 0.5)

    def change(a, S, Z, dt, kick):
        da, dS, dZ = kick
        if c.kappa is None:
            # the shared reservoir turns every spin about h dt
            h = -0.5j * c.gamma * S.sum(axis=0) * dt + da
            return 0.0 * a, 1j * h * Z, -4.0 * (np.conj(h) * S).imag
        new_a = (-(1j * c.field_detuning + c.kappa / 2.0) * a - 1j * (g * S).sum(axis=0)) * dt
        new_S = (turn * S + 1j * g * a * Z) * dt + dS
        flow = -4.0 * g * (np.conj(a) * S).imag - relaxation * (Z - N * rest)
        return new_a + da, new_S, flow * dt + dZ

    edges = () if c.drive is None else features(c.drive)
    for t in np.union1d(times, [e for e in edges if 0.0 < e < times[-1]]):
        count = math.ceil((t - now) / step)
        dt = (t - now) / count if count else 0.0
        bath = c.gamma if c.kappa is None else c.kappa
        for i in range(count):
            complex_normal = rng.normal(size=(2, M + 1, paths)) / math.sqrt(2.0)
            white = complex_normal[0] + 1j * complex_normal[1]
            chi = 2.0 * np.maximum(N - rest * Z, 0.0) * relaxation * dt
            kick = (
                math.sqrt(bath * (c.nbar + 0.5) * dt) * white[0] - 1j * _area(c, now + i * dt, dt),
                np.sqrt(c.decoherence[:, None] * N * dt) * white[1:],
                np.sqrt(chi) * rng.normal(size=(M, paths)),
            )
            first = change(a, S, Z, dt, kick)
            second = change(a + first[0], S + first[1], Z + first[2], dt, kick)
            before = leaving(a, S, Z)
            a = a + 0.5 * (first[0] + second[0])
            S = S + 0.5 * (first[1] + second[1])
            Z = Z + 0.5 * (first[2] + second[2])
            left = left + 0.5 * dt * (before + leaving(a, S, Z))
        now = t
        if t in times:
            rows.append(_path_values(c, a, Z, leaving(a, S, Z), left))
    found = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    emission = found["emission_rate"]
    so_far = [emission[: i + 1].argmax(axis=0) for i in range(len(times))]
    return found | {PEAK: np.asarray(times)[so_far]}


def _area(c, start, span):
    """Integral of the field over a step: exact within a square pulse, to 1e-4 in a Gaussian's."""
    if c.drive is None:
        return 0.0
    return float(np.mean(c.drive.field(start + span * (np.arange(8) + 0.5) / 8.0))) * span


def _path_values(c, a, Z, leaving, left):
    found = {"charger_energy": 0.5 + 0.5 * Z[~c.of_battery].sum(0) / c.number[~c.of_battery].sum()}
    if c.of_battery.any():
        own = c.of_battery
        found["battery_energy"] = 0.5 + 0.5 * Z[own].sum(0) / c.number[own].sum()
    found["emission_rate"] = (c.nbar + 1.0) * leaving
    found["emitted_photons"] = (c.nbar + 1.0) * left
    if c.kappa is None:
        found["absorption_rate"] = c.nbar * (leaving - c.gamma * Z.sum(axis=0))
    else:
        found["absorption_rate"] = c.nbar * (leaving + c.kappa)
        found["photons"] = np.abs(a) ** 2 - 0.5
    return found
