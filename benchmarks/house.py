"""The form of the source in numbers, beside what is asked of it.

`make house` prints the table; `python benchmarks/house.py --list` what stands behind each number.
Counted is Python source of the packages that are installed, not tests. How many files a new
observable, a noise process or a changed limit touches is counted by hand.
"""

import argparse
import ast
import io
import subprocess
import sys
import tokenize
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
NAME = "darkbattery"
ENGINES = ("nvmodel", "trajectories", "meanfield")
PACKAGES = (*ENGINES, "runs")
MODELS = {"CollectiveBattery", "ResonatorBattery", "DickeBattery", "Experiment", "Model"}
Shapes = dict[str, list[tuple[int, str]]]  # of every file: numbers of lines, and their shapes
SHARED_LINES = 6
FEWEST_SHAPES = 3  # among them: fewer is a list of arguments or of data, not a repetition


@dataclass(frozen=True)
class Measure:
    """A number, what was asked of it, and what it counts, one by one."""

    name: str
    found: str
    asked: str
    behind: tuple[str, ...] = ()


@cache
def sources(package: str) -> dict[str, Path]:
    """The modules of a package by the names they are imported under."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = parts[:-1] if parts[-1] == "__init__" else parts
        found[".".join((NAME, *name))] = path
    return found


def all_sources() -> dict[str, Path]:
    """The modules of all packages."""
    return {name: path for package in PACKAGES for name, path in sources(package).items()}


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text())


def lines_of(paths: Iterable[Path]) -> int:
    """How many lines these files have."""
    return sum(len(path.read_text().splitlines()) for path in paths)


def imports_of(path: Path, known: Mapping[str, Path]) -> set[str]:
    """The modules of ours that a file imports, at its head or later."""
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in known else node.module)
    return {name for name in found if name in known and known[name] != path}


def longest_chain(package: str) -> Measure:
    """The longest way down through the modules of a package that import each other."""
    # the package's own list of names imports everything and is no floor
    known = {name: path for name, path in sources(package).items() if name != f"{NAME}.{package}"}
    below = {name: sorted(imports_of(path, known)) for name, path in known.items()}
    ways: dict[str, tuple[str, ...]] = {}

    def way(name: str, above: tuple[str, ...]) -> tuple[str, ...]:
        if name in above:  # a circle of imports inside functions
            return ()
        if name not in ways:
            rest = (way(one, (*above, name)) for one in below[name])
            ways[name] = (name, *max(rest, key=len, default=()))
        return ways[name]

    longest = max((way(name, ()) for name in known), key=len)
    asked = {"trajectories": "6", "runs": "8"}[package]
    return Measure(f"longest import chain in {package}", str(len(longest)), asked, longest)


def private_imports() -> Measure:
    """Names with an underscore that a file takes from another one."""
    known, found = all_sources(), []
    for name, path in known.items():
        modules = {}
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == NAME:
                for alias in node.names:
                    if alias.name.startswith("_"):
                        found.append(f"{name}: {alias.name} of {node.module}")
                    modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            if isinstance(node, ast.Import):
                modules |= {a.asname or a.name: a.name for a in node.names}
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module = modules.get(node.value.id)
                private = node.attr.startswith("_") and not node.attr.startswith("__")
                if private and module in known:
                    found.append(f"{name}: {node.attr} of {module}")
    return Measure("private names imported across files", str(len(found)), "0", tuple(found))


def model_questions() -> Measure:
    """Places that ask which model they have."""
    found = []
    for name, path in all_sources().items():
        for node in ast.walk(tree_of(path)):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance"):
                continue
            asked = {one.id for one in ast.walk(node.args[1]) if isinstance(one, ast.Name)}
            if asked & MODELS:
                found.append(f"{name}:{node.lineno}")
    return Measure("isinstance on models", str(len(found)), "4", tuple(found))


def upward_imports() -> Measure:
    """Imports from a lower room of runs to a higher one, by the rooms that `make lint` knows."""
    known = {name: path for name, path in sources("runs").items() if name != f"{NAME}.runs"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c.get("containers") == [f"{NAME}.runs"])
    floors = {
        room: -i for i, rooms in enumerate(layers) for room in rooms.replace("|", " ").split()
    }
    bottom = -len(layers)
    found = [
        f"{name} -> {other}"
        for name, path in known.items()
        for other in sorted(imports_of(path, known))
        if floors.get(other.split(".")[2], bottom) > floors.get(name.split(".")[2], bottom)
    ]
    return Measure("imports upwards in runs", str(len(found)), "0", tuple(found))


def sizes() -> tuple[Measure, Measure]:
    """Lines of the engines with their model, and of all else."""
    engines = {package: lines_of(sources(package).values()) for package in ENGINES}
    parts = tuple(f"{package}: {lines:,}" for package, lines in engines.items())
    runs = sources("runs")
    return (
        Measure(f"lines in {' + '.join(ENGINES)}", f"{sum(engines.values()):,}", "16,500", parts),
        Measure(
            "lines in runs",
            f"{lines_of(runs.values()):,}",
            "8,500",
            (f"{len(runs)} files",),
        ),
    )


# --- places of the same shape


def lines_within(node: ast.stmt) -> set[int]:
    """Numbers of the lines of a statement."""
    return set(range(node.lineno, (node.end_lineno or node.lineno) + 1))


def shapes_of(path: Path) -> list[tuple[int, str]]:
    """Lines of functions by their shapes: names, numbers and texts made equal.

    Data outside of functions are tables, whose rows are alike; imports and documentation are left
    out too.
    """
    inside: set[int] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef):
            inside |= lines_within(node)
    for node in ast.walk(tree_of(path)):
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if text or isinstance(node, ast.Import | ast.ImportFrom):
            inside -= lines_within(node)
    words = {"NAME": "n", "NUMBER": "0", "STRING": "s", "FSTRING_MIDDLE": "s"}
    kept = ("def", "class", "return", "if", "elif", "else", "for", "in", "while", "with", "yield",
            "raise", "assert", "lambda", "not", "and", "or", "is", "None", "True", "False", "try",
            "except")  # fmt: skip
    lines: dict[int, list[str]] = defaultdict(list)
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        kind, line = tokenize.tok_name[token.type], token.start[0]
        if kind in ("COMMENT", "NL", "NEWLINE", "INDENT", "DEDENT", "ENDMARKER"):
            continue
        if line in inside:
            lines[line].append(
                token.string if token.string in kept else words.get(kind, token.string)
            )
    return [(line, " ".join(tokens)) for line, tokens in sorted(lines.items())]


def bodies_of(path: Path) -> list[tuple[int, str]]:
    """The same without the arguments of functions, a line each, which are as alike as a table's."""
    arguments: set[int] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef):
            arguments |= set(range(node.lineno + 1, node.body[0].lineno))
    return [(line, shape) for line, shape in shapes_of(path) if line not in arguments]


def windows(shapes: Shapes) -> Iterator[tuple[tuple[str, ...], str, int]]:
    """Every six lines that follow each other, with the file and the place in it."""
    for name, lines in shapes.items():
        for i in range(len(lines) - SHARED_LINES + 1):
            window = tuple(shape for _, shape in lines[i : i + SHARED_LINES])
            if len(set(window)) >= FEWEST_SHAPES:
                yield window, name, i


def shared_shapes(kind: str, asked: str, read: Callable[[Path], list[tuple[int, str]]]) -> Measure:
    """Pairs of places with six or more lines of one shape; each pair once, however long."""
    shapes = {name: read(path) for name, path in all_sources().items()}
    places = defaultdict(list)
    for window, name, i in windows(shapes):
        places[window].append((name, i))
    pairs = {
        (one, two)
        for found in places.values()
        for k, one in enumerate(found)
        for two in found[k + 1 :]
        # a place does not repeat itself, one line further on
        if one[0] != two[0] or two[1] - one[1] >= SHARED_LINES
    }
    starts = [
        (one, two)
        for one, two in pairs
        if ((one[0], one[1] - 1), (two[0], two[1] - 1)) not in pairs
    ]
    line = {name: [number for number, _ in lines] for name, lines in shapes.items()}
    behind = sorted(
        " = ".join(f"{name}:{line[name][i]}" for name, i in (one, two)) for one, two in starts
    )
    return Measure(
        f"pairs of places of {SHARED_LINES} or more {kind} of one shape",
        str(len(behind)),
        asked,
        tuple(behind),
    )


# --- files that a call of a sampler runs through

CALLS = {
    "T = 0": ("CollectiveBattery(3, 7)", "9 (1.7k)"),
    "T > 0": ("CollectiveBattery(3, 7, nbar=0.4)", "11 (2.5k)"),
    "local noise": (
        "CollectiveBattery(3, 7, battery_noise=LocalNoise(0.3, 0.2, 0.1))",
        "12 (2.6k)",
    ),
}


def files_opened(name: str) -> Measure:
    """The files whose functions a call of `sample` runs through, in a process of its own.

    Of compiled functions all branches count, as a reader meets them.
    """
    model, asked = CALLS[name]
    command = [sys.executable, __file__, "--follow", model]
    out = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    paths = [Path(line) for line in out.split()]
    behind = tuple(f"{path.relative_to(ROOT)}: {lines_of([path])}" for path in paths)
    found = f"{len(paths)} ({lines_of(paths) / 1000:.1f}k)"
    return Measure(f"files opened for the sampler, {name} (lines)", found, asked, behind)


def follow(model: str) -> list[str]:
    """The files that one call of `sample` runs through."""
    from darkbattery import trajectories
    from darkbattery.nvmodel.battery import CollectiveBattery
    from darkbattery.nvmodel.spins import LocalNoise

    battery = eval(model, {"CollectiveBattery": CollectiveBattery, "LocalNoise": LocalNoise})
    before, seen = compiled(), set()

    def note(frame: object, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name != "<module>":
            seen.add(frame.f_code.co_filename)

    sys.setprofile(note)
    try:
        trajectories.sample(battery, [0.0, 0.3], runs=10, seed=1)
    finally:
        sys.setprofile(None)
    kernels = {key: kernel for key, kernel in compiled().items() if key not in before}
    seen |= kernel_files(kernels.values())
    ours = [Path(name).resolve() for name in seen if Path(name).is_file()]
    return sorted(
        str(path)
        for path in ours
        if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in ENGINES
    )


def compiled() -> dict[int, object]:
    """Kernels that were called, or compiled for one that was."""
    from numba.core.dispatcher import Dispatcher

    return {
        id(value): value
        for name, module in list(sys.modules.items())
        if name.split(".")[0] == NAME
        for value in vars(module).values()
        if isinstance(value, Dispatcher) and value.signatures
    }


def kernel_files(kernels: Iterable[object]) -> set[str]:
    """Files of kernels and of all kernels that these call: compiled code leaves no other trace."""
    from numba.core.dispatcher import Dispatcher

    found: set[str] = set()
    todo, done = list(kernels), set()
    while todo:
        function = todo.pop().py_func
        if function in done:
            continue
        done.add(function)
        found.add(function.__code__.co_filename)
        names = function.__code__.co_names
        called = (function.__globals__.get(name) for name in names)
        todo += [one for one in called if isinstance(one, Dispatcher)]
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="what stands behind each number")
    parser.add_argument("--follow", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.follow:
        print("\n".join(follow(given.follow)))
        return
    measures = [
        *(files_opened(name) for name in CALLS),
        longest_chain("trajectories"),
        private_imports(),
        model_questions(),
        *sizes(),
        shared_shapes("lines", "below 50", shapes_of),
        shared_shapes("lines of bodies", "", bodies_of),
        longest_chain("runs"),
        upward_imports(),
    ]
    table = Table("measure", "today", "asked")
    for one in measures:
        table.add_row(one.name, one.found, one.asked)
    Console().print(table)
    for one in measures if given.list else ():
        print(f"\n{one.name}: {one.found}", *one.behind, sep="\n  ")


if __name__ == "__main__":
    main()
