"""The semiclassical engine and its peers on the same equations, each with its best options.

- scipy: DOP853 on the second-order equations as one would write them, on full complex matrices in
  numpy; a relative tolerance of 1e-6, and an absolute one that moments of order 1/N do not reach.
- XMDS2 (Debian package xmds2; Dennis, Hope and Johnsson 2013): the truncated Wigner equations of
  two classes and a lossy mode in real components, its semi-implicit algorithm (SI, which its manual
  advises for stochastic equations), solirte's random numbers (the fastest of those it was tried
  with), auto_vectorise, the field's decay as a constant ip operator, no error check. Its generated
  program is compiled before the clock starts. Once as its multi-path driver runs it, once with 64
  paths side by side as a transverse dimension, which the compiler can vectorise.
"""

import math
import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from contest import Answer, Contender, NotInstalledError, Ready, our_sample, sampled
from scipy.integrate import solve_ivp

from darkbattery import meanfield
from darkbattery.meanfield.classes.moments import BATTERY, CHARGER, System, system_of
from darkbattery.nvmodel import QGaussian, Resonator, ResonatorBattery, SpinEnsemble

SPINS = 10**16
MHZ = 2.0 * math.pi * 1e6
ENERGIES = ("battery_energy", "charger_energy")
BURST = np.linspace(0.0, 5e-6, 101)  # s
FEW_SPINS, FEW_BURST = 6000, np.linspace(0.0, 1e-6, 101)


def nv(width_hz: float = 5e6, t2_s: float = 1e-6, spins: int = SPINS) -> ResonatorBattery:
    """NV-like numbers: kappa/2pi = 13.8 MHz, g sqrt(N)/2pi = 7 MHz, R = 5."""
    line = QGaussian(width_hz, q=1.39) if width_hz else None
    charger = SpinEnsemble(spins, coupling=7.0 * MHZ / math.sqrt(spins), t2_s=t2_s, line=line)
    return ResonatorBattery(
        battery=replace(charger, number=spins // 6),
        charger=replace(charger, number=spins - spins // 6),
        resonator=Resonator(frequency_hz=2.87e9, linewidth_fwhm_hz=13.8e6),
    )


def lossless_spins(spins: int = SPINS) -> ResonatorBattery:
    """Two equal classes without a line, decoherence or relaxation, at a lossy mode."""
    return nv(width_hz=0.0, t2_s=math.inf, spins=spins)


def dense_rhs(system: System):
    """The second-order equations on full complex matrices, and their start."""
    f, G, D = system.share, system.scaled_coupling, system.detuning
    gamma, total, kappa = system.decoherence, system.total, system.kappa
    M = f.size

    def rhs(time: float, y):
        n, z, A = y[0].real, y[1 : M + 1].real, y[M + 1 : 2 * M + 1]
        C = y[2 * M + 1 :].reshape(M, M)
        own = 0.5 * (1.0 + z) - np.diag(C)
        push = C.T @ (f * G) + G * own / total + G * n * z
        dA = (1j * (system.field_detuning - D) - kappa / 2 - gamma) * A + 1j * push
        dC = (1j * (D[:, None] - D) - gamma[:, None] - gamma) * C
        dC += -1j * np.outer(G * z, A) + 1j * np.outer(A.conj(), G * z)
        dn = -kappa * (n - system.nbar / total) + 2.0 * (f * G) @ A.imag
        return np.concatenate([[dn], -4.0 * G * A.imag, dA, dC.ravel()])

    start = np.zeros(1 + 2 * M + M * M, dtype=complex)
    start[1 : M + 1] = system.start
    return rhs, start


def our_second_order(classes: int) -> Ready:
    """`evolve`, without its check by half the classes: the system is given."""
    system = system_of(nv(), classes)
    return Ready(
        1,
        lambda: meanfield.evolve(system, BURST, order=2, observables=ENERGIES),
        lambda found: Answer(np.array([found[name] for name in ENERGIES])),
    )


def scipy_second_order(classes: int) -> Ready:
    """DOP853 on dense complex matrices."""
    system = system_of(nv(), classes)
    rhs, start = dense_rhs(system)
    weights = np.array([system.of(BATTERY), system.of(CHARGER)])
    span, options = (BURST[0], BURST[-1]), {"rtol": 1e-6, "atol": 1e-30}
    return Ready(
        1,
        lambda: solve_ivp(rhs, span, start, method="DOP853", t_eval=BURST, **options),
        lambda found: Answer(0.5 + 0.5 * weights @ found.y[1 : weights.shape[1] + 1].real),
    )


def our_wigner(runs: int) -> Ready:
    """`sample` of all that it has."""
    model = lossless_spins(FEW_SPINS)
    return our_sample(lambda: meanfield.sample(model, FEW_BURST, runs, seed=1), ENERGIES, runs)


def xmds_wigner(runs: int, lanes: int) -> Ready:
    """XMDS2's program with as many steps as `sample` takes."""
    model = lossless_spins(FEW_SPINS)
    steps = meanfield.sample(model, FEW_BURST, 1, seed=1).provenance["steps"]
    program = XmdsProgram(system_of(model, 1), FEW_BURST, steps, runs, lanes)
    return Ready(runs, program.run, lambda _: program.answer())


# the unit of time is the last output time; G is scaled as in meanfield.paths.paths
XMDS = """<?xml version="1.0" encoding="UTF-8"?>
<simulation xmds-version="2">
  <name>peer</name>
  <features><auto_vectorise/><globals><![CDATA[
    const real kappa = {kappa:.17g}, G = {coupling:.17g};
    const real fb = {share_b:.17g}, fc = {share_c:.17g};
    const real noise = {noise:.17g}, start = {start:.17g};
    const real wide_b = {wide_b:.17g}, wide_c = {wide_c:.17g};
  ]]></globals></features>
  <driver name="multi-path" paths="{paths}"/>
  <geometry><propagation_dimension>t</propagation_dimension>{transverse}</geometry>
  <noise_vector name="driving" kind="wiener" method="solirte" type="real"
      dimensions="{dimension}" seed="1 2 3"><components>n1 n2</components></noise_vector>
  <noise_vector name="starting" kind="gaussian" method="solirte" type="real"
      dimensions="{dimension}" seed="4 5 6"><components>s1 s2 s3 s4 s5 s6</components>
  </noise_vector>
  <vector name="state" type="real" dimensions="{dimension}">
    <components>ar ai xb yb zb xc yc zc</components>
    <initialisation><dependencies>starting</dependencies><![CDATA[
      ar = start*s1; ai = start*s2;
      xb = wide_b*s3; yb = wide_b*s4; zb = -1.0; xc = wide_c*s5; yc = wide_c*s6; zc = 1.0;
    ]]></initialisation></vector>
  <sequence><integrate algorithm="SI" interval="1.0" steps="{steps}">
    <samples>{samples}</samples>
    <operators>
      <operator kind="ip" constant="yes" type="real"><operator_names>L</operator_names>
        <![CDATA[ L = -0.5*kappa; ]]></operator>
      <integration_vectors>state</integration_vectors>
      <dependencies>driving</dependencies><![CDATA[
        dar_dt = L[ar] - 0.5*G*(fb*yb + fc*yc) + noise*n1;
        dai_dt = L[ai] - 0.5*G*(fb*xb + fc*xc) + noise*n2;
        dxb_dt = -2.0*G*ai*zb; dyb_dt = -2.0*G*ar*zb; dzb_dt = 2.0*G*(ar*yb + ai*xb);
        dxc_dt = -2.0*G*ai*zc; dyc_dt = -2.0*G*ar*zc; dzc_dt = 2.0*G*(ar*yc + ai*xc);
      ]]></operators></integrate></sequence>
  <output format="ascii"><sampling_group basis="{sampled}" initial_sample="yes">
    <moments>eb ec</moments><dependencies>state</dependencies>
    <![CDATA[ eb = (0.5 + 0.5*zb)/{lanes}.0; ec = (0.5 + 0.5*zc)/{lanes}.0; ]]>
  </sampling_group></output>
</simulation>
"""


class XmdsProgram:
    """XMDS2's compiled program for two fully polarised classes at a lossy mode at T = 0.

    `lanes` paths lie side by side in a transverse dimension; `times` are equally spaced from 0.
    """

    def __init__(self, system: System, times, steps: int, runs: int, lanes: int = 1):
        if shutil.which("xmds2") is None:
            raise NotInstalledError("xmds2")
        unit, abreast = float(times[-1]), lanes > 1
        text = XMDS.format(
            kappa=system.kappa * unit,
            coupling=float(system.scaled_coupling[0]) * unit,
            share_b=float(system.share[0]),
            share_c=float(system.share[1]),
            # of each quadrature: <|d xi|^2> = kappa dt/(2 N), <|alpha|^2> = 1/(2 N)
            noise=math.sqrt(system.kappa * unit / 4.0 / system.total),
            start=math.sqrt(0.25 / system.total),
            wide_b=float(system.number[0] ** -0.5),
            wide_c=float(system.number[1] ** -0.5),
            paths=runs // lanes,
            lanes=lanes,
            steps=steps,
            samples=len(times) - 1,
            dimension="lane" if abreast else "",
            sampled="lane(0)" if abreast else "",
            transverse='<transverse_dimensions><dimension name="lane" type="integer" '
            f'lattice="{lanes}" domain="(0,{lanes - 1})"/></transverse_dimensions>'
            if abreast
            else "",
        )
        self.runs, self.samples = runs, len(times)
        self.folder = tempfile.TemporaryDirectory()
        Path(self.folder.name, "peer.xmds").write_text(text)
        self._call("xmds2", "peer.xmds")

    def run(self) -> None:
        """Run the compiled program, which writes its means into a file."""
        self._call("./peer")

    def answer(self) -> Answer:
        """Both energies from the file of the last run: time, two means, two standard errors."""
        text = Path(self.folder.name, "peer.xsil").read_text()
        stream = re.findall(r'Delimiter=" \\n"/>\n(.*?)</Stream>', text, re.DOTALL)[-1]
        table = np.array(stream.split(), dtype=float).reshape(self.samples, 5).T
        return sampled(table[1:3], table[3:5] * math.sqrt(self.runs), self.runs)

    def _call(self, *command: str) -> None:
        found = subprocess.run(command, cwd=self.folder.name, capture_output=True, text=True)
        if found.returncode:
            raise RuntimeError(f"{command[0]} ends with {found.returncode}: {found.stderr[-500:]}")


def second_order_of(classes: int) -> list[Contender]:
    """Second-order averages of a burst of 1e16 spins with a line, so many classes each."""
    return [
        Contender("darkbattery evolve", lambda: our_second_order(classes)),
        Contender("scipy DOP853", lambda: scipy_second_order(classes)),
    ]


def wigner_of(runs: int) -> list[Contender]:
    """Truncated Wigner runs of 6,000 spins in two classes at a lossy mode, as many of each."""
    return [
        Contender("darkbattery sample", lambda: our_wigner(runs)),
        Contender("XMDS2", lambda: xmds_wigner(runs, lanes=1)),
        Contender("XMDS2, 64 abreast", lambda: xmds_wigner(runs, lanes=64)),
    ]
