import numpy as np
import pytest

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery, InputError
from darkbattery.runs.ranks.checkpoint import MAGIC, read_tallies, write_tallies

TIMES = [0.1, 0.4]


@pytest.fixture
def written(tmp_path):
    solutions = [
        trajectories.sample(CollectiveBattery(2, 10), TIMES, runs=50, seed=1, first=7),
        trajectories.sample(
            CollectiveBattery(2, 3, nbar=0.5), TIMES, runs=40, seed=1, observables=["ergotropy"]
        ),
        None,
    ]
    path = tmp_path / "tallies.bin"
    write_tallies(path, "study", solutions, [100, 200, 300])
    return path, solutions


def test_what_was_written_is_read(written):
    path, solutions = written
    kept = read_tallies(path, "study")
    assert kept[2] is None
    for entry, solution, goal in zip(kept, solutions[:2], (100, 200), strict=False):
        assert entry.goal == goal
        again = solution.with_counts(entry.spans, entry.arrays)
        assert again.runs == solution.runs
        for name in solution.values:
            assert np.array_equal(again[name], solution[name])
            assert np.array_equal(again.errors[name], solution.errors[name])
    assert [p.name for p in path.parent.iterdir()] == ["tallies.bin"]


def test_another_study_is_refused(written):
    with pytest.raises(InputError, match="another definition"):
        read_tallies(written[0], "other")


def test_tallies_of_a_version_with_other_runs_are_refused(written):
    """The same seed made other runs before: both may not be added up."""
    path, _ = written
    path.write_bytes(path.read_bytes().replace(MAGIC, b"darkbattery tallies 1\n", 1))
    with pytest.raises(InputError, match="has format '1', of a version that makes other runs"):
        read_tallies(path, "study")


def test_any_cut_and_any_flipped_byte_is_refused(written):
    """Every length is a cut, and every byte counts: none of 400 damages is read as a number."""
    path, _ = written
    content = path.read_bytes()
    rng = np.random.default_rng(4)
    for size in rng.integers(0, len(content), 200):
        path.write_bytes(content[:size])
        with pytest.raises(InputError):
            read_tallies(path, "study")
    for position in rng.integers(0, len(content), 200):
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(damaged))
        with pytest.raises(InputError):
            read_tallies(path, "study")


def test_counts_of_another_shape_are_refused(written):
    path, solutions = written
    kept = read_tallies(path, "study")
    with pytest.raises(InputError, match="must have the shape"):
        solutions[0].with_counts(kept[1].spans, kept[1].arrays)


def test_a_full_disk_leaves_the_old_file(written, monkeypatch):
    path, solutions = written
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_tallies(path, "study", solutions, [1, 2, 3])
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["tallies.bin"]
