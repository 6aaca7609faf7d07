"""The gallery of the docs: shipped run definitions, and the figures that they draw."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from darkbattery.runs.definitions.definition import find_definition
from darkbattery.runs.pages.typeset import typeset


@dataclass(frozen=True)
class Picture:
    """A shipped definition and what is to be seen in its figure."""

    definition: str
    title: str
    caption: str


PICTURES = (
    Picture(
        "charging",
        "Charging, exactly and run by run",
        "Three batteries at R = 5. Single runs end in one of few dark states; their averages meet "
        "the exact curves within two standard errors.",
    ),
    Picture(
        "discharge",
        "Store, dephase, discharge",
        "The charger is disconnected at the last line; dephasing the battery just before slows the "
        "discharge, and leaves a share of the energy dark for ever.",
    ),
    Picture(
        "superconducting",
        "A few transmons",
        "Charged within a microsecond and held until $T_1$ and $T_2$ break the dark state. "
        "At 100 mK photons of the refrigerator come and go through the resonator; what the battery "
        "holds hardly changes. Who sees every photon and every jump of a single spin can extract "
        "work (daemonic ergotropy) long after the average state has none to give.",
    ),
    Picture(
        "nv_battery",
        "NV centres at a resonator",
        "1e16 spins with an inhomogeneous line, by second-order cumulants and truncated Wigner.",
    ),
    Picture(
        "baselines/dicke",
        "The Dicke battery",
        "Spins in one closed resonator with as many photons (Ferraro et al. 2018), beside as many "
        "single spins with a resonator each.",
    ),
)


DEFINITIONS = tuple(picture.definition for picture in PICTURES)

HEAD = """# Gallery

What results look like. For example, `darkbattery run charging` draws the first. Every figure comes
from a shipped run definition: `darkbattery run NAME` draws it again, `make gallery` all of them.
"""


def entry(picture: Picture, figure: str) -> str:
    """One picture of the page, with its definition."""
    toml = find_definition(picture.definition).read_text(encoding="utf-8").strip()
    return (
        f"## {picture.title}\n\n![{picture.title}](figures/{figure})\n\n"
        f"{typeset(picture.caption)}\n\n"
        f"`darkbattery run {picture.definition}`\n\n```toml\n{toml}\n```\n"
    )


def tell(results: Path, page: Path) -> None:
    """Write the page anew, with the figures of all definitions."""
    parts = [HEAD]
    for picture in PICTURES:
        folder = results / picture.definition.replace("/", "-")
        name = f"gallery-{folder.name}.png"
        shutil.copyfile(folder / "figures" / "charging.png", page.parent / "figures" / name)
        parts.append(entry(picture, name))
    page.write_text("\n".join(parts), encoding="utf-8")
