"""One step of truncated Wigner paths, for many runs side by side: the kernels.

The equations and their discretisation are told in `meanfield.paths.paths`. Classes of equal
coupling and detuning turn alike: the factors of their rotation are computed once.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.meanfield.paths.paths import (
    BEFORE,
    BEND,
    INVERSION,
    KEPT,
    LEAVING_RATE,
    S_IMAG,
    S_REAL,
    SWING,
    Paths,
    Q,
    Seen,
    Step,
)

Array = NDArray[np.float64]
Amplitudes = NDArray[np.complex128]

# A view of an array, or an array taken out of a tuple, is counted as one more owner of it, which
# costs as much as a step of some runs. Kernels called for every step take arrays and row numbers.


@njit(cache=True, error_model="numpy")
def collect(paths: Paths, p: Step) -> None:
    """Set the sums to those of the spins."""
    paths.sums[:] = 0.0
    for k in range(p.share.size):
        _add(paths.spins, k, (p.share[k], p.coupling[k]), paths.sums)


@njit(error_model="numpy")
def advance(
    paths: Paths,
    p: Step,
    start: float,
    steps: tuple[int, int],
    drive: Amplitudes,
    shift: Array,
    noise: Array,
    used: int,
    seen: Seen,
) -> None:
    """Steps steps[0], ..., steps[1] - 1 of those that begin at time `start`, all lanes.

    The first has eta/sqrt(N) = drive[used] amid it, and lines moved by shift[:, used]; the normals
    of step i of `drive` begin at row i noise.shape[0]/drive.size of `noise` (normals, lanes).
    """
    spins, field, sums = paths
    share, coupling, detuning, order, leads = p.share, p.coupling, p.detuning, p.order, p.leads
    ensemble = p.ensemble
    decays, noises, equilibrium = p.decays, p.noises, p.equilibrium
    left, delay, scratch = seen.left, seen.delay, seen.scratch
    eliminated, decoheres, relaxes, h = p.eliminated, p.decoheres, p.relaxes, p.h
    total, rate = p.total, p.kappa
    decay, force, width = p.decay, p.force, p.field_noise
    resonant = not (decoheres or relaxes)
    per_step = noise.shape[0] // drive.size
    for n in range(steps[0], steps[1]):
        first = used * per_step
        if eliminated:
            _begin_eliminated(field, sums, 2.0 / rate, h, width, noise, first, left, scratch)
        else:
            pushed = (decay, force, width, drive[used])
            _begin(field, sums, pushed, noise, first, 0.5 * h, left, scratch)
        for i in range(share.size):
            k = order[i]
            gh, weights = h * coupling[k], (share[k], coupling[k])
            wz = 0.5 * h * (detuning[k] + shift[ensemble[k], used])
            if leads[i]:
                _angles(field, gh, wz, scratch)
            if resonant and wz == 0.0:
                _turn_resonant(spins, k, field, scratch, weights, eliminated, sums)
                continue
            # without decoherence its factor is 1 and its noise 0, whichever row is taken
            across = first + (2 + 2 * k) * decoheres
            along = first + 2 + 2 * share.size * decoheres + k
            if relaxes:
                _along(spins, k, decays[1, k], noises[1, k], equilibrium[k], noise, along)
            local = (decays[0, k], noises[0, k])
            angle = (1.0, 0.0)
            if decoheres or gh == 0.0:
                angle = (np.cos(wz), np.sin(wz))
            if gh == 0.0:
                _turn_alone(spins, k, angle, local, noise, across)
            else:
                _turn(spins, k, field, wz / gh, scratch, angle, local, noise, across)
            if relaxes:
                _along(spins, k, decays[1, k], noises[1, k], equilibrium[k], noise, along)
            _add(spins, k, weights, sums)
        if eliminated:
            leaving = (4.0 / rate, 0.5 / total)
            falls = _end_eliminated(sums, leaving, 0.5 * h, left, scratch)
        else:
            leaving = (rate, 0.5 / total)
            falls = _end(field, sums, pushed, noise, first, leaving, 0.5 * h, left, scratch)
        if falls:
            _note_falls(scratch, sums, start + n * h, h, delay)
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


@njit(error_model="numpy")
def _begin(
    field: Array,
    sums: Array,
    pushed: tuple[complex, complex, float, complex],
    noise: Array,
    first: int,
    half: float,
    left: Array,
    scratch: Array,
) -> None:
    """Half a step of the field and of what leaves; the inversion is kept and the sums cleared."""
    for lane in range(left.size):
        left[lane] += half * scratch[LEAVING_RATE, lane]
        scratch[BEFORE, lane] = sums[INVERSION, lane]
        field[0, lane], field[1, lane] = _half_field(
            field[0, lane],
            field[1, lane],
            sums[S_REAL, lane],
            sums[S_IMAG, lane],
            pushed,
            noise[first, lane],
            noise[first + 1, lane],
        )
        sums[S_REAL, lane] = sums[S_IMAG, lane] = sums[Q, lane] = sums[INVERSION, lane] = 0.0


@njit(error_model="numpy")
def _end(
    field: Array,
    sums: Array,
    pushed: tuple[complex, complex, float, complex],
    noise: Array,
    first: int,
    leaving: tuple[float, float],
    half: float,
    left: Array,
    scratch: Array,
) -> int:
    """The other half step of field and leaving; how many inversions fell through 0."""
    falls, (rate, vacuum) = 0, leaving
    for lane in range(left.size):
        re, im = _half_field(
            field[0, lane],
            field[1, lane],
            sums[S_REAL, lane],
            sums[S_IMAG, lane],
            pushed,
            noise[first, lane],
            noise[first + 1, lane],
        )
        field[0, lane], field[1, lane] = re, im
        now = rate * (re * re + im * im - vacuum)
        scratch[LEAVING_RATE, lane] = now
        left[lane] += half * now
        falls += (scratch[BEFORE, lane] > 0.0) & (sums[INVERSION, lane] <= 0.0)
    return falls


@njit(error_model="numpy")
def _begin_eliminated(
    field: Array,
    sums: Array,
    c: float,
    h: float,
    width: float,
    noise: Array,
    first: int,
    left: Array,
    scratch: Array,
) -> None:
    """As `_begin`; the field is averaged over the step with the spins taken to its middle."""
    half, over = 0.5 * h, 1.0 / h
    for lane in range(left.size):
        left[lane] += half * scratch[LEAVING_RATE, lane]
        scratch[BEFORE, lane] = sums[INVERSION, lane]
        w_re, w_im = width * noise[first, lane], width * noise[first + 1, lane]
        sum_re, sum_im, half_q = sums[S_REAL, lane], sums[S_IMAG, lane], 0.5 * sums[Q, lane]
        a_re = c * h * sum_im + w_re
        a_im = -c * h * sum_re + w_im
        # d s = i a sum f G^2 v_z, half of it
        field[0, lane] = c * (sum_im + a_re * half_q) + over * w_re
        field[1, lane] = -c * (sum_re - a_im * half_q) + over * w_im
        sums[S_REAL, lane] = sums[S_IMAG, lane] = sums[Q, lane] = sums[INVERSION, lane] = 0.0


@njit(error_model="numpy")
def _end_eliminated(
    sums: Array, leaving: tuple[float, float], half: float, left: Array, scratch: Array
) -> int:
    """As `_end`, without a field of its own."""
    falls, (rate, own) = 0, leaving
    for lane in range(left.size):
        re, im = sums[S_REAL, lane], sums[S_IMAG, lane]
        now = rate * (re * re + im * im + own * sums[Q, lane])
        scratch[LEAVING_RATE, lane] = now
        left[lane] += half * now
        falls += (scratch[BEFORE, lane] > 0.0) & (sums[INVERSION, lane] <= 0.0)
    return falls


@njit(error_model="numpy")
def _note_falls(scratch: Array, sums: Array, now: float, h: float, delay: Array) -> None:
    """When the inversion first fell through zero, taken as linear over the step."""
    for lane in range(delay.size):
        before, after = scratch[BEFORE, lane], sums[INVERSION, lane]
        if before > 0.0 and after <= 0.0 and delay[lane] == np.inf:
            delay[lane] = now + h * before / (before - after)


@njit(error_model="numpy")
def leaving_spins(sums: Array, rate: float, own: float, out: Array, row: int) -> None:
    """gamma <J^+J^->/N from |S^-|^2 = J^+J^- - J^z; `rate` = 4/kappa, `own` = 1/(2N)."""
    for lane in range(out.shape[1]):
        re, im = sums[S_REAL, lane], sums[S_IMAG, lane]
        out[row, lane] = rate * (re * re + im * im + own * sums[Q, lane])


@njit(error_model="numpy")
def leaving_field(field: Array, rate: float, vacuum: float, out: Array, row: int) -> None:
    """rate n/N from |alpha|^2 = n + 1/2; `vacuum` = 1/(2N)."""
    for lane in range(out.shape[1]):
        re, im = field[0, lane], field[1, lane]
        out[row, lane] = rate * (re * re + im * im - vacuum)


@njit(error_model="numpy")
def _add(spins: Array, k: int, weights: tuple[float, float], sums: Array) -> None:
    """Add class k to the sums, with f and G."""
    share, coupling = weights
    half, q = 0.5 * share * coupling, share * coupling * coupling
    for lane in range(sums.shape[1]):
        x, y, z = spins[0, k, lane], spins[1, k, lane], spins[2, k, lane]
        sums[S_REAL, lane] += half * x
        sums[S_IMAG, lane] -= half * y
        sums[Q, lane] += q * z
        sums[INVERSION, lane] += share * z


@njit(error_model="numpy")
def _along(
    spins: Array, k: int, factor: float, amplitude: float, rest: float, noise: Array, row: int
) -> None:
    """Half of a step's relaxation towards `rest`, and half of its noise."""
    for lane in range(spins.shape[2]):
        z = spins[2, k, lane]
        spread = np.sqrt(max(0.0, 1.0 - rest * z))
        spins[2, k, lane] = rest + factor * (z - rest) + amplitude * spread * noise[row, lane]


@njit(error_model="numpy")
def _angles(field: Array, gh: float, wz: float, angles: Array) -> None:
    """Factors of the turn about (2 Re b, -2 Im b, D) h = 2w, common to all classes of equal b, D.

    With t = |w|: G h sin(2t)/t, (G h)^2 (1 - cos 2t)/t^2, 1 - (1 - cos 2t) (w_x^2 + w_y^2)/t^2,
    from tan t = t(945-105tt+t^4)/(945-420tt+15t^4).
    """
    for lane in range(field.shape[1]):
        # the field may be huge where h is tiny: its square is not taken alone
        wx, wy = gh * field[0, lane], gh * field[1, lane]
        square = wx * wx + wy * wy
        s = square + wz * wz
        scalar = 945.0 - s * (420.0 - 15.0 * s)
        vector = 945.0 - s * (105.0 - s)
        factor = 2.0 * vector / (scalar * scalar + vector * vector * s)
        bend = factor * vector
        angles[SWING, lane] = gh * factor * scalar
        angles[BEND, lane] = gh * gh * bend
        angles[KEPT, lane] = 1.0 - bend * square


@njit(error_model="numpy")
def _turn(
    spins: Array,
    k: int,
    field: Array,
    tilt: float,
    angles: Array,
    angle: tuple[float, float],
    local: tuple[float, float],
    noise: Array,
    row: int,
) -> None:
    """v + u x (swing v + bend u x v), u = (Re alpha, -Im alpha, tilt), tilt = D/2G.

    Before and after it half of a step's decay of the transverse spin, and half of its noise, one
    turned back and one on by half of D h: both halves are along each other at the end, and noise is
    as large as it should be however far the class turns. `angle` are cosine and sine of D h/2.
    """
    (cosine, sine), (factor, amplitude) = angle, local
    for lane in range(field.shape[1]):
        ux, uy = field[0, lane], -field[1, lane]
        kick_x, kick_y = amplitude * noise[row, lane], amplitude * noise[row + 1, lane]
        cos_x, sin_x, cos_y, sin_y = cosine * kick_x, sine * kick_x, cosine * kick_y, sine * kick_y
        a = factor * spins[0, k, lane] + (cos_x + sin_y)
        b = factor * spins[1, k, lane] + (cos_y - sin_x)
        c, swing, bend = spins[2, k, lane], angles[SWING, lane], angles[BEND, lane]
        qx = swing * a + bend * (uy * c - tilt * b)
        qy = swing * b + bend * (tilt * a - ux * c)
        qz = swing * c + bend * (ux * b - uy * a)
        spins[0, k, lane] = factor * (a + (uy * qz - tilt * qy)) + (cos_x - sin_y)
        spins[1, k, lane] = factor * (b + (tilt * qx - ux * qz)) + (sin_x + cos_y)
        spins[2, k, lane] = c + (ux * qy - uy * qx)


@njit(error_model="numpy")
def _turn_alone(
    spins: Array,
    k: int,
    angle: tuple[float, float],
    local: tuple[float, float],
    noise: Array,
    row: int,
) -> None:
    """`_turn` of spins that no field sees, about z alone, exactly."""
    (cosine, sine), (factor, amplitude) = angle, local
    turn_x, turn_y = cosine * cosine - sine * sine, 2.0 * cosine * sine
    for lane in range(spins.shape[2]):
        kick_x, kick_y = amplitude * noise[row, lane], amplitude * noise[row + 1, lane]
        cos_x, sin_x, cos_y, sin_y = cosine * kick_x, sine * kick_x, cosine * kick_y, sine * kick_y
        a = factor * spins[0, k, lane] + (cos_x + sin_y)
        b = factor * spins[1, k, lane] + (cos_y - sin_x)
        spins[0, k, lane] = factor * (turn_x * a - turn_y * b) + (cos_x - sin_y)
        spins[1, k, lane] = factor * (turn_y * a + turn_x * b) + (sin_x + cos_y)


@njit(error_model="numpy")
def _turn_resonant(
    spins: Array,
    k: int,
    field: Array,
    angles: Array,
    weights: tuple[float, float],
    eliminated: bool,
    sums: Array,
) -> None:
    """`_turn` without a detuning, and `_add` of weights f, G, in one pass."""
    share, coupling = weights
    half, q = 0.5 * share * coupling, share * coupling * coupling
    for lane in range(field.shape[1]):
        re, im = field[0, lane], field[1, lane]
        a, b, c = spins[0, k, lane], spins[1, k, lane], spins[2, k, lane]
        swing = angles[SWING, lane]
        along = re * b + im * a
        qz = swing * c + angles[BEND, lane] * along
        x, y, z = a - im * qz, b - re * qz, angles[KEPT, lane] * c + swing * along
        spins[0, k, lane], spins[1, k, lane], spins[2, k, lane] = x, y, z
        sums[S_REAL, lane] += half * x
        sums[S_IMAG, lane] -= half * y
        sums[INVERSION, lane] += share * z
        if eliminated:
            sums[Q, lane] += q * z
