"""Wall time of a study over all its starts, kept in its unfinished folder."""

import json
from pathlib import Path

WALL = "wall_seconds.json"


def wall_seconds_so_far(folder: Path) -> float:
    """Seconds that earlier starts of the study in `folder` took; 0 where none is known."""
    try:
        return max(0.0, float(json.loads((folder / WALL).read_text("utf-8"))))
    except (OSError, ValueError, TypeError):
        return 0.0


def add_wall_seconds(folder: Path, seconds: float) -> None:
    """Keep that so many more were spent; what cannot be kept (a full disk) is not worth a stop."""
    total = wall_seconds_so_far(folder) + seconds
    try:
        (folder / WALL).write_text(f"{total:.3f}\n", encoding="utf-8")
    except OSError:
        return
