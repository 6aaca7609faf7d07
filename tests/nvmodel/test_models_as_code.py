"""What models and answers say of themselves, and how they are taken apart again."""

import dataclasses
import math
import pkgutil
import sys
from collections.abc import Mapping
from importlib import import_module

import numpy as np
import pytest

from darkbattery import meanfield, nvmodel, runs, trajectories
from darkbattery.nvmodel import (
    CollectiveBattery,
    DickeBattery,
    DickeState,
    Drive,
    Gaussian,
    InputError,
    LocalNoise,
    Multiplet,
    Polarised,
    Pulse,
    QGaussian,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
)

PLAIN = CollectiveBattery(10, 50)
NOISY = CollectiveBattery(
    n_battery=np.int64(4),
    ratio=np.float64(1.5),
    temperature=np.float64(0.5),
    gamma=np.float64(2.0),
    battery_start=Polarised(np.float64(0.25)),
    charger_start=DickeState(3),
    battery_noise=LocalNoise(dephasing=np.float64(0.1)),
    protocol=[Stage(np.float64(1.0)), Pulse(1.0, name="pulse"), Stage(math.inf, "none")],
)
SPINS = SpinEnsemble(number=10, coupling=np.float64(2.0), t1_s=1e-3, line=QGaussian(5e6, 1.39))
CAVITY = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=1e6, temperature_k=0.1)
AT_CAVITY = ResonatorBattery(
    charger=SPINS,
    resonator=CAVITY,
    battery=SpinEnsemble(5, 1.0, line=Multiplet(Gaussian(1e6), (-1e6, 1e6), (0.5, 0.5))),
    drive=Drive(amplitude=1.0, duration_s=1e-6),
)
SEQUENCE = ResonatorBattery(
    charger=SpinEnsemble(number=10, coupling=2.0, polarisation=-0.9),
    resonator=CAVITY,
    battery=SPINS,
    charger_detuning_hz=6e7,
    protocol=[
        Pulse(rotate_charger=math.pi, axis=np.float64(0.5), rotation_error=0.01, name="invert"),
        Stage(1e-6, battery_detuning=0.0, rise=np.float64(1e-7), rise_shape="linear"),
        Stage(2e-6, drives=[Drive(1.0, 1e-7)], charger_noise=LocalNoise(emission=3.0)),
    ],
)
MODELS = (PLAIN, NOISY, AT_CAVITY, SEQUENCE, DickeBattery(n_battery=2, coupling=np.float64(0.1)))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_a_models_repr_is_the_code_that_makes_it(model):
    text = repr(model)
    assert eval(text, {name: getattr(nvmodel, name) for name in nvmodel.__all__}) == model
    assert "np." not in text
    assert "None" not in text
    if hasattr(model, "_repr_html_"):
        assert "np." not in model._repr_html_()


def test_a_model_says_what_was_given_and_no_more():
    assert repr(PLAIN) == "CollectiveBattery(n_battery=10, n_charger=50)"
    assert "nbar" not in repr(NOISY)  # its temperature was given
    assert "t2_s" not in repr(SPINS)  # is 2 T1
    assert "nbar=0.5" in repr(CollectiveBattery(1, 2, nbar=0.5))


@pytest.mark.parametrize(
    "battery",
    [
        PLAIN,
        CollectiveBattery(10, 50, nbar=0.5),
        CollectiveBattery(10, 50, nbar=0.0),
        CollectiveBattery(10, 50, temperature=0.5),
    ],
    ids=repr,
)
def test_nbar_and_temperature_replace_each_other(battery):
    hot = dataclasses.replace(battery, temperature=1.0)
    assert hot == CollectiveBattery(10, 50, temperature=1.0)
    assert dataclasses.replace(hot, nbar=0.25) == CollectiveBattery(10, 50, nbar=0.25)
    assert dataclasses.replace(hot, gamma=2.0).nbar == hot.nbar
    with pytest.raises(InputError, match="not both"):
        CollectiveBattery(10, 50, nbar=0.25, temperature=1.0)


def test_every_field_of_every_model_can_be_replaced():
    for model in (*MODELS, SPINS, CAVITY):
        for field in dataclasses.fields(model):
            same = dataclasses.replace(model, **{field.name: getattr(model, field.name)})
            assert same == model
            assert repr(same) == repr(model)
    half = dataclasses.replace(CAVITY, linewidth_hwhm_hz=5e5)
    assert half.linewidth_fwhm_hz is None
    assert half.kappa == CAVITY.kappa
    # T2 that was never given follows T1
    assert dataclasses.replace(SPINS, t1_s=1e-6).t2_s == 2e-6
    assert type(NOISY.occupation) is float


def test_ratio_instead_of_the_chargers_number():
    assert CollectiveBattery(n_battery=10, ratio=5) == PLAIN
    assert CollectiveBattery(n_battery=100, ratio=0.57).n_charger == 57
    assert dataclasses.replace(PLAIN, n_charger=None, ratio=2).n_charger == 20
    for fields, reason in (
        ({"n_battery": 10, "ratio": 0.55}, "ratio = 0.55: times n_battery = 10 must be whole"),
        ({"n_battery": 10, "n_charger": 7, "ratio": 5}, "give n_charger or ratio, not both"),
        ({"n_battery": 10}, "n_charger = None: must be given, or ratio"),
        ({"n_battery": 10, "ratio": -1}, "ratio = -1: must be a finite number > 0"),
    ):
        with pytest.raises(InputError, match=reason):
            CollectiveBattery(**fields)


ONE_RUN_EACH = {
    "evolve": lambda: trajectories.evolve(PLAIN, [0.0, 0.5]),
    "noisy evolve": lambda: trajectories.evolve(CollectiveBattery(2, 4, detuning=0.1), [0.5]),
    "sample": lambda: trajectories.sample(PLAIN, [0.0, 0.5], runs=100, seed=1),
    "noisy sample": lambda: trajectories.sample(
        CollectiveBattery(2, 4, detuning=0.1), [0.5], runs=10, seed=1
    ),
    "steady": lambda: trajectories.steady_state(PLAIN),
    "cumulants": lambda: meanfield.evolve(PLAIN, [0.0, 0.5]),
    "delays": lambda: meanfield.delay_average(PLAIN, [0.0, 0.5]),
    "wigner": lambda: meanfield.sample(PLAIN, [0.0, 0.5], runs=100, seed=1),
}


@pytest.mark.parametrize("made", ONE_RUN_EACH.values(), ids=ONE_RUN_EACH)
def test_an_answer_is_a_mapping_that_knows_its_model(made):
    answer = made()
    assert isinstance(answer.model, CollectiveBattery)
    assert isinstance(answer, Mapping)
    assert "battery_energy" in answer
    assert "nonsense" not in answer
    assert list(answer) == list(answer.keys()) == list(answer.values)
    assert len(answer) == len(list(answer.values())) == len(dict(answer.items()))
    assert answer.get("log_negativity") is None
    text = str(answer)
    assert repr(answer.model) in text
    assert all(name in text for name in answer)
    assert "np." not in text + repr(answer) + answer._repr_html_()
    # one answer is one answer, whatever its numbers
    assert answer != made()
    assert len({answer, answer}) == 1


def test_text_and_html_have_value_error_and_unit():
    battery = CollectiveBattery(n_battery=10, n_charger=50)
    single = trajectories.sample(battery, [0.0, 0.1, 0.5], runs=400, seed=1)
    value = nvmodel.numbers.with_error(
        float(single["battery_energy"][-1]), float(single.errors["battery_energy"][-1])
    )
    lines = str(single).splitlines()
    assert lines[0] == "400 single runs of CollectiveBattery(n_battery=10, n_charger=50)"
    assert lines[1] == "3 times, γt = 0 to 0.5"
    line = next(line for line in lines if line.startswith("battery_energy"))
    assert line.split() == ["battery_energy", value, "ħω"]
    assert f"<td>{value}</td><td>ħω</td>" in single._repr_html_()
    merged = single.merge(trajectories.sample(battery, [0.0, 0.1, 0.5], 100, seed=1, first=400))
    assert merged.model == battery


def test_nothing_is_drawn_of_rounding():
    late = trajectories.evolve(PLAIN, [10.0, 11.0, 12.0])  # all photons are out
    assert "<svg" not in late._repr_html_()
    assert "<svg" in trajectories.evolve(PLAIN, [0.0, 0.1, 0.2])._repr_html_()
    ended = trajectories.evolve(PLAIN, [0.1, 40.0], ["power"])
    assert 0.0 < abs(ended["power"][-1]) < 1e-20  # rounding of 8
    assert str(ended).splitlines()[-1].split() == ["power", "0", "ħωγ"]


def test_what_was_not_computed_is_named_so():
    answer = trajectories.evolve(PLAIN, [0.5])
    with pytest.raises(InputError, match="'log_negativity': not computed: add it to observables"):
        answer["log_negativity"]
    with pytest.raises(KeyError, match="did you mean 'log_negativity'"):
        answer["log_negativty"]


def test_parameters_are_columns():
    frames = [
        trajectories.evolve(CollectiveBattery(2, ratio=ratio), [0.5]).to_dataframe(["ratio"])
        for ratio in (2, 5)
    ]
    assert [frame["ratio"].unique().tolist() for frame in frames] == [[2.0], [5.0]]
    assert list(frames[0].columns) == ["ratio", "time", "observable", "value", "error"]
    single = trajectories.sample(PLAIN, [0.5], runs=2, seed=1)
    for no_list in ("ratio", 5):
        with pytest.raises(InputError, match=f"parameters = {no_list!r}: must be a list of names"):
            single.to_dataframe(no_list)
    with pytest.raises(InputError, match="merge = 5: only single runs can be merged"):
        single.merge(5)
    with pytest.raises(InputError, match="parameters = 'rato': is no attribute"):
        trajectories.evolve(PLAIN, [0.5]).to_dataframe(["rato"])


def test_xarray_has_units_errors_and_the_model(monkeypatch):
    pytest.importorskip("xarray")
    single = trajectories.sample(PLAIN, [0.0, 0.5], runs=100, seed=1)
    found = single.to_xarray()
    assert found["power"].attrs["units"] == "ħωγ"
    assert (found["power"].to_numpy() == single["power"]).all()
    assert (found["power_error"].to_numpy() == single.errors["power"]).all()
    assert found.attrs["model"] == repr(PLAIN)
    assert found.attrs["runs"] == "100"
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(InputError, match=r"pip install \"darkbattery\[xarray\]\""):
        single.to_xarray()


def test_completion_offers_public_names_alone():
    packages = [nvmodel, trajectories, meanfield, import_module("darkbattery.trajectories.qutip")]
    for package in (nvmodel, trajectories, meanfield, runs):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.ispkg:
                packages.append(import_module(found.name))
    for package in packages:
        own = [name for name in dir(package) if not name.startswith("__")]
        public = getattr(package, "__all__", None)
        if public is None:  # nothing but files
            assert all(f"{package.__name__}.{name}" in sys.modules for name in own), (
                package.__name__
            )
        else:
            assert own == sorted(public), package.__name__
