"""Damaged region files of all formats: read as some regions, or refused by a ValueError that names the file.

To run more than the cases of the test: ``python tests/regions/test_region_damage.py 1000``, which also prints the
slowest case and the most memory.
"""

import json
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from damage import damaged, damaged_text, outcomes

from hpmask.regions.convert import to_shapes
from hpmask.regions.rasterize import shapes_plane

TURN = np.linspace(0, 2 * np.pi, 7)[:-1]
RING = np.round(np.stack([10 + 3 * np.cos(TURN), 20 + 3 * np.sin(TURN)], axis=1), 6)


def stcs(path):
    corners = " ".join(map(str, RING.ravel()))
    path.write_text(
        "# footprints\nCircle ICRS TOPOCENTER 10 20 1.5 unit deg\nPOLYGON " + corners + "\n"
        "Union FK5 (Circle 10 20 3 Not (Box 10 20 1 2) Intersection (Ellipse 10 20 4 2 30 Circle 12 20 3))\n"
        "CIRCLE('GALACTIC', 10, 20, 3)\nConvex CART3 0 0 1 0.9 1 0 0 0 RANGE 10 20 -5 5\n"
    )


def geojson(path):
    rings = [np.vstack([some, some[:1]]).tolist() for some in (RING, (RING - [10, 20]) * 0.3 + [10, 20])]
    one = {"type": "Polygon", "coordinates": rings}
    two = {"type": "MultiPolygon", "coordinates": [rings, rings[:1]]}
    point = {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1, 2]}]}
    features = [{"type": "Feature", "id": k, "properties": {}, "geometry": g} for k, g in enumerate((one, two, point))]
    path.write_text(json.dumps({"type": "FeatureCollection", "frame": "fk5", "features": features}, indent=1))


def mangle(path):
    path.write_text(
        "3 polygons\npixelization 1d\nsnapped\npolygon 1 ( 3 caps, 0.86 weight, 7 pixel, 0.000654 str):\n"
        " -0.2578376418299718 -0.0225647768426473 0.9659247285899666 -1.0110097289055111\n"
        " 0.7681766324901956 -0.6111447424234377 0.1908055688501065 0.0003381215107566\n"
        " 0.0871557427476581736 -0.9961946980917455323 -0.0 0.3076923076923077093\n"
        "polygon 2 ( 2 caps, 1 weight, 0.000654 str):\n 0 0 1 0.5\n 0 0 1 -0.4\npolygon 3 ( 1 caps, 0 weight, 1 str):\n"
        " 1 0 0 0.1\n"
    )


def rectangles(path):
    path.write_text("unit d\nrectangle\n azmin azmax elmin elmax\n10 20 30 40\n350 10 -20 -10\n0 360 80 90\n")


def vertices(path):
    path.write_text(
        f"unit d\nskip 0\nvertices 781 6\nr  {'  '.join(map(str, RING.ravel()))}\ncircle\n10 20 5 12 20 5\n"
    )


def corners_in_rows(path):
    rows = "\n".join(f"{lon} {lat} {k}" for k in (1, 2) for lon, lat in RING + 10 * k)
    path.write_text(f"# A survey\n# RA DEC POLY\n{rows}\n")


def tiles():
    table = Table({"NAME": ["a", "b", "c"]})
    for k in range(4):
        table[f"RAC{k + 1}"] = [RING[k, 0], 100 + k, 200.0]
        table[f"DECC{k + 1}"] = [RING[k, 1], (k - 2) ** 2, 10.0 + 2 * k]
    table["RAC4"][2] = 201
    return table


def tiles_fits(path):
    tiles().write(path, format="fits")


def tiles_csv(path):
    tiles().write(path, format="ascii.csv")


def tiles_vot(path):
    tiles().write(path, format="votable")


def s_region(path):
    Table({"id": [1, 2], "s_region": ["CIRCLE ICRS 10 20 3", "POLYGON 40 10 60 10 50 40"]}).write(path)


FILES = {
    stcs: ".stcs",
    geojson: ".geojson",
    mangle: ".ply",
    rectangles: ".rect",
    vertices: ".vrt",
    corners_in_rows: ".txt",
    tiles_fits: ".fits",
    tiles_csv: ".csv",
    tiles_vot: ".vot",
    s_region: ".ecsv",
}


def outcome(path):
    """What reading a file ends in: "read" or "refused"; raises where it ends in anything else."""
    try:
        shapes = to_shapes(path, "icrs", invalid="skip")
        shapes_plane(shapes, order=4, n_threads=1)
    except ValueError as error:
        if path.name not in str(error):
            raise
        return "refused"
    return "read"


def run(write, n, seed, folder):
    path = Path(folder) / f"{write.__name__}{FILES[write]}"
    path.unlink(missing_ok=True)
    write(path)
    whole = path.read_bytes()
    assert outcome(path) == "read"
    copies = (damaged if path.suffix == ".fits" else damaged_text)(whole, n, seed)
    return outcomes(copies, path, outcome)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("write", FILES, ids=lambda one: one.__name__)
def test_damaged_files_are_read_or_refused(write, tmp_path):
    counts, slowest, failed = run(write, 60, 7, tmp_path)
    assert not failed
    # Of STC-S, lines that cannot be read are left out.
    assert counts["refused"] > 3
    assert slowest[0] < 5, slowest


@pytest.mark.filterwarnings("ignore")
def test_damaged_real_files_are_read_or_refused(data, tmp_path):
    for name in (
        "2dF_ngpholes.dat",
        "skyproj_roman-hlwas-poly.txt",
        "pscz/hibpscz.exclude.rect",
        "constellations.bounds.json",
    ):
        whole = data(f"regions/{name}").read_bytes()
        _, slowest, failed = outcomes(damaged_text(whole, 10, 3), tmp_path / Path(name).name, outcome)
        assert not failed
        assert slowest[0] < 10, slowest


@pytest.mark.deep
def test_files_that_ask_for_too_much(tmp_path):
    path = tmp_path / "a.ply"
    for text in (
        "polygon 1 ( 1000000000 caps, 1 weight, 1 str):\n 0 0 1 0.5\n",
        "unit d\nvertices 1 999999999999\n1 2 3 4 5 6\n",
        "unit d\nskip 99999999999999999999\nvertices\n1 2 3 4 5 6\n",
        "(" * 1_000_000,
        "Union " + "(" * 1_000_000,
        '{"type": ' * 100_000,
        "POLYGON " + "1 " * 1_000_001,
        "POLYGON " + "9" * 1_000_000,
    ):
        path.write_text(text)
        assert outcome(path) == "refused"


if __name__ == "__main__":
    import resource

    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for write in FILES:
            print(write.__name__, *run(write, int(sys.argv[1]), 100, folder), flush=True)
    print(f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB of memory")
