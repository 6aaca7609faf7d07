"""The paper under mpirun: the same bytes, and its peaks spread over ranks."""

import hashlib
import subprocess

import pytest

from tests.mpi.launch import ENVIRONMENT, command, needs_mpi


@needs_mpi
@pytest.mark.long
def test_a_figure_is_the_same_bytes_on_any_number_of_ranks(tmp_path):
    digests = set()
    for ranks in (1, 2):
        answer = subprocess.run(
            command(ranks, "paper", "--figure", 2, "--out", f"out{ranks}"),
            cwd=tmp_path,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout.count(" s on ") == 1  # only rank 0 speaks
        digest = hashlib.sha256()
        written = sorted(p for p in (tmp_path / f"out{ranks}").rglob("*.*") if p.suffix != ".json")
        for path in written:
            digest.update(path.read_bytes())
        assert len(written) == 14  # a drawing twice, six panels twice
        digests.add(digest.hexdigest())
    assert len(digests) == 1
