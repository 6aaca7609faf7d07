"""The gallery's page shows the shipped definitions as they are."""

from pathlib import Path

from darkbattery.runs.studies.gallery import PICTURES, entry

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_shows_the_definitions_as_shipped():
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    for picture in PICTURES:
        name = f"gallery-{picture.definition.replace('/', '-')}.png"
        assert entry(picture, name) in page
        assert (DOCS / "figures" / name).is_file()
