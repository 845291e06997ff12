"""The code of docs/hats.md runs, with a small catalog in place of that of Gaia."""

import re
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from hpmask import Mask
from hpmask.catalog import MagnitudeLaw, write_hats

lsdb = pytest.importorskip("lsdb")
PAGE = Path(__file__).parents[3] / "docs" / "hats.md"
URL = "https://data.lsdb.io/hats/gaia_dr3"


@pytest.mark.filterwarnings("ignore")
def test_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    table = {
        "ra": rng.uniform(0, 90, 400),
        "dec": rng.uniform(-30, 30, 400),
        "phot_g_mean_mag": rng.uniform(6, 14, 400),
    }
    write_hats(table, tmp_path / "gaia", max_rows=100)
    coord = SkyCoord(table["ra"], table["dec"], unit="deg")
    mask = Mask.from_zone(("20 deg", "60 deg"), ("-20 deg", "10 deg"), order=8)
    mask.write("mask.fits")
    # What the page takes for granted.
    names = {"Mask": Mask, "MagnitudeLaw": MagnitudeLaw, "lsdb": lsdb, "np": np, "table": table}
    names |= {"mask": mask, "footprint": mask}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 7
    found = {}
    for block in blocks:
        last = block.rstrip().splitlines()[-1]
        if last.startswith("catalog.merge_map"):
            block = block.replace(last, f"merged = {last}")
        exec(compile(block.replace(URL, "gaia"), str(PAGE), "exec"), names)
        if "kept" in names:
            found[len(found)] = names.pop("kept").compute(progress_bar=False)
    by_stars, by_file = found.values()
    bright = {name: values[table["phot_g_mean_mag"] < 13] for name, values in table.items()}
    law = MagnitudeLaw("phot_g_mean_mag", {6: "4 arcmin", 12: "15 arcsec"}, fainter="hold")
    assert names["stars"] == Mask.from_catalog(bright, law, within=mask, order=15)
    assert len(by_stars) == np.count_nonzero(~names["stars"].contains(coord))
    assert len(by_file) == np.count_nonzero(mask.contains(coord)) > 10
    merged = names["merged"].compute(progress_bar=False)
    assert np.array_equal(merged["kept"], mask.contains(merged["ra"], merged["dec"]))
    assert len(lsdb.open_catalog("stars").compute(progress_bar=False)) == 400
