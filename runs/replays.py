"""Many runs of a result again, to the bit, as tables: photons, states over time, last states."""

from pathlib import Path

from darkbattery import trajectories
from darkbattery.nvmodel.refusal import InputError, whole_number
from darkbattery.runs.choice import chosen
from darkbattery.runs.store import Result


def save_many(result: Result, first: int, last: int, point: int, folder: Path) -> list[Path]:
    """Write the runs `first` to `last` of one point as three Parquet files; their paths.

    ``...-jumps`` has a row a jump, ``...-states`` one a run and output time, with the battery's
    conditional populations, ``...-final`` one an amplitude of the state at the last time.
    """
    definition = result.study.definition
    if definition.runs is None:
        raise InputError("folder", definition.title, "holds no single runs")
    points = definition.points()
    whole_number("--point", point, least=0, most=len(points) - 1)
    end = definition.first + definition.runs - 1
    whole_number("--run", first, least=definition.first, most=end)
    whole_number("--to", last, least=first, most=end)
    one = chosen(definition, points[point], "sample")
    if one.definition.engine != "quantum":
        raise InputError(
            "--to", last, "only of the quantum engine: paths have no photons one by one"
        )
    times = definition.times_of(points[point].model)
    runs = range(first, last + 1)
    found = trajectories.single_runs(one.model, times, definition.seed, runs)
    folder.mkdir(parents=True, exist_ok=True)
    name, paths = f"point-{point}-runs-{first}-{last}", []
    for kind, table in (
        ("jumps", found.jumps_to_dataframe()),
        ("states", found.states_to_dataframe()),
        ("final", found.final_states_to_dataframe()),
    ):
        paths.append(folder / f"{name}-{kind}.parquet")
        table.to_parquet(paths[-1], index=False)
    return paths
