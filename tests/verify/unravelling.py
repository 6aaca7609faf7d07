"""A separate Monte Carlo of conditional states: density matrices on 2^N, many runs at a time.

What is seen is stated once, in `channels`: photons of the shared reservoir (each with the
detector's efficiency), and of each jump of a single spin its ensemble, its kind and the irrep it
leads to. The conditional state is whatever the rest leaves: nothing is assumed to be pure, and no
amplitude over ladders appears. Between what is seen the state evolves with the Liouvillian less the
seen jumps; the time of the next jump is bracketed in `TICKS` parts of the time to the next output.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm

from darkbattery.nvmodel.protocol import Pulse, Stage
from tests.verify.states import SAME_TIME, Spins

HALVINGS = 16
TICKS = 1 << HALVINGS  # a jump is late by less than 2e-5 of an interval: far below 1/sqrt(runs)


@dataclass(frozen=True, eq=False)
class Conditional:
    """What runs know, (runs, T): the battery's energy, its variance, its ladder ergotropy.

    And the rate at which they emit, of photons seen and unseen.
    """

    energy: np.ndarray
    variance: np.ndarray
    ergotropy: np.ndarray
    emission: np.ndarray
    burst: np.ndarray  # (runs,): when the total J^z first was <= 0; infinity if it was not

    def peaks(self, times, same):
        """First and last time so far at which as much is emitted as ever, but for `same`."""
        first, last = np.empty_like(self.emission), np.empty_like(self.emission)
        for i in range(times.size):
            so_far = self.emission[:, : i + 1]
            reached = so_far >= so_far.max(axis=1, keepdims=True) - same
            first[:, i] = times[reached.argmax(axis=1)]
            last[:, i] = times[i - reached[:, ::-1].argmax(axis=1)]
        return first, last


class Unravelled:
    """Runs of one battery."""

    def __init__(self, battery, runs, seed):
        self.battery, self.runs = battery, runs
        self.spins = Spins(battery)
        self.rng = np.random.default_rng(seed)
        self.read = self._readers()
        self.charge = np.where(
            self.spins.trace > 0.0, self.spins.ups[self.spins.row] - 0.5 * self.spins.spins, 0.0
        )

    def _readers(self):
        """Rows that give the battery's probabilities of (j, excitations): irrep, ups, row."""
        s = self.spins
        found = []
        battery_ups = s.nb - np.array([(i >> s.nc).bit_count() for i in range(s.size)])
        for j, P in s.irrep_projectors[0]:
            for ups in range(s.nb + 1):
                if abs(ups - s.nb / 2) <= j:
                    operator = np.diag((battery_ups == ups).astype(float)) @ P
                    found.append((j, ups, operator[s.column, s.row].real))
        return found

    def channels(self, stage):
        """Superoperators (dense) of what is seen to happen."""
        s, efficiency = self.spins, self.battery.detector_efficiency
        emission, absorption = s.photon_jumps(stage)
        found = [efficiency * emission, absorption]
        for first, last, projectors, noise in (
            (0, s.nb, s.irrep_projectors[0], stage.battery_noise or self.battery.battery_noise),
            (
                s.nb,
                s.spins,
                s.irrep_projectors[1],
                stage.charger_noise or self.battery.charger_noise,
            ),
        ):
            kinds = [
                (noise.dephasing, [s.z[n] for n in range(first, last)]),
                (noise.emission, [s.s[n] for n in range(first, last)]),
                (noise.pumping, [s.s[n].T for n in range(first, last)]),
            ]
            for rate, ops in kinds:
                if rate > 0.0:
                    found += self._into_irreps(rate, ops, projectors)
        return [x.toarray().real for x in found if abs(x).max() > 0.0]

    def _into_irreps(self, rate, ops, projectors):
        return [rate * sum(self.spins.jump(P @ op) for op in ops) for _, P in projectors]

    def sampled(self, times):
        """Follow all runs through the output times."""
        s, steps = self.spins, list(self.battery.stages)
        if not any(isinstance(step, Stage) and step.duration == math.inf for step in steps):
            stages = [step for step in steps if isinstance(step, Stage)] or [Stage(1.0)]
            last = stages[-1]
            steps.append(Stage(math.inf, last.coupled, last.battery_noise, last.charger_noise))
        x = self._start()
        self.burst = np.where((x @ self.charge).real <= 1e-9, 0.0, np.inf)
        self.threshold = self.rng.random(self.runs)
        rows, begin, now = [], 0.0, 0.0
        for step in steps:
            if isinstance(step, Pulse):
                x = self._pulsed(x, step)
                self._watch(x, now)
                continue
            end = begin + step.duration
            channels = self.channels(step)
            generator = s.generator(step).toarray() - sum(channels, start=0.0)
            if np.abs(generator.imag).max() == 0.0:
                generator = generator.real
            while len(rows) < len(times) and times[len(rows)] < end * (1.0 - SAME_TIME):
                to = max(times[len(rows)], now)
                x, now = self._through(x, generator, channels, now, to), to
                rows.append(self._reading(x, step))
            if len(rows) == len(times):
                break
            x, now, begin = self._through(x, generator, channels, now, end), end, end
        return Conditional(*np.array(rows).transpose(1, 2, 0), self.burst)

    def _start(self):
        """Each run in one (j, m) of each ensemble, with its probability."""
        s, rho = self.spins, self.spins.start()
        battery_ups = s.nb - np.array([(i >> s.nc).bit_count() for i in range(s.size)])
        parts = []
        for _, P in s.irrep_projectors[0]:
            for _, Q in s.irrep_projectors[1]:
                for mb in range(s.nb + 1):
                    for mc in range(s.nc + 1):
                        here = (battery_ups == mb) & (s.ups - battery_ups == mc)
                        R = P @ Q * here[None, :]
                        part = R @ rho @ R.T
                        if np.trace(part) > 1e-14:
                            parts.append(s.vector(part))
        parts = np.array(parts)
        weight = (parts @ s.trace).real
        drawn = self.rng.choice(weight.size, size=self.runs, p=weight / weight.sum())
        complex_needed = self.battery.detuning != 0.0
        x = (parts / weight[:, None])[drawn]
        return x.astype(complex) if complex_needed else x.real

    def _through(self, x, generator, channels, start, end):
        span = end - start
        if span <= 0.0:
            return x
        steps = [expm(generator * (span / TICKS)).T]
        for _ in range(HALVINGS):
            steps.append(steps[-1] @ steps[-1])
        trace = self.spins.trace
        weights = np.array([trace @ c for c in channels]).reshape(-1, trace.size)
        x, at = x.copy(), np.zeros(self.runs, dtype=np.int64)
        moving = np.arange(self.runs)
        while moving.size:
            mine, done = x[moving], at[moving]
            for k in range(HALVINGS, -1, -1):
                new = mine @ steps[k]
                fits = (done + (1 << k) <= TICKS) & ((new @ trace).real > self.threshold[moving])
                mine[fits], done[fits] = new[fits], done[fits] + (1 << k)
            jumps = done < TICKS
            if jumps.any() and weights.size:
                self._jump(mine, jumps, channels, weights, moving)
                self._watch(mine[jumps], start + span * done[jumps] / TICKS, moving[jumps])
            x[moving], at[moving] = mine, done
            moving = moving[jumps]
        return x

    def _jump(self, mine, jumps, channels, weights, moving):
        which = np.flatnonzero(jumps)
        rates = np.maximum((mine[which] @ weights.T).real, 0.0)
        edge = np.cumsum(rates, axis=1)
        drawn = (self.rng.random(which.size)[:, None] * edge[:, -1:] >= edge).sum(axis=1)
        for c in np.unique(drawn):
            these = which[drawn == c]
            after = mine[these] @ channels[c].T
            mine[these] = after / (after @ self.spins.trace)[:, None]
        self.threshold[moving[which]] = self.rng.random(which.size)

    def _watch(self, x, now, runs=slice(None)):
        norm = (x @ self.spins.trace).real
        low = (x @ self.charge).real / norm <= 1e-9
        self.burst[runs] = np.where(low, np.minimum(self.burst[runs], now), self.burst[runs])

    def _pulsed(self, x, pulse):
        """Dephasing jumps that are seen; at full strength every spin is measured, then j."""
        s = self.spins
        scale = (x @ s.trace).real
        x = x / scale[:, None]
        for strength, first, last, projectors in (
            (pulse.dephase_battery, 0, s.nb, s.irrep_projectors[0]),
            (pulse.dephase_charger, s.nb, s.spins, s.irrep_projectors[1]),
        ):
            if 0.0 < strength < 1.0:
                # coherences fall by exp(-dose/2)
                ops = [s.z[n] for n in range(first, last)]
                jumps = [c.toarray().real for c in self._into_irreps(1.0, ops, projectors)]
                mean = -2.0 * math.log1p(-strength) * 0.25 * (last - first)
                count = self.rng.poisson(mean, self.runs)
                for n in range(int(count.max(initial=0))):
                    x = self._measured(x, jumps, count > n)
        full = (pulse.dephase_battery == 1.0, pulse.dephase_charger == 1.0)
        for measured, first, last, projectors in (
            (full[0], 0, s.nb, s.irrep_projectors[0]),
            (full[1], s.nb, s.spins, s.irrep_projectors[1]),
        ):
            if measured:
                everyone = np.ones(self.runs, dtype=bool)
                x = self._measured(x, self._spin_by_spin(first, last, projectors), everyone)
        return x * scale[:, None]

    def _spin_by_spin(self, first, last, projectors):
        """All spins of an ensemble measured; of what was found m and j are kept."""
        s, found = self.spins, []
        bits = (np.arange(s.size) >> (s.spins - last)) & ((1 << (last - first)) - 1)
        for m in range(last - first + 1):
            outcomes = [b for b in range(1 << (last - first)) if b.bit_count() == m]
            for _, P in projectors:
                ops = [P * (bits == b)[None, :] for b in outcomes]
                found.append(sum(s.jump(op) for op in ops).toarray().real)
        return found

    def _measured(self, x, outcomes, chosen):
        """One outcome for each chosen run, with its probability."""
        trace = self.spins.trace
        after = np.array([x @ c.T for c in outcomes])
        p = np.maximum((after @ trace).real, 0.0)
        edge = np.cumsum(p, axis=0)
        drawn = (self.rng.random(self.runs) * edge[-1] >= edge).sum(axis=0)
        new = after[drawn, np.arange(self.runs)]
        new = new / (new @ trace)[:, None]
        return np.where(chosen[:, None], new, x)

    def _reading(self, x, stage):
        """Energy, its variance, ladder ergotropy, emission of each run."""
        nb = self.spins.nb
        x = x / (x @ self.spins.trace)[:, None]
        p = np.array([(x @ row).real for _, _, row in self.read])
        level = np.array([ups / nb for _, ups, _ in self.read])
        energy = level @ p
        variance = level**2 @ p - energy**2
        ergotropy = np.zeros(self.runs)
        for j in {j for j, _, _ in self.read}:
            own = np.array([other == j for other, _, _ in self.read])
            rungs = np.arange(own.sum()) / nb
            ergotropy += rungs @ p[own] - rungs @ np.sort(p[own], axis=0)[::-1]
        emission = (x @ (self.spins.trace @ self.spins.photon_jumps(stage)[0])).real
        return energy, variance, ergotropy, emission
