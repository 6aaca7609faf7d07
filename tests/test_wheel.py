"""The wheel takes one name of an environment, and leaves nothing of others behind."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from the files of the repository alone: a folder `build/` may hold older ones."""
    source, out = tmp_path_factory.mktemp("source") / "tree", tmp_path_factory.mktemp("wheel")
    left_out = shutil.ignore_patterns(".*", "build", "site", "__pycache__", "*.egg-info")

    def ignored(folder, names):
        """Results of a user lie at the top; `runs/results` is a room."""
        at_top = {"results"} if Path(folder) == ROOT else set()
        return left_out(folder, names) | at_top

    shutil.copytree(ROOT, source, symlinks=True, ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", out]
    done = subprocess.run([*command, source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_has_one_name_and_all_its_files(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"darkbattery"}
    code = {str(path.relative_to(ROOT)) for top in ("nvmodel", "trajectories", "meanfield", "runs")
            for path in (ROOT / top).rglob("*.py")}  # fmt: skip
    assert {f"darkbattery/{name}" for name in code} <= set(names)
    assert "darkbattery/runs/charging.toml" in names


@pytest.mark.long  # fetches a package
def test_another_package_named_runs_stays_whole(wheel, tmp_path):
    """`runs` of PyPI, which inquirer brings along, was overwritten."""
    target = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", target], check=True)
    python = target / "bin" / "python"
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "runs"], check=True)
    subprocess.run([*pip, "install", "--no-deps", wheel], check=True)
    # a folder of data beside a user's script hides nothing
    (tmp_path / "trajectories").mkdir()
    ask = "import runs, importlib.util as u; print(runs.__file__); print(runs.run.__name__); "
    ask += "print(u.find_spec('darkbattery.trajectories').origin)"
    found = subprocess.run([python, "-c", ask], cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    file, _, engine = found.stdout.split()
    assert "darkbattery" not in file
    assert engine.endswith("darkbattery/trajectories/__init__.py")
    subprocess.run([*pip, "uninstall", "--yes", "darkbattery"], check=True)
    subprocess.run([python, "-c", "import runs; runs.run"], check=True, cwd=tmp_path)
    assert not list(target.rglob("darkbattery*"))
