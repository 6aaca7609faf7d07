"""A run as a story and as a film: Q on the sphere, pictures for each kind of record, refusals."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import qutip
from matplotlib.animation import FFMpegWriter
from PIL import Image

from darkbattery.nvmodel import CollectiveBattery, Detector, InputError
from darkbattery.runs.definitions.definition import parse_definition
from darkbattery.runs.results.store import Result
from darkbattery.runs.results.study import run_study
from darkbattery.runs.start.replay import Replay, replay
from darkbattery.runs.start.story import draw_story, film_writer, save_film, save_story
from darkbattery.trajectories import single_run
from darkbattery.trajectories.reading.husimi import azimuth_of, coherent_states, husimi
from tests.mpi import launch


def test_q_is_that_of_qutip():
    """QuTiP's spin_q_function, whose polar angle is from the state that is up."""
    rng = np.random.default_rng(3)
    a = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    rho = a @ a.conj().T / np.trace(a @ a.conj().T).real
    theta, phi = np.linspace(0.0, np.pi, 7), np.linspace(0.0, 2.0 * np.pi, 9)
    # QuTiP counts from up, and its states turn the other way about z
    exact, polar, azimuth = qutip.spin_q_function(qutip.Qobj(rho[::-1, ::-1]), theta, phi)
    found = husimi(rho, polar, azimuth)
    np.testing.assert_allclose(found * 4.0 * np.pi / 4.0, exact, atol=1e-12)


def test_q_is_a_density_on_the_sphere():
    rho = np.diag([0.1, 0.5, 0.4])
    theta, phi = np.meshgrid(np.linspace(0.0, np.pi, 401), np.linspace(0.0, 2 * np.pi, 5))
    found = husimi(rho, theta, phi)
    np.testing.assert_allclose(found[1:], found[:-1])  # no coherence: the same at all azimuths
    ring = 2.0 * np.pi * found[0] * np.sin(theta[0])
    # the trapezium rule of 400 steps
    assert np.trapezoid(ring, theta[0]) == pytest.approx(1.0, abs=1e-5)


def test_a_state_points_to_where_it_was_turned():
    pole = coherent_states(3, 1.2, -2.0)
    state = np.outer(pole, pole.conj())
    assert azimuth_of(state[None]) == pytest.approx(-2.0)
    at = husimi(state, [1.2, 1.0, 1.2], [-2.0, -2.0, -1.8])
    assert at.argmax() == 0
    assert azimuth_of(np.diag([0.2, 0.8])[None]) == 0.0


def _replayed(**model):
    definition = parse_definition(
        {
            "title": "told",
            "model": {"n_battery": 2, "n_charger": 6, **model},
            "run": {
                "method": "sample",
                "times": {"stop": 1.0, "points": 21},
                "observables": ["battery_energy"],
                "runs": 3,
                "seed": 4,
            },
        }
    )
    return replay(Result(run_study(definition), {}), 1, 0)


@pytest.mark.parametrize(
    ("model", "label"),
    [({}, "photons"), ({"detector": {"kind": "heterodyne"}}, "current")],
    ids=["photons", "heterodyne"],
)
def test_a_story_has_its_record_and_spheres(model, label):
    one = _replayed(**model)
    figure = draw_story(one, [0.0, 0.4, 1.0])
    assert figure.axes[0].get_ylabel().startswith(label)
    spheres = [axis for axis in figure.axes if axis.images]
    assert [axis.get_xlabel() for axis in spheres] == ["0", "0.4", "1"]
    plt.close(figure)
    with pytest.raises(InputError, match="--moment = 2"):
        draw_story(one, [2.0])
    # conditional states of the same run
    detector = Detector("heterodyne") if model else None
    battery = CollectiveBattery(2, 6, detector=detector)
    again = single_run(battery, one.states["time"], seed=4, run=1)
    levels = np.einsum("tkk->tk", one.battery).real
    np.testing.assert_allclose(levels, again.populations, atol=1e-12)


def test_a_battery_that_leaves_its_ladder_has_no_sphere(tmp_path):
    one = _replayed(battery_noise={"emission": 9.0, "pumping": 9.0})
    assert one.battery is None
    figure = draw_story(one)
    assert not [axis for axis in figure.axes if axis.images]
    plt.close(figure)
    with pytest.raises(InputError, match="stays on its symmetric ladder"):
        save_film(one, tmp_path / "run.gif")


def test_a_film_has_a_frame_an_output_time(tmp_path):
    one = _replayed()
    short = Replay(one.run, one.states[:4], one.jumps, one.drawn, one.axis, one.battery[:4])
    path = save_film(short, tmp_path / "films" / "run.gif")
    with Image.open(path) as film:
        assert film.n_frames == 4


@pytest.mark.parametrize(("name", "text"), [("run.avi", "must end in .gif or .mp4")])
def test_what_writes_no_film_is_refused(name, text, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=text):
        film_writer(tmp_path / name)
    monkeypatch.setattr("darkbattery.runs.start.story.FFMpegWriter.isAvailable", lambda: False)
    with pytest.raises(InputError, match="needs ffmpeg"):
        film_writer(tmp_path / "run.mp4")


@pytest.mark.skipif(not FFMpegWriter.isAvailable(), reason="needs ffmpeg")
def test_a_film_for_a_page_is_made_by_ffmpeg(tmp_path):
    one = _replayed()
    short = Replay(one.run, one.states[:3], one.jumps, one.drawn, one.axis, one.battery[:3])
    path = save_film(short, tmp_path / "run.mp4")
    assert path.read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize(
    ("order", "text"),
    [
        (("--moment", "5"), "--moment = 5.0: must be a number from 0 to 1"),
        (("--moment", "nan"), "--moment = nan"),
        (("--moment", "-1"), "--moment = -1.0"),
        (("--film", "some.toml/run.gif"), "can't be written"),
        (("--point", "1", "--moment", "0.5"), "it has no sphere else"),
        (("--point", "1", "--film", "run.gif"), "it has no sphere else"),
    ],
)
def test_pictures_that_are_not_there_are_refused_before_anything_is_written(order, text, told):
    refused = launch.here("replay", "some", "--run", "0", *order, cwd=told)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr.count("\n") == 1, refused.stderr
    assert text in refused.stderr
    assert not (told / "some" / "replay").exists()


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("told")
    (folder / "some.toml").write_text("""
title = "some"
[model]
n_battery = 2
n_charger = 6
battery_noise.dephasing = [0.0, 30.0]
[run]
method = "sample"
times = { stop = 1.0, points = 21 }
runs = 3
seed = 4
""")
    assert launch.here("run", "some.toml", "--out", "some", cwd=folder).returncode == 0
    return folder


def test_paths_of_truncated_wigner_have_no_story(tmp_path):
    one = _replayed()
    bare = Replay(0, one.states[["time", "battery_energy"]], one.jumps, one.drawn, one.axis)
    assert save_story(bare, (), tmp_path, "x") == []
