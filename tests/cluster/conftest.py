from functools import cache

import pytest

from tests.cluster import study
from tests.cluster.nodes import Cluster


@pytest.fixture(scope="package")
def cluster(tmp_path_factory):
    """Two nodes, up as long as this folder's tests run."""
    folder = tmp_path_factory.mktemp("cluster")
    folder.parent.chmod(0o755)
    made = Cluster(folder)
    try:
        up = made.order("up", 2)
        assert up.returncode == 0, up.stderr
        yield made
    finally:
        made.order("down")


@pytest.fixture(scope="package")
def plain(tmp_path_factory):
    """plain(runs): the bytes of a plain start of that many runs, made once."""
    folder = tmp_path_factory.mktemp("plain")
    return cache(lambda runs: study.plain(folder / str(runs), runs))
