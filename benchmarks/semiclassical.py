"""How fast the semiclassical engine is, and its peers on the same equations, one core each.

Run: ``python benchmarks/semiclassical.py``. Peers: the second-order equations on dense complex
matrices in plain numpy under scipy's DOP853, with its default tolerances and with a relative one of
1e-6; our own kernel (real and imaginary parts apart) under the same; the truncated Wigner step in
plain numpy, runs side by side; and XMDS2 where it is installed (see `semiclassical_peers.py`).
Numbers are best of a few on a warm start. `peers.py` compares the results as well.
"""

import math
import resource
import time

import numpy as np
from contest import NotInstalledError
from scipy.integrate import solve_ivp
from semiclassical_peers import XmdsProgram, dense_rhs, lossless_spins, nv

from darkbattery import meanfield
from darkbattery.meanfield.averages.equations import coefficients, second_order, second_order_start
from darkbattery.meanfield.classes.moments import System, system_of
from darkbattery.meanfield.paths.plan import plan_with_step
from darkbattery.meanfield.paths.walk import simulate
from darkbattery.nvmodel import CollectiveBattery


def seconds(function, *arguments, repeat: int = 2) -> float:
    """Shortest wall time of a few calls."""
    found = []
    for _ in range(repeat):
        start = time.perf_counter()
        function(*arguments)
        found.append(time.perf_counter() - start)
    return min(found)


def second_order_bench() -> None:
    """A burst of 5 us at 1e16 spins; the run with half the classes is included."""
    times = np.linspace(0.0, 5e-6, 101)
    for classes, repeat in ((51, 2), (101, 1), (201, 1)):
        taken = seconds(lambda k=classes: meanfield.evolve(nv(), times, classes=k), repeat=repeat)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"order 2, {classes} classes each, 5 us: {taken:.2f} s, {memory:.0f} MB at most")


def scipy_bench(classes: int = 101, last: float = 5e-6) -> None:
    """Dense numpy and scipy."""
    rhs, start = dense_rhs(system_of(nv(), classes))
    for name, options in (
        ("default tolerances", {}),
        ("relative tolerance 1e-6", {"rtol": 1e-6, "atol": 1e-30}),
    ):
        begin = time.perf_counter()
        found = solve_ivp(rhs, (0.0, last), start, method="DOP853", **options)
        taken = time.perf_counter() - begin
        energy = 0.5 + 0.5 * found.y[1 : classes + 1, -1].real.mean()
        print(
            f"numpy + scipy DOP853, dense complex, {classes} classes each, {name}: {taken:.1f} s, "
            f"{found.nfev} right-hand sides, E_B = {energy:.4f}"
        )


def packed_scipy_bench(classes: int = 21, most: int = 100_000) -> None:
    """Our kernel under scipy's control: each real and imaginary part by itself."""
    system = system_of(nv(), classes)
    p, calls = coefficients(system), 0

    def rhs(time: float, y):
        nonlocal calls
        calls += 1
        if calls > most:
            raise TimeoutError(f"at {time * 1e6:.2f} us of 5 us")
        out = np.empty_like(y)
        second_order(y, p, out)
        return out

    start, reached = second_order_start(system), "to the end"
    try:
        solve_ivp(rhs, (0.0, 5e-6), start, method="DOP853", rtol=1e-6, atol=1e-30)
    except TimeoutError as stop:
        reached = f"given up {stop}"
    print(f"our kernel + scipy DOP853, {classes} classes each: {calls} right-hand sides, {reached}")


def wigner_bench() -> None:
    """Milliseconds a run, and what a peer makes."""
    battery = CollectiveBattery(n_battery=10, n_charger=50)
    times = np.linspace(0.0, 1.0, 101)
    sample = lambda runs: meanfield.sample(battery, times, runs, seed=1)  # noqa: E731
    sample(100)
    steps = sample(1).provenance["steps"]
    taken = seconds(sample, 20_000)
    print(f"Wigner, eliminated (10,50), {steps} steps: {taken / 20_000 * 1e3:.3f} ms a run")
    broad = system_of(nv(), 31)
    plan = plan_with_step(broad, np.linspace(0.0, 5e-6, 11), 5.0e-9)
    taken = seconds(lambda: list(simulate(plan, 1, 0, 264)))
    print(f"Wigner, 31+31 classes, {sum(plan.steps)} steps: {taken / 264 * 1e3:.2f} ms a run")
    lossy = system_of(lossless_spins(), 1)
    plan = plan_with_step(lossy, np.array([2e-6]), 2e-6 / 5000)
    taken = seconds(lambda: list(simulate(plan, 1, 0, 2560)))
    print(f"Wigner, two spins and a lossy mode, {sum(plan.steps)} steps: {2560 / taken:.0f} runs/s")
    numpy_wigner_bench(lossy, 5000, 2560)
    xmds_bench(lossy)


def numpy_wigner_bench(system: System, steps: int, runs: int) -> None:
    """Heun's method on the same stochastic equations, all runs in one array."""
    rng = np.random.default_rng(1)
    f, G = system.share[:, None], system.scaled_coupling[:, None]
    h = 2e-6 / steps
    beta = rng.standard_normal((2, 2, runs)) / np.sqrt(system.number)[:, None] / 2.0
    beta = beta[0] + 1j * beta[1]
    z = np.repeat(system.start[:, None], runs, axis=1)
    alpha = np.zeros(runs, dtype=complex)
    width = math.sqrt(system.kappa * 0.5 * h / system.total / 2.0)

    def slope(alpha, beta, z):
        push = (-0.5 * system.kappa) * alpha - 1j * (f * G * beta).sum(axis=0)
        return push, 1j * G * alpha * z, -4.0 * G * (alpha.conj() * beta).imag

    begin, done = time.perf_counter(), 100
    for _ in range(done):
        noise = width * (rng.standard_normal(runs) + 1j * rng.standard_normal(runs))
        one = slope(alpha, beta, z)
        two = slope(alpha + h * one[0] + noise, beta + h * one[1], z + h * one[2])
        alpha = alpha + h / 2 * (one[0] + two[0]) + noise
        beta, z = beta + h / 2 * (one[1] + two[1]), z + h / 2 * (one[2] + two[2])
    taken = (time.perf_counter() - begin) * steps / done
    print(f"  the same by Heun's method in numpy: {runs / taken:.0f} runs/s")


def xmds_bench(lossy: System, runs: int = 12_800) -> None:
    """XMDS2's own compiled program, path by path and with 64 of them side by side."""
    for lanes in (1, 64):
        try:
            program = XmdsProgram(lossy, np.array([0.0, 2e-6]), 5000, runs, lanes)
        except NotInstalledError:
            print("  XMDS2: not installed, skipped")
            return
        taken = seconds(program.run)
        print(f"  the same by XMDS2, SI, {lanes} abreast: {runs / taken:.0f} runs/s")


def main() -> None:
    """All of them."""
    start = time.perf_counter()
    second_order_start(system_of(nv(), 2))
    meanfield.evolve(nv(), [0.0, 1e-8], classes=2)
    print(f"first call (compiled code from cache or not): {time.perf_counter() - start:.1f} s")
    second_order_bench()
    scipy_bench()
    packed_scipy_bench()
    wigner_bench()


if __name__ == "__main__":
    main()
