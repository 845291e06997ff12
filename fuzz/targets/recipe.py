"""Recipes in TOML, with the files beside them that they name."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits

from fuzz.checks import Fault, as_file, check_mask, check_round_trip, equal, outcome
from fuzz.doors.catalogs import sources, written
from fuzz.doors.tables import masks
from fuzz.mutators.texts import text_mutator
from hpmask import Mask
from hpmask.recipe import RecipeError, read_recipe
from hpmask.wcs import field_wcs

__all__ = ["WORDS", "mutate", "one", "seeds"]

_WORDS = (
    "order resolution frame mode title energy catalog radius semi_major semi_minor position_angle regions ds9 "
    'zone mask image map skymap name dilate erode energy_min energy_max hdu lon lat where invalid "skip" "raise" '
    "wcs line_width point_radius format region_frame min_weight columns column nest nan outside threshold low "
    "high select closed connectivity credible crossing normalize density edges min max bins interp width height "
    'center binsz projection file plot times plus at_least missing magnitude law "galactic" "overlap" "1 deg" "-1 '
    'deg" "1e400 deg" "TeV" "stars.ecsv" "image.fits" "mask.fits" [[exclude]] [[keep]] [[cutout]] {} [] true '
    'false nan inf 1979-05-27 "../stars.ecsv" "/dev/zero" "http://127.0.0.1/x"'
)
WORDS = (*(word.encode() for word in _WORDS.split()), b"'''", b"\n", b"circle(10,20,3)")
mutate = text_mutator(WORDS)

# What is too much to be built for each input: recipes with finer cells are only read.
_MOST_ORDER = 7
_MOST_BINS = 8


def one(data: bytes) -> None:
    path = as_file(data, "recipe.toml")
    for name, content in _beside().items():
        as_file(content, name)
    recipe = outcome(lambda: read_recipe(path), path, (RecipeError,), f"{path}:")
    if recipe is None:
        return
    n_bins = 1 if recipe.grid.energy is None else recipe.grid.energy.n_bins
    if recipe.order is None or recipe.order > _MOST_ORDER or n_bins > _MOST_BINS:
        return
    mask = outcome(recipe.build, path, (RecipeError,), f"{path}:")
    if mask is None:
        return
    check_mask(mask)
    check_round_trip(mask)
    sky = Mask.full(order=recipe.order, frame=mask.frame, energy=mask.energy)
    for entry in recipe.entries:
        part = recipe.part(entry).mask
        changed = sky & part if entry.verb == "keep" else sky - part
        # In the other bins, the entry has no effect.
        holds = entry.bins or (True,) * n_bins
        planes = [new if held else old for new, old, held in zip(changed.planes, sky.planes, holds, strict=True)]
        sky = Mask(planes if mask.energy else planes[0], order=recipe.order, frame=mask.frame, energy=mask.energy)
    equal(mask, sky, "put together from the parts")
    if mask.order != recipe.order:
        raise Fault("order", f"the recipe has order {recipe.order}, and its mask has {mask.order}")


@cache
def _beside() -> dict[str, bytes]:
    """The files that the recipes name."""
    header = field_wcs(SkyCoord(10, 20, unit="deg"), "10 deg", binsz="1 deg")[0].to_header()
    image, mask = io.BytesIO(), io.BytesIO()
    fits.PrimaryHDU(np.arange(100.0).reshape(10, 10) / 20, header).writeto(image)
    masks()["plain"].write(mask, format="fits")
    return {
        "stars.ecsv": written(sources(), "ascii.ecsv"),
        "image.fits": image.getvalue(),
        "mask.fits": mask.getvalue(),
    }


def seeds() -> dict[str, bytes]:
    whole = """title = "Everything"
order = 5
frame = "galactic"
energy = { min = "10 GeV", max = "1 TeV", bins = 2 }
[[exclude]]
catalog = "stars.ecsv"
radius = ["3 deg", { column = "flux", unit = "deg", times = 1.5, at_least = "2 deg", missing = "3 deg" }]
where = ["flux > 1e-9", "name != 'A'"]
[[exclude]]
energy_min = "100 GeV"
ds9 = '''
galactic; circle(184.56, -5.78, 5)
'''
[[exclude]]
map = "image.fits"
low = 1
high = [2.5, 3.5]
select = ">="
nan = "skip"
dilate = ["0.5 deg", "30 arcmin"]
[[keep]]
mode = "overlap"
[keep.zone]
lon = ["350 deg", "100 deg"]
lat = ["-50 deg", "50 deg"]
frame = "icrs"
[[cutout]]
file = "a.fits"
center = "83.63 22.01"
width = "5 deg"
"""
    short = """order = 4
[[keep]]
mask = "mask.fits"
[[exclude]]
image = "image.fits"
threshold = [-2, 2]
select = "outside"
closed = "both"
nan = "select"
[[exclude]]
zone = { lat = ["-2 deg", "2 deg"], frame = "galactic" }
erode = "1 deg"
"""
    return {"whole": whole.encode(), "short": short.encode()}
