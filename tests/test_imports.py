"""What a rank of a study must load: every one of 64 on a node holds it."""

import subprocess
import sys

# tables, figures and peers are for those who write or compare; parts of scipy for who calls them
LATE = (
    "pandas",
    "pyarrow",
    "matplotlib",
    "qutip",
    "scipy.integrate",
    "scipy.optimize",
    "scipy.interpolate",
    "scipy.sparse",
    "scipy.special",
)
RANK = """
import sys
import darkbattery.meanfield
import darkbattery.runs.start.execute
import darkbattery.trajectories
print(*(name for name in {names} if name in sys.modules))
"""


def test_a_rank_loads_neither_tables_nor_figures_nor_peers():
    command = [sys.executable, "-c", RANK.format(names=LATE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == []
