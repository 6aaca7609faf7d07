"""One step of truncated Wigner paths, for many runs side by side: the kernels.

The equations and their discretisation are told in `meanfield.paths.paths`, and there is how a block
of runs is kept. Classes of equal coupling and detuning turn alike: the factors of their rotation
are computed once.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.meanfield.paths.lane import (
    factors,
    next_field,
    next_mean_field,
    note_falls,
    turned,
)
from darkbattery.meanfield.paths.paths import (
    BEFORE,
    BEND,
    BLOCK,
    CLASS,
    COMPONENT,
    DELAY,
    FIELD_IM,
    FIELD_RE,
    KEPT,
    KICK,
    LANES,
    LEAVING_RATE,
    LEFT_SO_FAR,
    STATE,
    SUM_IM,
    SUM_Q,
    SUM_RE,
    SUM_Z,
    SUMS,
    SWING,
    Paths,
    Seen,
    Step,
)
from darkbattery.nvmodel.kernelcache import apart

Array = NDArray[np.float64]
Amplitudes = NDArray[np.complex128]
Rows = tuple[Any, Any]  # in normal numbers, of two that are used together

# A view of an array, or an array taken out of a tuple, is counted as one more owner of it, which
# costs as much as a step of some runs. Kernels called for every step take arrays and row numbers.


@njit(cache=True, error_model="numpy")
def collect(paths: Paths, seen: Seen, p: Step) -> None:
    """Set the sums to those of the spins."""
    runs = seen.left.size
    state, spins = empty_block(p.share.size)
    for first in range(0, runs, BLOCK):
        lanes = min(BLOCK, runs - first)
        fill_block(paths, seen, first, lanes, state, spins)
        _clear(state)
        for k in range(p.share.size):
            _add(state, spins, CLASS * np.uint64(k), (p.share[k], p.coupling[k]))
        keep_block(paths, seen, first, lanes, state, spins)


@njit(error_model="numpy")
def empty_block(classes: int) -> tuple[Array, Array]:
    """A block's rows and classes; lanes that no run fills are stepped beside the others."""
    return np.zeros(STATE), np.zeros(3 * BLOCK * classes)


@njit(error_model="numpy")
def fill_block(
    paths: Paths, seen: Seen, first: int, lanes: int, state: Array, spins: Array
) -> None:
    """Take the runs from `first` on into a block."""
    vectors, field, sums, left, delay = paths.spins, paths.field, paths.sums, seen.left, seen.delay
    for i in range(lanes):
        lane = np.uint64(i)
        state[FIELD_RE + lane], state[FIELD_IM + lane] = field[0, first + i], field[1, first + i]
        state[LEFT_SO_FAR + lane], state[DELAY + lane] = left[first + i], delay[first + i]
        for row in range(SUMS):
            state[SUM_RE + np.uint64(BLOCK * row) + lane] = sums[row, first + i]
        for k in range(vectors.shape[1]):
            for c in range(3):
                spins[np.uint64(BLOCK * (3 * k + c)) + lane] = vectors[c, k, first + i]


@njit(error_model="numpy")
def keep_block(
    paths: Paths, seen: Seen, first: int, lanes: int, state: Array, spins: Array
) -> None:
    """Put a block back among the runs."""
    vectors, field, sums, left, delay = paths.spins, paths.field, paths.sums, seen.left, seen.delay
    for i in range(lanes):
        lane = np.uint64(i)
        field[0, first + i], field[1, first + i] = state[FIELD_RE + lane], state[FIELD_IM + lane]
        left[first + i], delay[first + i] = state[LEFT_SO_FAR + lane], state[DELAY + lane]
        for row in range(SUMS):
            sums[row, first + i] = state[SUM_RE + np.uint64(BLOCK * row) + lane]
        for k in range(vectors.shape[1]):
            for c in range(3):
                vectors[c, k, first + i] = spins[np.uint64(BLOCK * (3 * k + c)) + lane]


@njit(error_model="numpy")
def advance(
    state: Array,
    spins: Array,
    held: tuple[int, int],
    p: Step,
    start: float,
    steps: tuple[int, int],
    drive: Amplitudes,
    shift: Array,
    noise: Array,
    used: int,
) -> None:
    """Steps steps[0], ..., steps[1] - 1 of those that begin at time `start`, of one block.

    The first has eta/sqrt(N) = drive[used] amid it, and lines moved by shift[:, used]. `noise`
    (normals, BLOCK), flat, begins with those of step held[0] of `drive`, held[1] for each.
    """
    share, coupling, detuning, order, leads = p.share, p.coupling, p.detuning, p.order, p.leads
    ensemble = p.ensemble
    decays, noises, equilibrium = p.decays, p.noises, p.equilibrium
    eliminated, decoheres, relaxes, h = p.eliminated, p.decoheres, p.relaxes, p.h
    total, rate = p.total, p.kappa
    decay, force, width = p.decay, p.force, p.field_noise
    resonant = not (decoheres or relaxes)
    since, per_step = held
    zero, row = np.uint64(0), LANES  # from a normal to the next
    for n in range(steps[0], steps[1]):
        first = np.uint64((used - since) * per_step) * LANES
        if eliminated:
            _begin_eliminated(state, 2.0 / rate, h, width, noise, (first, first + row))
        else:
            pushed = (decay, force, width, drive[used])
            _begin(state, pushed, noise, (first, first + row), 0.5 * h)
        for i in range(share.size):
            k = order[i]
            spin = CLASS * np.uint64(k)
            gh, weights = h * coupling[k], (share[k], coupling[k])
            wz = 0.5 * h * (detuning[k] + shift[ensemble[k], used])
            if leads[i]:
                _angles(state, gh, wz)
            if resonant and wz == 0.0:
                _turn_resonant(state, spins, spin, weights, eliminated)
                continue
            # without decoherence its factor is 1 and its noise 0, whichever row is taken
            kicks = first + row * np.uint64((2 + 2 * k) * decoheres)
            across = (kicks, kicks + row)
            along = first + row * np.uint64(2 + 2 * share.size * decoheres + k)
            relaxation = (decays[1, k], equilibrium[k])
            if relaxes:
                _draw_kick(state, spins, spin, noises[1, k], equilibrium[k], noise, along)
                _relax(state, spins, spin, relaxation)
            local = (decays[0, k], noises[0, k])
            angle = (1.0, 0.0)
            if decoheres or gh == 0.0:
                angle = (np.cos(wz), np.sin(wz))
            if gh == 0.0:
                _turn_alone(spins, spin, angle, local, noise, across)
            else:
                _turn(state, spins, spin, wz / gh, angle, local, noise, across)
            if relaxes:
                _relax(state, spins, spin, relaxation)
            _add(state, spins, spin, weights)
        if eliminated:
            falls = _end_eliminated(state, (4.0 / rate, 0.5 / total), 0.5 * h)
        else:
            gone = (rate, 0.5 / total)
            falls = _end(state, pushed, noise, (first, first + row), gone, 0.5 * h)
        if falls != zero:
            note_falls(state, start + n * h, h)
        used += 1


@njit(error_model="numpy")
def _begin(
    state: Array,
    pushed: tuple[complex, complex, float, complex],
    noise: Array,
    rows: Rows,
    half: float,
) -> None:
    """Half a step of the field and of what leaves; the inversion is kept and the sums cleared."""
    apart()
    real, imag = rows
    for lane in range(LANES):
        state[LEFT_SO_FAR + lane] += half * state[LEAVING_RATE + lane]
        state[BEFORE + lane] = state[SUM_Z + lane]
        state[FIELD_RE + lane], state[FIELD_IM + lane] = next_field(
            state, lane, pushed, noise[real + lane], noise[imag + lane]
        )
        state[SUM_RE + lane] = state[SUM_IM + lane] = 0.0
        state[SUM_Q + lane] = state[SUM_Z + lane] = 0.0


@njit(error_model="numpy")
def _clear(state: Array) -> None:
    for lane in range(LANES):
        state[SUM_RE + lane] = state[SUM_IM + lane] = 0.0
        state[SUM_Q + lane] = state[SUM_Z + lane] = 0.0


@njit(error_model="numpy")
def _end(
    state: Array,
    pushed: tuple[complex, complex, float, complex],
    noise: Array,
    rows: Rows,
    gone: tuple[float, float],
    half: float,
) -> Any:
    """The other half step of field and leaving; how many inversions fell through 0."""
    apart()
    falls, (rate, vacuum) = np.uint64(0), gone
    real, imag = rows
    for lane in range(LANES):
        re, im = next_field(state, lane, pushed, noise[real + lane], noise[imag + lane])
        state[FIELD_RE + lane], state[FIELD_IM + lane] = re, im
        now = rate * (re * re + im * im - vacuum)
        state[LEAVING_RATE + lane] = now
        state[LEFT_SO_FAR + lane] += half * now
        falls += np.uint64((state[BEFORE + lane] > 0.0) & (state[SUM_Z + lane] <= 0.0))
    return falls


@njit(error_model="numpy")
def _begin_eliminated(
    state: Array,
    c: float,
    h: float,
    width: float,
    noise: Array,
    rows: Rows,
) -> None:
    """As `_begin`; the field is averaged over the step with the spins taken to its middle."""
    apart()
    half, over = 0.5 * h, 1.0 / h
    real, imag = rows
    for lane in range(LANES):
        state[LEFT_SO_FAR + lane] += half * state[LEAVING_RATE + lane]
        state[BEFORE + lane] = state[SUM_Z + lane]
        state[FIELD_RE + lane], state[FIELD_IM + lane] = next_mean_field(
            state, lane, (c, h, over), width * noise[real + lane], width * noise[imag + lane]
        )
        state[SUM_RE + lane] = state[SUM_IM + lane] = 0.0
        state[SUM_Q + lane] = state[SUM_Z + lane] = 0.0


@njit(error_model="numpy")
def _end_eliminated(state: Array, gone: tuple[float, float], half: float) -> Any:
    """As `_end`, without a field of its own."""
    falls, (rate, own) = np.uint64(0), gone
    for lane in range(LANES):
        re, im = state[SUM_RE + lane], state[SUM_IM + lane]
        now = rate * (re * re + im * im + own * state[SUM_Q + lane])
        state[LEAVING_RATE + lane] = now
        state[LEFT_SO_FAR + lane] += half * now
        falls += np.uint64((state[BEFORE + lane] > 0.0) & (state[SUM_Z + lane] <= 0.0))
    return falls


@njit(error_model="numpy")
def leaving(state: Array, p: Step) -> None:
    """Rate at which photons leave, per spin, without the bath's share.

    It is gamma <J^+J^->/N from |S^-|^2 = J^+J^- - J^z, or kappa n/N from |alpha|^2 = n + 1/2.
    """
    if p.eliminated:
        _leaving_spins(state, 4.0 / p.kappa, 0.5 / p.total)
    else:
        _leaving_field(state, p.kappa, 0.5 / p.total)


@njit(error_model="numpy")
def _leaving_spins(state: Array, rate: float, own: float) -> None:
    for lane in range(LANES):
        re, im = state[SUM_RE + lane], state[SUM_IM + lane]
        state[LEAVING_RATE + lane] = rate * (re * re + im * im + own * state[SUM_Q + lane])


@njit(error_model="numpy")
def _leaving_field(state: Array, rate: float, vacuum: float) -> None:
    for lane in range(LANES):
        re, im = state[FIELD_RE + lane], state[FIELD_IM + lane]
        state[LEAVING_RATE + lane] = rate * (re * re + im * im - vacuum)


@njit(error_model="numpy")
def _add(state: Array, spins: Array, spin: Any, weights: tuple[float, float]) -> None:
    """Add a class to the sums, with f and G."""
    apart()
    share, coupling = weights
    half, q = 0.5 * share * coupling, share * coupling * coupling
    y, z = spin + COMPONENT, spin + np.uint64(2) * COMPONENT
    for lane in range(LANES):
        along = spins[z + lane]
        state[SUM_RE + lane] += half * spins[spin + lane]
        state[SUM_IM + lane] -= half * spins[y + lane]
        state[SUM_Q + lane] += q * along
        state[SUM_Z + lane] += share * along


@njit(error_model="numpy")
def _draw_kick(
    state: Array, spins: Array, spin: Any, amplitude: float, rest: float, noise: Array, row: Any
) -> None:
    """Half of a step's noise along z, as large as the inversion before the step has it."""
    apart()
    at = spin + np.uint64(2) * COMPONENT
    for lane in range(LANES):
        spread = np.sqrt(max(0.0, 1.0 - rest * spins[at + lane]))
        state[KICK + lane] = amplitude * spread * noise[row + lane]


@njit(error_model="numpy")
def _relax(state: Array, spins: Array, spin: Any, relaxation: tuple[float, float]) -> None:
    """Half of a step's relaxation towards equilibrium, and half of its noise."""
    apart()
    (factor, rest), at = relaxation, spin + np.uint64(2) * COMPONENT
    for lane in range(LANES):
        spins[at + lane] = rest + factor * (spins[at + lane] - rest) + state[KICK + lane]


@njit(error_model="numpy")
def _angles(state: Array, gh: float, wz: float) -> None:
    """`factors` of a class and those that turn like it."""
    for lane in range(LANES):
        state[SWING + lane], state[BEND + lane], state[KEPT + lane] = factors(
            state[FIELD_RE + lane], state[FIELD_IM + lane], gh, wz
        )


@njit(inline="always")
def _kicks(angle: Any, x: Any, y: Any) -> Any:
    """Half of a step's noise turned back, and half of it turned on."""
    cosine, sine = angle
    cos_x, sin_x, cos_y, sin_y = cosine * x, sine * x, cosine * y, sine * y
    return cos_x + sin_y, cos_y - sin_x, cos_x - sin_y, sin_x + cos_y


@njit(error_model="numpy")
def _turn(
    state: Array,
    spins: Array,
    spin: Any,
    tilt: float,
    angle: tuple[float, float],
    local: tuple[float, float],
    noise: Array,
    rows: Rows,
) -> None:
    """v + u x (swing v + bend u x v), u = (Re alpha, -Im alpha, tilt), tilt = D/2G.

    Before and after it half of a step's decay of the transverse spin, and half of its noise, one
    turned back and one on by half of D h: both halves are along each other at the end, and noise is
    as large as it should be however far the class turns. `angle` are cosine and sine of D h/2.
    """
    apart()
    factor, amplitude = local
    y, z = spin + COMPONENT, spin + np.uint64(2) * COMPONENT
    kicks_x, kicks_y = rows
    for lane in range(LANES):
        ux, uy = state[FIELD_RE + lane], -state[FIELD_IM + lane]
        kick_x, kick_y = amplitude * noise[kicks_x + lane], amplitude * noise[kicks_y + lane]
        before_x, before_y, after_x, after_y = _kicks(angle, kick_x, kick_y)
        a = factor * spins[spin + lane] + before_x
        b = factor * spins[y + lane] + before_y
        c, swing, bend = spins[z + lane], state[SWING + lane], state[BEND + lane]
        qx = swing * a + bend * (uy * c - tilt * b)
        qy = swing * b + bend * (tilt * a - ux * c)
        qz = swing * c + bend * (ux * b - uy * a)
        spins[spin + lane] = factor * (a + (uy * qz - tilt * qy)) + after_x
        spins[y + lane] = factor * (b + (tilt * qx - ux * qz)) + after_y
        spins[z + lane] = c + (ux * qy - uy * qx)


@njit(error_model="numpy")
def _turn_alone(
    spins: Array,
    spin: Any,
    angle: tuple[float, float],
    local: tuple[float, float],
    noise: Array,
    rows: Rows,
) -> None:
    """`_turn` of spins that no field sees, about z alone, exactly."""
    apart()
    (cosine, sine), (factor, amplitude) = angle, local
    turn_x, turn_y = cosine * cosine - sine * sine, 2.0 * cosine * sine
    y = spin + COMPONENT
    kicks_x, kicks_y = rows
    for lane in range(LANES):
        kick_x, kick_y = amplitude * noise[kicks_x + lane], amplitude * noise[kicks_y + lane]
        before_x, before_y, after_x, after_y = _kicks(angle, kick_x, kick_y)
        a = factor * spins[spin + lane] + before_x
        b = factor * spins[y + lane] + before_y
        spins[spin + lane] = factor * (turn_x * a - turn_y * b) + after_x
        spins[y + lane] = factor * (turn_y * a + turn_x * b) + after_y


@njit(error_model="numpy")
def _turn_resonant(
    state: Array, spins: Array, spin: Any, weights: tuple[float, float], eliminated: bool
) -> None:
    """`_turn` without a detuning, and `_add` of weights f, G, in one pass."""
    apart()
    share, coupling = weights
    half, q = 0.5 * share * coupling, share * coupling * coupling
    at_y, at_z = spin + COMPONENT, spin + np.uint64(2) * COMPONENT
    for lane in range(LANES):
        turn = (state[SWING + lane], state[BEND + lane], state[KEPT + lane])
        x, y, z = turned(
            state[FIELD_RE + lane],
            state[FIELD_IM + lane],
            turn,
            spins[spin + lane],
            spins[at_y + lane],
            spins[at_z + lane],
        )
        spins[spin + lane], spins[at_y + lane], spins[at_z + lane] = x, y, z
        state[SUM_RE + lane] += half * x
        state[SUM_IM + lane] -= half * y
        state[SUM_Z + lane] += share * z
        if eliminated:
            state[SUM_Q + lane] += q * z
