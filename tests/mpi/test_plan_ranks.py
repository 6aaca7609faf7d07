"""A plan with a small map under mpirun: the same bytes as on one rank; one refusal for all."""

from tests.mpi.launch import needs_mpi, run
from tests.runs.test_plan import FAST

VARY = ("--vary", "ratio=0.5:5:3", "--vary", "temperature_k=0.01:1:3")


@needs_mpi
def test_a_plan_is_the_same_for_any_ranks(tmp_path):
    (tmp_path / "fast.toml").write_text(FAST)
    for ranks in (0, 2):
        answer = run(ranks, "plan", "fast.toml", *VARY, "--out", f"out{ranks}", cwd=tmp_path)
        assert answer.returncode == 0, answer.stderr
        # rank 0 alone speaks
        assert answer.stdout.count("limits most") == 1
    names = sorted(p.name for p in (tmp_path / "out0").glob("*.parquet"))
    assert names == [
        "curves.parquet",
        "map.parquet",
        "sensitivities.parquet",
        "summary.parquet",
    ]
    for name in names:
        assert (tmp_path / "out0" / name).read_bytes() == (tmp_path / "out2" / name).read_bytes()


@needs_mpi
def test_refusals_leave_no_rank_waiting(tmp_path):
    (tmp_path / "fast.toml").write_text(FAST)
    answer = run(2, "plan", "fast.toml", "--vary", "inversion=0.5:2:3", cwd=tmp_path)
    assert answer.returncode == 2
    lines = [line for line in answer.stderr.splitlines() if line.startswith("darkbattery:")]
    assert len(lines) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fast.toml"]
