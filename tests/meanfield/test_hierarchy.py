"""The moment equations against a hierarchy that a program derives from the master equation.

The generator knows the commutation rules of one mode and of spins 1/2 and nothing else. It is
itself checked against an explicit Liouvillian; then it is cut at second order and compared.
A monomial is (p, q, spins): a^+p a^q times one of "+-z" on each of a few distinct spins, given as
sorted (class, letter) pairs; spins of one class are exchangeable.
"""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
import qutip as qt
from scipy.linalg import expm

from darkbattery.meanfield.averages import covariances
from darkbattery.meanfield.averages.equations import (
    LEFT,
    PHOTONS,
    SUPPLIED,
    Coefficients,
    Z,
    second_order,
)

ONE = (0, 0, ())
# products of two letters on one spin: {letters: {letter or "": coefficient}}
PRODUCTS = {
    "++": {},
    "--": {},
    "zz": {"": 1.0},
    "+-": {"": 0.5, "z": 0.5},
    "-+": {"": 0.5, "z": -0.5},
    "z+": {"+": 1.0},
    "+z": {"+": -1.0},
    "z-": {"-": -1.0},
    "-z": {"-": 1.0},
}


def times(one, two):
    """Product of two operators on labelled spins: dicts {(p, q, ((label, letter), ...)): c}."""
    found = Counter()
    for (p1, q1, s1), c1 in one.items():
        for (p2, q2, s2), c2 in two.items():
            # a^q1 a^+p2 = sum_k k! C(q1,k) C(p2,k) a^+(p2-k) a^(q1-k)
            bosons, factor = [], 1.0
            for k in range(min(q1, p2) + 1):
                bosons.append((p1 + p2 - k, q1 + q2 - k, factor))
                factor *= (q1 - k) * (p2 - k) / (k + 1)
            spins = {(): c1 * c2}
            left, right = dict(s1), dict(s2)
            for label in sorted(set(left) | set(right)):
                letters = left.get(label, "") + right.get(label, "")
                options = PRODUCTS[letters] if len(letters) == 2 else {letters: 1.0}
                spins = {
                    old + (((label, letter),) if letter else ()): c * factor
                    for old, c in spins.items()
                    for letter, factor in options.items()
                }
            for p, q, weight in bosons:
                for s, c in spins.items():
                    found[p, q, s] += weight * c
    return found


def scaled(operator, factor):
    return Counter({m: factor * c for m, c in operator.items()})


def added(*operators):
    found = Counter()
    for operator in operators:
        for m, c in operator.items():
            found[m] += c
    return found


def op(p=0, q=0, *spins):
    return Counter({(p, q, tuple(spins)): 1.0})


def dissipator(rate, jump, adjoint, o):
    """rate (L^+ O L - (L^+L O + O L^+L)/2)."""
    pair = times(adjoint, jump)
    return added(
        scaled(times(times(adjoint, o), jump), rate),
        scaled(times(pair, o), -rate / 2),
        scaled(times(o, pair), -rate / 2),
    )


def derivative(p, q, letters, c):
    """d/dt of a^+p a^q times `letters`, ((class, letter), ...), as {monomial: coefficient}."""
    labels = [((k, i), letter) for i, (k, letter) in enumerate(letters)]
    o = op(p, q, *sorted(labels))
    used = Counter(k for k, _ in letters)
    parts = [
        commutator(scaled(op(1, 1), c["Dc"]), o),
        dissipator(c["kappa"] * (c["nbar"] + 1), op(0, 1), op(1, 0), o),
        dissipator(c["kappa"] * c["nbar"], op(1, 0), op(0, 1), o),
    ]
    own = [(label, 1.0) for label, _ in labels]
    # one spectator stands for all others of its class; only its coupling to the mode matters
    others = [((k, 99), n - used[k]) for k, n in enumerate(c["N"])]
    for (k, i), weight in own + others:
        spin = (k, i)
        parts.append(
            scaled(
                commutator(
                    added(
                        scaled(op(0, 0, (spin, "z")), c["D"][k] / 2),
                        scaled(op(1, 0, (spin, "-")), c["g"][k]),
                        scaled(op(0, 1, (spin, "+")), c["g"][k]),
                    ),
                    o,
                ),
                weight,
            )
        )
        if i != 99:
            lower, upper = op(0, 0, (spin, "-")), op(0, 0, (spin, "+"))
            z = op(0, 0, (spin, "z"))
            parts.append(dissipator(c["down"][k], lower, upper, o))
            parts.append(dissipator(c["up"][k], upper, lower, o))
            parts.append(dissipator(c["phi"][k] / 2, z, z, o))
    found = Counter()
    for (p, q, spins), value in added(*parts).items():
        found[p, q, tuple(sorted((k, letter) for (k, _), letter in spins))] += value
    return {m: v for m, v in found.items() if abs(v) > 1e-14}


def commutator(h, o):
    """i [h, o]."""
    return added(scaled(times(h, o), 1j), scaled(times(o, h), -1j))


CONSTANTS = {
    "N": (2, 1),
    "g": (0.7, -0.4),
    "D": (0.3, -0.9),
    "Dc": 0.2,
    "kappa": 0.8,
    "nbar": 0.6,
    "down": (0.15, 0.1),
    "up": (0.05, 0.2),
    "phi": (0.25, 0.35),
}


def explicit(c, levels):
    """The same model as matrices: operators of the mode and of each spin, and the Liouvillian."""
    kinds = [k for k, n in enumerate(c["N"]) for _ in range(n)]
    dims = [levels] + [2] * len(kinds)

    def place(x, i):
        parts = [qt.qeye(d) for d in dims]
        parts[i] = x
        return qt.tensor(parts)

    a = place(qt.destroy(levels), 0)
    spins = [
        # basis (up, down), so that sigma_minus lowers
        {
            "-": place(qt.sigmam(), i + 1),
            "+": place(qt.sigmap(), i + 1),
            "z": place(qt.sigmaz(), i + 1),
        }
        for i in range(len(kinds))
    ]
    h = c["Dc"] * a.dag() * a
    jumps = [
        np.sqrt(c["kappa"] * (c["nbar"] + 1)) * a,
        np.sqrt(c["kappa"] * c["nbar"]) * a.dag(),
    ]
    for k, s in zip(kinds, spins, strict=True):
        h += c["D"][k] / 2 * s["z"] + c["g"][k] * (a.dag() * s["-"] + s["+"] * a)
        jumps += [np.sqrt(c["down"][k]) * s["-"], np.sqrt(c["up"][k]) * s["+"]]
        jumps += [np.sqrt(c["phi"][k] / 2) * s["z"]]
    return a, kinds, spins, qt.liouvillian(h, jumps)


def test_generator_against_an_explicit_liouvillian():
    c, levels = CONSTANTS, 8
    a, kinds, spins, liouvillian = explicit(c, levels)
    # a random state of few photons, symmetric under exchange of the two spins of class 0
    rng = np.random.default_rng(3)
    small = qt.Qobj(rng.standard_normal((24, 24)) + 1j * rng.standard_normal((24, 24)))
    small = (small * small.dag()).full().reshape(3, 2, 2, 2, 3, 2, 2, 2)
    small = small + small.transpose(0, 2, 1, 3, 4, 6, 5, 7)
    full = np.zeros((levels, 2, 2, 2, levels, 2, 2, 2), dtype=complex)
    full[:3, :, :, :, :3] = small
    rho = qt.Qobj(full.reshape(levels * 8, -1), dims=[[levels, 2, 2, 2]] * 2).unit()
    rate = qt.vector_to_operator(liouvillian * qt.operator_to_vector(rho))

    def mean(state, monomial):
        p, q, letters = monomial
        x, free = a.dag() ** p * a**q, list(range(len(kinds)))
        for k, letter in letters:
            i = next(i for i in free if kinds[i] == k)
            free.remove(i)
            x = x * spins[i][letter]
        return (x * state).tr()

    for monomial in [
        (1, 1, ()),
        (0, 0, ((0, "z"),)),
        (1, 0, ((0, "-"),)),
        (0, 0, ((0, "+"), (0, "-"))),
        (0, 0, ((0, "+"), (1, "-"))),
        (2, 1, ((0, "-"), (0, "z"), (1, "z"))),
    ]:
        found = sum(v * mean(rho, m) for m, v in derivative(*monomial, c).items())
        # rounding of 64 x 64 matrices of norm 1 under rates of order 1
        np.testing.assert_allclose(found, mean(rate, monomial), atol=1e-12)


def test_untruncated_hierarchy_of_a_small_system_with_local_noise():
    # without thermal noise the excitations only fall: a^q = 0 beyond them, and the set closes
    c = CONSTANTS | {"N": (1, 2), "nbar": 0.0, "up": (0.0, 0.0)}
    excitations, known, todo = 2, {}, [(0, 0, ((0, "z"),))]
    while todo:
        monomial = todo.pop()
        if monomial in known or monomial == ONE:
            continue
        found = derivative(*monomial, c)
        known[monomial] = {m: v for m, v in found.items() if max(m[:2]) <= excitations}
        todo += known[monomial]
    order = {m: i for i, m in enumerate([ONE, *known])}
    matrix = np.zeros((len(order), len(order)), dtype=complex)
    for m, row in known.items():
        for other, v in row.items():
            matrix[order[m], order[other]] = v
    start = np.array(
        [
            float(p == q == 0 and all(s == "z" for _, s in letters))
            * np.prod([-1.0 if k == 0 else 1.0 for k, _ in letters])
            for p, q, letters in order
        ]
    )
    # battery (class 0) down, chargers (class 1) up
    _, kinds, spins, liouvillian = explicit(c, excitations + 1)
    up, down = qt.basis(2, 0), qt.basis(2, 1)
    ket = qt.tensor([qt.basis(excitations + 1, 0), down, up, up])
    v = qt.operator_to_vector(qt.ket2dm(ket)).full().ravel()
    L, z = liouvillian.full(), qt.operator_to_vector(spins[0]["z"]).full().ravel().conj()
    assert kinds == [0, 1, 1]
    for time in (0.5, 2.0, 6.0):
        found = (expm(matrix * time) @ start)[order[0, 0, ((0, "z"),)]]
        # two matrix exponentials of norm 10
        np.testing.assert_allclose(found, z @ expm(L * time) @ v, atol=1e-10)


def truncated(monomial, mean):
    """A moment by moments of at most two operators, third and higher cumulants being zero.

    Only phase-invariant moments differ from zero, and single operators only for "z".
    """
    p, q, letters = monomial
    parts = [(1, 0, ())] * p + [(0, 1, ())] * q + [(0, 0, (s,)) for s in letters]
    if len(parts) <= 2:
        return mean(monomial)
    assert len(parts) == 3
    found = 0.0
    joined = lambda x, y: (x[0] + y[0], x[1] + y[1], tuple(sorted(x[2] + y[2])))  # noqa: E731
    for pair in combinations(range(3), 2):
        (rest,) = set(range(3)) - set(pair)
        found += mean(joined(parts[pair[0]], parts[pair[1]])) * mean(parts[rest])
    return found - 2.0 * np.prod([mean(part) for part in parts])


def random_problem(rng, eliminated=False):
    N = np.array([2.0, 3.0, 4.0])
    M, total = N.size, N.sum()
    g, D = rng.uniform(0.2, 1.0, M), rng.normal(size=M)
    up, down, phi = (rng.uniform(0.1, 0.4, M) for _ in range(3))
    constants = {
        "N": N, "g": g, "D": D, "Dc": 0.4, "kappa": 0.9, "nbar": 0.7,
        "up": up, "down": down, "phi": phi,
    }  # fmt: skip
    p = Coefficients(
        N / total, g * np.sqrt(total), D, phi + (up + down) / 2, up + down, up - down,
        total, 0.9, 0.7, 0.4, eliminated,
    )  # fmt: skip
    return constants, p, rng.normal(size=Z + 3 * M + M * (M + 1))


def test_right_hand_side_against_the_generated_hierarchy():
    c, p, y = random_problem(np.random.default_rng(5))
    M, root = 3, np.sqrt(p.total)
    upper = np.triu_indices(M)
    C = np.zeros((M, M), dtype=complex)
    pairs = M * (M + 1) // 2
    y[Z + 3 * M + pairs :][upper[0] == upper[1]] = 0.0  # C_kk is real
    C[upper] = y[Z + 3 * M : Z + 3 * M + pairs] + 1j * y[Z + 3 * M + pairs :]
    C.T[upper] = C[upper].conj()
    n, z = p.total * y[PHOTONS], y[Z : Z + M]
    A = root * (y[Z + M : Z + 2 * M] + 1j * y[Z + 2 * M : Z + 3 * M])

    def mean(monomial):
        p, q, letters = monomial
        match (p, q, tuple(letter for _, letter in letters)):
            case (0, 0, ()):
                return 1.0
            case (1, 1, ()):
                return n
            case (0, 0, ("z",)):
                return z[letters[0][0]]
            case (1, 0, ("-",)):
                return A[letters[0][0]]
            case (0, 1, ("+",)):
                return A[letters[0][0]].conj()
            case (0, 0, ("+", "-")):
                return C[letters[0][0], letters[1][0]]
            case (0, 0, ("-", "+")):
                return C[letters[1][0], letters[0][0]]
        # what is left breaks the phase invariance, or is <zz>, which the closure must not need
        assert p - q + sum({"+": 1, "-": -1}.get(s, 0) for _, s in letters), monomial
        return 0.0

    def expected(*monomial):
        return sum(v * truncated(m, mean) for m, v in derivative(*monomial, c).items())

    out = np.empty_like(y)
    second_order(y, p, out)
    # sums of some twenty terms of order 10
    close = {"rtol": 1e-13, "atol": 1e-13}
    np.testing.assert_allclose(p.total * out[PHOTONS], expected(1, 1, ()), **close)
    for k in range(M):
        np.testing.assert_allclose(out[Z + k], expected(0, 0, ((k, "z"),)), **close)
        found = root * (out[Z + M + k] + 1j * out[Z + 2 * M + k])
        np.testing.assert_allclose(found, expected(1, 0, ((k, "-"),)), **close)
    for i, (k, l) in enumerate(zip(*upper, strict=True)):  # noqa: E741
        found = out[Z + 3 * M + i] + 1j * out[Z + 3 * M + pairs + i]
        np.testing.assert_allclose(found, expected(0, 0, ((k, "+"), (l, "-"))), **close)
    np.testing.assert_allclose(out[LEFT], p.kappa * y[PHOTONS], rtol=1e-15)
    local = (c["up"] * (1 - z) - c["down"] * (1 + z)) / 2
    np.testing.assert_allclose(out[SUPPLIED], p.share @ local, rtol=1e-13)


LETTERS = {"x": {"-": 1.0, "+": 1.0}, "y": {"-": 1j, "+": -1j}, "z": {"z": 1.0}}
"""Pauli matrices by lowering and raising: sigma^- = (x - iy)/2."""


@pytest.mark.parametrize("eliminated", [False])
def test_right_hand_side_with_a_phase_against_the_generated_hierarchy(eliminated):
    rng = np.random.default_rng(7)
    constants, p, _ = random_problem(rng, eliminated)
    M, N = 3, p.total
    y = rng.normal(size=covariances.parts(M)[3].stop)
    b, f, phi, c = (y[part] for part in covariances.parts(M))
    b, f, c = b.reshape(3, M), f.reshape(2, 3, M), c.reshape(3, 3, -1)
    pairs = list(zip(*np.triu_indices(M), strict=True))
    for i, (k, el) in enumerate(pairs):  # two spins of a class can be exchanged
        if k == el:
            c[:, :, i] = 0.5 * (c[:, :, i] + c[:, :, i].T)
    alpha = np.sqrt(N) * (y[2] + 1j * y[3])
    index = dict(zip("xyz", range(3), strict=True))

    def spin(k, letter):
        # sigma^- and sigma^+ as rows of x, y, z
        return {"-": np.array([0.5, -0.5j, 0.0]), "+": np.array([0.5, 0.5j, 0.0]),
                "z": np.array([0.0, 0.0, 1.0])}[letter]  # fmt: skip

    def cov(k, el):
        i = pairs.index((min(k, el), max(k, el)))
        return c[:, :, i] if k <= el else c[:, :, i].T

    def mean(monomial):
        up, down, letters = monomial
        field = [np.sqrt(N) * np.array([1.0, -1j])] * up + [np.sqrt(N) * np.array([1.0, 1j])] * down
        values = [alpha.conj()] * up + [alpha] * down
        spins = [(k, spin(k, letter)) for k, letter in letters]
        values += [row @ b[:, k] for k, row in spins]
        covariance = 0.0
        match len(field), len(spins):
            case 2, 0:
                matrix = np.array([[phi[0], phi[1]], [phi[1], phi[2]]])
                covariance = field[0] @ matrix @ field[1]
            case 1, 1:
                covariance = field[0] @ f[:, :, spins[0][0]] @ spins[0][1]
            case 0, 2:
                (k, one), (el, two) = spins
                covariance = one @ cov(k, el) @ two
        return np.prod(values) + covariance

    def rate(*monomial):
        """Of a moment of normal order."""
        return sum(v * truncated(m, mean) for m, v in derivative(*monomial, constants).items())

    out = np.empty_like(y)
    covariances.phased(y, 0.3 - 0.4j, p, out)
    db, df, dphi, dc = (out[part] for part in covariances.parts(M))
    db, df, dc = db.reshape(3, M), df.reshape(2, 3, M), dc.reshape(3, 3, -1)
    close = {"rtol": 1e-12, "atol": 1e-12}  # sums of some hundred terms of order 10
    drive = -1j * (0.3 - 0.4j) * np.sqrt(N)
    dalpha = rate(0, 1, ()) + drive
    np.testing.assert_allclose(np.sqrt(N) * (out[2] + 1j * out[3]), dalpha, **close)
    means = [[sum(v * rate(0, 0, ((k, s),)) for s, v in LETTERS[a].items()) for k in range(M)]
             for a in "xyz"]  # fmt: skip
    np.testing.assert_allclose(db, means, **close)
    # <aa> and <a+ a> turn with the drive; covariances do not
    free = rate(0, 1, ())
    two = (rate(0, 2, ()) - 2.0 * alpha * free) / N
    photons = (rate(1, 1, ()) - 2.0 * (alpha.conj() * free).real) / N
    np.testing.assert_allclose(dphi[0] - dphi[2] + 2j * dphi[1], two, **close)
    np.testing.assert_allclose(dphi[0] + dphi[2], photons, **close)
    for k in range(M):
        for a in "xyz":
            value = sum(v * rate(0, 1, ((k, s),)) for s, v in LETTERS[a].items())
            value -= free * b[index[a], k] + alpha * means[index[a]][k]
            found = np.sqrt(N) * (df[0, index[a], k] + 1j * df[1, index[a], k])
            np.testing.assert_allclose(found, value, **close)
    for i, (k, el) in enumerate(pairs):
        for a in "xyz":
            for e in "xyz":
                value = sum(
                    v * w * rate(0, 0, tuple(sorted(((k, s), (el, t)))))
                    for s, v in LETTERS[a].items()
                    for t, w in LETTERS[e].items()
                )
                value -= means[index[a]][k] * b[index[e], el] + b[index[a], k] * means[index[e]][el]
                np.testing.assert_allclose(dc[index[a], index[e], i], value, **close)
    np.testing.assert_allclose(out[LEFT], p.kappa * mean((1, 1, ())).real / N, **close)
