"""A Slurm of two nodes on this machine, for tests; see cluster.sh."""

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("cluster.sh")
PAGE = Path(__file__).parents[2] / "docs" / "clusters.md"
NEEDED = ("slurmctld", "slurmd", "srun", "munged", "ip", "nsenter", "unshare")
OVER = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")
SMALL = ("--nodes=2", "--ntasks-per-node=1")  # a rank on each node
BIN = Path(sys.executable).parent
# for anything that ends at all: the machine may be busy with other work
PATIENCE_SECONDS = 900.0


def why_not():
    """What this machine lacks for a cluster; empty where there is nothing."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux"
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    tried = subprocess.run(["unshare", "--net", "true"], capture_output=True)
    return "" if tried.returncode == 0 else "no network namespaces here"


WHY_NOT = why_not()
on_nodes = [
    pytest.mark.cluster,
    pytest.mark.long,
    pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "there is a cluster"),
]


class Cluster:
    """Two nodes n1, n2 and ctl, from which jobs are submitted."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = os.environ | {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "PMIX_SECURITY_MODE": "native",  # the wheel's PMIx finds no munge
            "OMPI_MCA_btl": "tcp,self",  # the nodes share a kernel, but not their memory
        }

    @property
    def namespaces(self):
        """What the names of this cluster's network namespaces begin with."""
        return self.order("name").stdout.strip()

    def order(self, verb, *arguments):
        """One of cluster.sh's verbs."""
        command = ["bash", str(SCRIPT), verb, str(self.folder), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)

    @contextmanager
    def without(self, node):
        """Within the block the node has no power; jobs that had it are over, or wait."""
        self._ordered("kill", node)
        try:
            yield
        finally:
            self._ordered("boot", node)

    @contextmanager
    def cut(self, node):
        """Within the block the node's link is cut; its processes go on."""
        self._ordered("cut", node)
        try:
            yield
        finally:
            self._ordered("mend", node)

    def _ordered(self, verb, node):
        answer = self.order(verb, node)
        assert answer.returncode == 0, answer.stderr

    def on(self, node, *command, cwd, **environment):
        """Run a command in a node."""
        return subprocess.run(
            ["bash", str(SCRIPT), "on", str(self.folder), node, *map(str, command)],
            cwd=cwd,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )

    def submit(self, script, *options, cwd):
        """Submit a batch script; the job's number."""
        answer = self.on("ctl", "sbatch", "--parsable", *options, script, cwd=cwd)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.strip()

    def state(self, job, cwd):
        """What `scontrol show job` says, as a dictionary; of an array, its last task's."""
        answer = self.on("ctl", "scontrol", "show", "job", job, cwd=cwd)
        return dict(re.findall(r"(\w+)=(\S+)", answer.stdout))

    def until(self, come, job, cwd):
        """Wait for `come()`, while the job is not over."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not come():
            state = self.state(job, cwd)
            assert state["JobState"] not in OVER, self._said(state)
            assert time.monotonic() < end, self._said(state)
            time.sleep(0.1)

    def _said(self, state):
        """A job's state, and the end of what it printed."""
        log = Path(state.get("StdOut", ""))
        return state, log.read_text()[-4000:] if log.is_file() else ""

    def wait(self, job, cwd, seconds=PATIENCE_SECONDS):
        """Until the job is over, requeues and all; its last state."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            answer = self.on("ctl", "scontrol", "show", "job", job, cwd=cwd)
            # an array is one record a task
            states = re.findall(r"JobState=(\w+)", answer.stdout)
            if states and all(one in OVER for one in states):
                return self.state(job, cwd)
            time.sleep(1.0)
        raise AssertionError(f"job {job} does not end: {self._said(self.state(job, cwd))}")


def scripts_of_page():
    """The shell blocks of docs/clusters.md, in order."""
    return re.findall(r"```bash\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
