"""Hashes that are equal in all processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import EnergyAxis, Mask, MaskSet
from hpmask._utils.stable import stable_hash

SUPPORT = Path(__file__).parents[1] / "_support"

# What is made and hashed in other processes, with other salts and in other ways.
CODE = """
import hashlib, json, tempfile
from pathlib import Path
from astropy import units as u
from astropy.coordinates import SkyCoord
from hpmask import EnergyAxis, Mask, MaskSet
from dask.base import tokenize
from operations import without_dates

def salted(mask):
    return hash((mask.frame, mask.order))

axis = EnergyAxis([1, 3, 10] * u.TeV, name="énergie")
near = Mask.from_cones(SkyCoord([10, 20], [0, 40], unit="deg"), "3 deg", order=7)
bins = Mask.from_cones(SkyCoord([10, 20], [0, 40], unit="deg"), [[3, 5], [1, 2]] * u.deg, order=7, energy=axis)
masks = MaskSet({"near": near, "far": ~near, "zone": Mask.from_zone(lat=("-5 deg", "5 deg"), order=7)})
objects = dict(axis=axis, plane=near.planes[0], near=near, bins=bins, masks=masks)
found = {name: hash(one) for name, one in objects.items()}
found |= {name + ", token": tokenize(one) for name, one in objects.items()}
found["salted"] = salted(near)
with tempfile.TemporaryDirectory() as folder, without_dates():
    for name in ("a.fits", "a.fits.gz", "a.txt", "a.json", "a.parquet", "a.hsp", "a.reg", "a.geojson"):
        (bins if name == "a.fits" else near).write(Path(folder, name))
    near.write(Path(folder, "h.fits"), format="healpix")
    masks.write(Path(folder, "set.fits"))
    masks.write(Path(folder, "folder"), format="folder")
    near.view(Path(folder, "view.html"), open=False)
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
print(json.dumps(found))
"""


def in_a_process(salt):
    environment = os.environ | {"PYTHONHASHSEED": str(salt), "PYTHONPATH": str(SUPPORT)}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.deep
def test_hashes_tokens_and_files_are_equal_in_all_processes():
    one, other = in_a_process(1), in_a_process(77)
    # The check sees a hash of Python's, which is salted.
    assert one.pop("salted") != other.pop("salted")
    assert {name for name in one if one[name] != other[name]} == set()
    assert len(one) > 20


def test_hashes_stay_as_they_are():
    """They are the same in all versions."""
    axis = EnergyAxis([1, 3, 10] * u.TeV)
    north = Mask.from_zone(lat=("0 deg", "90 deg"), order=3)
    assert stable_hash("kind", "a", 1, None) == 1060856737976988743
    assert [hash(one) for one in (axis, north.planes[0], north, MaskSet({"north": north}))] == [
        362553414817549715,
        2094946305618116542,
        2234536184880311915,
        2196215345403824443,
    ]


def test_equal_objects_have_equal_hashes():
    north = Mask.from_zone(lat=("0 deg", "90 deg"), order=3)
    assert hash(north) == hash(north.at_order(6))
    assert hash(EnergyAxis([1, 2] * u.TeV, name=np.str_("e"))) == hash(EnergyAxis([1000, 2000] * u.GeV, name="e"))


def test_parts_are_told_apart():
    given = [("a",), ("a", ""), ("", "a"), ("a", "b"), ("ab",), ("b", "a"), ("1",), (1,), (None,), ("None",), ()]
    assert len({stable_hash("kind", *parts) for parts in given}) == len(given)
    assert stable_hash("kind", "a") != stable_hash("other", "a")
    # Python leaves them as they are.
    assert all(hash(value) == value for value in (stable_hash("kind", k) for k in range(100)))


def test_masks_that_differ_have_different_hashes():
    places = SkyCoord(np.arange(200.0), 0, unit="deg")
    masks = [Mask.from_cones(place, "1 deg", order=8) for place in places]
    masks += [Mask(mask.planes[0], frame="galactic") for mask in masks]
    assert len({hash(mask) for mask in masks}) == len(masks)
