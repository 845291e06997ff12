"""The table of published areas in the documentation, computed again."""

import re
from pathlib import Path

import numpy as np
import pytest

from hpmask import Mask

PAGE = Path(__file__).parents[2] / "docs" / "region-files.md"
SOURCES = {
    "SDSS window": ("sdss_window.dr6safe0.slice.ply", {"min_weight": 0}),
    "PSCz": ("pscz/hibpscz.pol", {"region_frame": "ecliptic"}),
    "constellations": ("constellations.bounds.json", {}),
    'plates of the DSS, `mode="overlap"`': ("moc-rust_polygon_list.txt", {"mode": "overlap"}),
}


def rows():
    """The names of the table, what is published, and the areas by order, in square degrees or in per cent."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    start = next(i for i, line in enumerate(lines) if "order 6" in line)
    orders = [int(number) for number in re.findall(r"order (\d+)", lines[start])]
    for line in lines[start + 1 :]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] in SOURCES:
            yield cells[0], cells[-1], dict(zip(orders, cells[1:], strict=False))


def test_the_table_has_all_files():
    assert {name for name, _, _ in rows()} == set(SOURCES)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("orders", [(6, 8), pytest.param((10, 12), marks=pytest.mark.deep)], ids=str)
@pytest.mark.filterwarnings("ignore:.*hold")
def test_areas_of_the_table(data, name, orders):
    file, options = SOURCES[name]
    (told,) = [areas for row, _, areas in rows() if row == name]
    for order in orders:
        mask = Mask.from_regions(data(f"regions/{file}"), order=order, **options)
        value = 100 * mask.sky_fraction if told[order].endswith("%") else mask.area.to_value("deg2")
        number = told[order].split()[0]
        digits = len(number.partition(".")[2])
        assert np.round(value, digits) == pytest.approx(float(number), abs=0.1 * 10.0**-digits), order
