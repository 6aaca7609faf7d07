import pytest

from tests.cluster.nodes import Cluster


@pytest.fixture(scope="package")
def cluster(tmp_path_factory):
    """Two nodes, up as long as this folder's tests run."""
    folder = tmp_path_factory.mktemp("cluster")
    folder.parent.chmod(0o755)
    made = Cluster(folder)
    up = made.order("up", 2)
    assert up.returncode == 0, up.stderr
    yield made
    made.order("down")
