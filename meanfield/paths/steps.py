"""One step of truncated Wigner paths, for many runs side by side: the kernels.

The equations and their discretisation are told in `meanfield.paths.paths`, and there is how a block
of runs is kept. Classes of equal coupling and detuning turn alike: the factors of their rotation
are computed once.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

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
    Pair,
    Paths,
    Seen,
    Step,
)
from darkbattery.nvmodel.kernelcache import apart

Array = NDArray[np.float64]
Amplitudes = NDArray[np.complex128]
Rows = tuple[Any, Any]  # in normal numbers, of two that are used together

# rows of a pair's vectors
X_1, Y_1, Z_1, X_2, Y_2, Z_2 = (np.uint64(BLOCK * row) for row in range(6))

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
                _turn_alone(state, spins, spin, angle, local, noise, across)
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
            _note_falls(state, start + n * h, h)
        used += 1


@njit(error_model="numpy")
def is_pair(p: Step, shift: Array) -> bool:
    """Whether there are two classes that turn alike, undetuned and without noise of their own."""
    if p.share.size != 2 or p.leads[1] or p.decoheres or p.relaxes or p.detuning[0] != 0.0:
        return False
    moved = 0
    for by in shift.flat:
        moved += by != 0.0
    return moved == 0


@njit(error_model="numpy")
def pair_of(p: Step) -> Pair:
    """What does not depend on a step's length."""
    share = (p.share[0], p.share[p.share.size - 1])
    return Pair(share, p.coupling[0], p.total, p.kappa, p.eliminated)


@njit(error_model="numpy")
def advance_pair(
    state: Array,
    spins: Array,
    held: tuple[int, int],
    length: tuple[float, complex, complex, float],
    pair: Pair,
    start: float,
    steps: tuple[int, int],
    drive: Amplitudes,
    noise: Array,
    used: int,
) -> None:
    """`advance` of what `is_pair`; `length` is a step's h, decay, force and noise of the field."""
    h, decay, force, width = length
    (since, per_step), zero = held, np.uint64(0)
    for n in range(steps[0], steps[1]):
        first = np.uint64((used - since) * per_step) * LANES
        rows = (first, first + LANES)
        if pair.eliminated:
            falls = _step_of_eliminated_pair(state, spins, pair, h, width, noise, rows)
        elif decay.imag == 0.0:  # a kernel of its own, compiled for real numbers
            undetuned = (decay.real, force.real, width, drive[used])
            falls = _step_of_pair(state, spins, pair, h, undetuned, noise, rows)
        else:
            pushed = (decay, force, width, drive[used])
            falls = _step_of_pair(state, spins, pair, h, pushed, noise, rows)
        if falls != zero:
            _note_falls(state, start + n * h, h)
        used += 1


@njit(inline="always")
def _half_field(re: Any, im: Any, s_re: Any, s_im: Any, pushed: Any, n_re: Any, n_im: Any) -> Any:
    """Half a step of alpha under constant spins, and half of the step's noise."""
    decay, force, width, drive = pushed
    # -i (s + eta)
    push_re, push_im = s_im + drive.imag, -(s_re + drive.real)
    new_re = decay.real * re + force.real * push_re + 0.5 * width * n_re
    new_im = decay.real * im + force.real * push_im + 0.5 * width * n_im
    if decay.imag != 0.0:  # the field is detuned
        new_re -= decay.imag * im + force.imag * push_im
        new_im += decay.imag * re + force.imag * push_re
    return new_re, new_im


@njit(inline="always")
def _next_field(state: Any, lane: Any, pushed: Any, n_re: Any, n_im: Any) -> Any:
    """`_half_field` of a lane."""
    re, im = state[FIELD_RE + lane], state[FIELD_IM + lane]
    return _half_field(re, im, state[SUM_RE + lane], state[SUM_IM + lane], pushed, n_re, n_im)


@njit(error_model="numpy")
def _step_of_pair(
    state: Array,
    spins: Array,
    pair: Pair,
    h: float,
    pushed: tuple[Any, Any, float, complex],
    noise: Array,
    rows: Rows,
) -> Any:
    """`_begin`, both turns and `_end` in one pass."""
    apart()
    half, rate, vacuum = 0.5 * h, pair.kappa, 0.5 / pair.total
    falls = np.uint64(0)
    real, imag = rows
    for lane in range(LANES):
        left = state[LEFT_SO_FAR + lane] + half * state[LEAVING_RATE + lane]
        before = state[SUM_Z + lane]
        n_re, n_im = noise[real + lane], noise[imag + lane]
        re, im = _next_field(state, lane, pushed, n_re, n_im)
        s_re, s_im, s_z, _ = _turn_pair(spins, lane, re, im, pair, h)
        state[SUM_RE + lane], state[SUM_IM + lane], state[SUM_Z + lane] = s_re, s_im, s_z
        re, im = _half_field(re, im, s_re, s_im, pushed, n_re, n_im)
        state[FIELD_RE + lane], state[FIELD_IM + lane] = re, im
        now = rate * (re * re + im * im - vacuum)
        state[LEAVING_RATE + lane] = now
        state[LEFT_SO_FAR + lane] = left + half * now
        state[BEFORE + lane] = before
        falls += np.uint64((before > 0.0) & (s_z <= 0.0))
    return falls


@njit(error_model="numpy")
def _step_of_eliminated_pair(
    state: Array,
    spins: Array,
    pair: Pair,
    h: float,
    width: float,
    noise: Array,
    rows: Rows,
) -> Any:
    """`_begin_eliminated`, both turns and `_end_eliminated` in one pass."""
    apart()
    half, over, c = 0.5 * h, 1.0 / h, 2.0 / pair.kappa
    rate, own = 4.0 / pair.kappa, 0.5 / pair.total
    falls = np.uint64(0)
    real, imag = rows
    for lane in range(LANES):
        left = state[LEFT_SO_FAR + lane] + half * state[LEAVING_RATE + lane]
        before = state[SUM_Z + lane]
        re, im = _next_mean_field(
            state, lane, (c, h, over), width * noise[real + lane], width * noise[imag + lane]
        )
        state[FIELD_RE + lane], state[FIELD_IM + lane] = re, im
        s_re, s_im, s_z, s_q = _turn_pair(spins, lane, re, im, pair, h)
        state[SUM_RE + lane], state[SUM_IM + lane], state[SUM_Z + lane] = s_re, s_im, s_z
        state[SUM_Q + lane] = s_q
        now = rate * (s_re * s_re + s_im * s_im + own * s_q)
        state[LEAVING_RATE + lane] = now
        state[LEFT_SO_FAR + lane] = left + half * now
        state[BEFORE + lane] = before
        falls += np.uint64((before > 0.0) & (s_z <= 0.0))
    return falls


@njit(inline="always")
def _turn_pair(spins: Any, lane: Any, re: Any, im: Any, pair: Any, h: Any) -> Any:
    """Turn both classes of a pair in the field; their sums."""
    (share_1, share_2), g = pair.share, pair.coupling
    half_1, half_2, q_1, q_2 = (
        0.5 * share_1 * g,
        0.5 * share_2 * g,
        share_1 * g * g,
        share_2 * g * g,
    )
    turn = _factors(re, im, h * g, 0.0)
    x, y, z = _turned(re, im, turn, spins[X_1 + lane], spins[Y_1 + lane], spins[Z_1 + lane])
    spins[X_1 + lane], spins[Y_1 + lane], spins[Z_1 + lane] = x, y, z
    s_re, s_im, s_z, s_q = half_1 * x, -half_1 * y, share_1 * z, q_1 * z
    x, y, z = _turned(re, im, turn, spins[X_2 + lane], spins[Y_2 + lane], spins[Z_2 + lane])
    spins[X_2 + lane], spins[Y_2 + lane], spins[Z_2 + lane] = x, y, z
    s_re, s_im = s_re + half_2 * x, s_im - half_2 * y
    return s_re, s_im, s_z + share_2 * z, s_q + q_2 * z


@njit(inline="always")
def _mean_field(s_re: Any, s_im: Any, q: Any, length: Any, w_re: Any, w_im: Any) -> Any:
    """The eliminated field averaged over a step, with the spins taken to its middle."""
    c, h, over = length
    half_q = 0.5 * q
    a_re = c * h * s_im + w_re
    a_im = -c * h * s_re + w_im
    # d s = i a sum f G^2 v_z, half of it
    return c * (s_im + a_re * half_q) + over * w_re, -c * (s_re - a_im * half_q) + over * w_im


@njit(inline="always")
def _next_mean_field(state: Any, lane: Any, length: Any, w_re: Any, w_im: Any) -> Any:
    """`_mean_field` of a lane."""
    s_re, s_im, q = state[SUM_RE + lane], state[SUM_IM + lane], state[SUM_Q + lane]
    return _mean_field(s_re, s_im, q, length, w_re, w_im)


@njit(inline="always")
def _factors(re: Any, im: Any, gh: Any, wz: Any) -> Any:
    """Factors of the turn about (2 Re b, -2 Im b, D) h = 2w, common to all classes of equal b, D.

    With t = |w|: G h sin(2t)/t, (G h)^2 (1 - cos 2t)/t^2, 1 - (1 - cos 2t) (w_x^2 + w_y^2)/t^2,
    from tan t = t(945-105tt+t^4)/(945-420tt+15t^4).
    """
    # the field may be huge where h is tiny: its square is not taken alone
    wx, wy = gh * re, gh * im
    square = wx * wx + wy * wy
    s = square + wz * wz
    scalar = 945.0 - s * (420.0 - 15.0 * s)
    vector = 945.0 - s * (105.0 - s)
    factor = 2.0 * vector / (scalar * scalar + vector * vector * s)
    bend = factor * vector
    return gh * factor * scalar, gh * gh * bend, 1.0 - bend * square


@njit(inline="always")
def _turned(re: Any, im: Any, turn: Any, a: Any, b: Any, c: Any) -> Any:
    """`_turn` without a detuning or noise, of one spin."""
    swing, bend, kept = turn
    along = re * b + im * a
    qz = swing * c + bend * along
    return a - im * qz, b - re * qz, kept * c + swing * along


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
        state[FIELD_RE + lane], state[FIELD_IM + lane] = _next_field(
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
        re, im = _next_field(state, lane, pushed, noise[real + lane], noise[imag + lane])
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
        state[FIELD_RE + lane], state[FIELD_IM + lane] = _next_mean_field(
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
def _note_falls(state: Array, now: float, h: float) -> None:
    """When the inversion first fell through zero, taken as linear over the step."""
    for lane in range(LANES):
        before, after = state[BEFORE + lane], state[SUM_Z + lane]
        if before > 0.0 and after <= 0.0 and state[DELAY + lane] == np.inf:
            state[DELAY + lane] = now + h * before / (before - after)


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
    """`_factors` of a class and those that turn like it."""
    for lane in range(LANES):
        state[SWING + lane], state[BEND + lane], state[KEPT + lane] = _factors(
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
    state: Array,
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
        x, y, z = _turned(
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
