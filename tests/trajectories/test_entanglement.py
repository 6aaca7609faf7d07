import numpy as np
import pytest
import qutip

from darkbattery.nvmodel import CollectiveBattery
from darkbattery.trajectories import evolve
from darkbattery.trajectories.reading import entanglement
from darkbattery.trajectories.reading.entanglement import (
    log_negativity,
    log_negativity_and_rate,
    log_negativity_of_pure,
    negative_part,
    transpose_blocks,
)


def _random_state(nb, nc, seed):
    """A random state without coherence between different M, as blocks and as a QuTiP matrix."""
    rng = np.random.default_rng(seed)
    rows = nb + nc + 1
    blocks = np.zeros((rows, nb + 1, nb + 1))
    dense = np.zeros(((nb + 1) * (nc + 1),) * 2)
    for row in range(rows):
        allowed = [q for q in range(nb + 1) if 0 <= nb + nc - row - q <= nc]
        a = rng.normal(size=(len(allowed), 1))
        block = a @ a.T
        blocks[row][np.ix_(allowed, allowed)] = block
        # QuTiP counts m downwards from +j
        index = [(nb - q) * (nc + 1) + nc - (nb + nc - row - q) for q in allowed]
        dense[np.ix_(index, index)] = block
    norm = np.trace(dense)
    return blocks / norm, qutip.Qobj(dense / norm, dims=[[nb + 1, nc + 1]] * 2)


@pytest.mark.parametrize(("nb", "nc"), [(1, 1), (2, 3), (3, 2), (1, 6)])
def test_negativity_against_qutips_partial_transpose(nb, nc):
    blocks, dense = _random_state(nb, nc, seed=nb)
    eigenvalues = np.linalg.eigvalsh(qutip.partial_transpose(dense, [1, 0]).full())
    # 1e-13: rounding of eigenvalues of a matrix of trace 1
    assert log_negativity(transpose_blocks(blocks)) == pytest.approx(
        np.log2(np.abs(eigenvalues).sum()), abs=1e-13
    )


def test_pure_blocks_need_no_matrices():
    """Of states whose blocks are pure, from their amplitudes and from their matrices."""
    rng = np.random.default_rng(5)
    amplitudes = rng.normal(size=(30, 8)) * 10.0 ** -np.arange(8)
    amplitudes /= np.sqrt(np.sum(amplitudes**2))
    blocks = amplitudes[:, :, None] * amplitudes[:, None]
    eigenvalues = np.linalg.eigvalsh(transpose_blocks(blocks))
    # 2e-12: what is left out, and its part in the logarithm
    assert log_negativity_of_pure(amplitudes) == pytest.approx(
        np.log2(np.abs(eigenvalues).sum()), abs=2e-12
    )


@pytest.mark.parametrize(("nb", "nc"), [(2, 10), (20, 60)])
def test_entanglement_of_pure_blocks_is_that_of_all_pairs(nb, nc):
    """With its rate asked for all pairs of ladders are followed, and their matrices made."""
    times = np.array([0.0, 0.01, 0.03, 0.1, 1.0])
    battery = CollectiveBattery(nb, nc)
    pure = evolve(battery, times, ["log_negativity"])
    pairs = evolve(battery, times, ["log_negativity", "entanglement_rate"])
    # 1e-9: elements of all pairs are known to 1e-11, and some hundred count in a norm
    assert pure["log_negativity"] == pytest.approx(pairs["log_negativity"], abs=1e-9)


def test_rate_is_the_slope_on_both_sides_of_the_start():
    battery = CollectiveBattery(2, 10)
    step = 1e-5
    times = np.concatenate([[0.0, step], np.array([0.1 - step, 0.1, 0.1 + step])])
    solution = evolve(battery, times, ["log_negativity", "entanglement_rate"])
    s, rate = solution["log_negativity"], solution["entanglement_rate"]
    # second differences are of order 10: 1e-5 * 10 from the right, (1e-5)^2 * 1000 centred
    assert (s[1] - s[0]) / step == pytest.approx(rate[0], rel=1e-3)
    assert (s[4] - s[2]) / (2 * step) == pytest.approx(rate[3], rel=1e-5)


def test_a_kernel_counts_with_its_modulus():
    """rho = (1-t)|0><0| + t |singlet><singlet| at t = 0: negativity opens linearly."""
    ground = np.zeros((3, 2, 2))
    ground[2] = [[1.0, 0.0], [0.0, 0.0]]
    singlet = np.zeros((3, 2, 2))
    singlet[1] = [[0.5, -0.5], [-0.5, 0.5]]
    value, rate = log_negativity_and_rate(
        transpose_blocks(ground), transpose_blocks(singlet - ground)
    )
    t = 1e-7
    later = log_negativity(transpose_blocks((1 - t) * ground + t * singlet))
    # the block with |0> and the transposed coherence: [[1-t, -t/2], [-t/2, 0]], so second order
    assert value == 0.0
    assert later / t == pytest.approx(rate, abs=1e-6)


@pytest.mark.parametrize("kind", [float, complex])
def test_what_is_cut_off_has_no_negative_part(kind, monkeypatch):
    """Blocks whose weight moves through the excitation numbers and fades at either end."""
    rng = np.random.default_rng(8)
    size, count = 40, 150
    blocks = rng.normal(size=(count, size, size)).astype(kind)
    if kind is complex:
        blocks += 1j * rng.normal(size=blocks.shape)
    centre = np.linspace(-40.0, 80.0, count)[:, None]
    fading = 10.0 ** (-0.6 * np.abs(np.arange(size) - centre))
    blocks = (blocks + np.conj(np.swapaxes(blocks, 1, 2))) * fading[:, :, None] * fading[:, None]
    eigenvalues = np.linalg.eigvalsh(blocks)
    expected = -eigenvalues[eigenvalues < 0.0].sum()
    # 1e-13: rounding of moduli that sum up to some hundreds
    allowed = entanglement.NEGLIGIBLE + 1e-13 * np.abs(eigenvalues).sum()
    assert abs(negative_part(blocks) - expected) < allowed
    monkeypatch.setattr(entanglement, "NEGLIGIBLE", 1.0)  # visible, and within the bound
    assert 1e-8 < abs(negative_part(blocks) - expected) < 1.0
